/** What keeps single objects from healing although the daemon tries, as far as the brick that has the good copy can tell. Pure. */
import { formatBytes, formatDuration } from '../lib/units.ts';
import type { PendingEntry } from './entry.ts';
import type { Finding } from './explain.ts';
import { isLeftDirty } from './left-dirty.ts';

/** What a PV holds on this brick and may hold in its running process, in bytes. */
export interface PvUse {
  usedBytes: bigint;
  limitBytes: bigint;
}

/** Undefined: the PV has no limit, or its use is not known. */
export type PvUseOf = (pv: string) => PvUse | undefined;

/** Of the backlog as a whole, so many are told by name. */
const MAX_TOLD = 5;
/** Heal writes a file in pieces of 128 KiB, several at a time: with less room than this some piece may not fit. */
const ROOM_BYTES = 1024n ** 2n;
export interface ObstacleFacts {
  useOf: PvUseOf;
  /** Wall-clock milliseconds. */
  now: number;
}

/** The gravest first; empty: none is seen. */
export function obstaclesOf(entry: PendingEntry, { useOf, now }: ObstacleFacts): Finding[] {
  return [...namespaceLoop(entry), ...leftDirty(entry, now), ...noRoom(entry, useOf, now)];
}

/** Those of a sample of the backlog, each once a PV. */
export function obstaclesAmong(entries: readonly PendingEntry[], facts: ObstacleFacts): Finding[] {
  const found = new Map<string, Finding>();
  for (const entry of entries) {
    for (const finding of obstaclesOf(entry, facts)) {
      const key = `${finding.reason} ${entry.pv ?? entry.gfid}`;
      if (found.size < MAX_TOLD && !found.has(key)) found.set(key, finding);
    }
  }
  return [...found.values()];
}

function namespaceLoop({ isNamespace, blames, paths: [path = '/…'] }: PendingEntry): Finding[] {
  const metadata = Math.max(0, ...blames.filter(({ isSelf }) => !isSelf).map((blame) => blame.metadata));
  if (!isNamespace || metadata === 0) return [];
  const blamed = blames.map(({ child }) => child).join(', ');
  return [
    {
      reason: 'NamespaceLoop',
      severity: 'error',
      message:
        `${path}: a quota directory with pending metadata (${metadata} for ${blamed}): the brick that missed it refuses to have its ` +
        'namespace attribute removed, so with GlusterFS 11 this heal begins anew for ever',
      remedy: `on the backend of ${blamed}: setfattr -x trusted.glusterfs.namespace <brick>${path}, then brick-agent heal start`,
    },
  ];
}

function leftDirty(entry: PendingEntry, now: number): Finding[] {
  const { changedAt, paths, gfid } = entry;
  if (!isLeftDirty(entry, now) || changedAt === undefined) return [];
  return [
    {
      reason: 'LeftDirty',
      severity: 'warning',
      message:
        `${paths[0] ?? gfid} has been marked as being written for ${formatDuration(now - changedAt)}, and nobody writes it: the write ` +
        'was cut off, or only some bricks took it, so the copies may differ until they are compared',
      remedy:
        'brick-agent heal start; if it stays, some brick refuses what heal writes: look at the quota and the disk of each',
    },
  ];
}

/**
 * A brick that is healed counts and limits what heal writes like anything else (measured on 11.1): it takes no more than the limit
 * allows. A PV that holds more than that here cannot be whole there; and of one that is full, each brick counts a little differently.
 */
function noRoom(entry: PendingEntry, useOf: PvUseOf, now: number): Finding[] {
  const { pv, kinds, blames } = entry;
  const use = pv === undefined ? undefined : useOf(pv);
  const grows = kinds.includes('data') || kinds.includes('entry');
  const isBehind = grows && blames.length > 0;
  if (pv === undefined || use === undefined || !(isBehind || isLeftDirty(entry, now))) return [];
  const { usedBytes, limitBytes } = use;
  const blamed = isBehind ? blames.map(({ child }) => child).join(', ') : 'a brick with less of it';
  if (usedBytes > limitBytes) {
    return [
      {
        reason: 'PvOverLimit',
        severity: 'error',
        message:
          `${pv} holds ${formatBytes(usedBytes)} here and its limit is ${formatBytes(limitBytes)}: ${blamed} takes no more than ` +
          'that and refuses what heal writes beyond it (EDQUOT), so this heal does not end',
        remedy: `raise its limit above what it holds, or delete some of it; then brick-agent heal start`,
      },
    ];
  }
  if (limitBytes - usedBytes >= ROOM_BYTES) return [];
  return [
    {
      reason: 'PvFull',
      severity: 'warning',
      message:
        `${pv} has ${formatBytes(limitBytes - usedBytes)} left of its limit of ${formatBytes(limitBytes)} here: ${blamed} may have no room ` +
        'for what heal writes (EDQUOT), and then this heal does not end',
      remedy: `raise its limit by a few MiB until it is healed, or delete some of it; then brick-agent heal start`,
    },
  ];
}
