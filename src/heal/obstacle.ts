/** What keeps single objects from healing although the daemon tries, as far as the brick that has the good copy can tell. Pure. */
import { formatBytes, formatDuration } from '../lib/units.ts';
import type { PendingEntry } from './entry.ts';
import type { Finding } from './explain.ts';
import { isLeftDirty } from './left-dirty.ts';

/** What a PV holds on this brick and may hold in its running process, in bytes. */
export interface PvUse {
  usedBytes: bigint;
  limitBytes: bigint;
  /** By so much a scan has found the brick's counter too high; undefined: it has not. */
  excessBytes?: bigint | undefined;
}

/** Undefined: the PV has no limit, or its use is not known. */
export type PvUseOf = (pv: string) => PvUse | undefined;

/** The same on the other bricks of the set, as their agents say, by the name under which each is blamed; those that are not in it are not known. */
export type OtherUses = (pv: string) => ReadonlyMap<string, PvUse>;

/** Of the backlog as a whole, so many are told by name. */
const MAX_TOLD = 5;
/** Heal writes a file in pieces of 128 KiB, several at a time: with less room than this some piece may not fit. */
const ROOM_BYTES = 1024n ** 2n;
export interface ObstacleFacts {
  useOf: PvUseOf;
  otherUses: OtherUses;
  /** Wall-clock milliseconds. */
  now: number;
}

/** The gravest first; empty: none is seen. */
export function obstaclesOf(entry: PendingEntry, facts: ObstacleFacts): Finding[] {
  return [...namespaceLoop(entry), ...leftDirty(entry, facts.now), ...noRoom(entry, facts)];
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
function noRoom(entry: PendingEntry, { useOf, otherUses, now }: ObstacleFacts): Finding[] {
  const { pv, kinds, blames } = entry;
  const use = pv === undefined ? undefined : useOf(pv);
  const grows = kinds.includes('data') || kinds.includes('entry');
  const isBehind = grows && blames.length > 0;
  if (pv === undefined || use === undefined || !(isBehind || isLeftDirty(entry, now))) return [];
  const { usedBytes, limitBytes } = use;
  // Nobody is blamed for what was left dirty: each of the others may be the one that refuses.
  const sinks = [...otherUses(pv)].filter(([child]) => !isBehind || blames.some((blame) => blame.child === child));
  const alone = sinks.flatMap(([child, sink]) => shortAlone(pv, use, child, sink) ?? []);
  if (alone.length > 0) return alone;
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

/** What one brick refuses alone is not for a larger limit to mend. @returns undefined when it has room, or as little as this one */
function shortAlone(pv: string, own: PvUse, child: string, sink: PvUse): Finding | undefined {
  const isShort = sink.limitBytes - sink.usedBytes < ROOM_BYTES || sink.limitBytes < own.usedBytes;
  if (!isShort) return undefined;
  if (sink.limitBytes < own.limitBytes) {
    return {
      reason: 'SinkLimitLower',
      severity: 'error',
      message:
        `the limit of ${pv} is ${formatBytes(sink.limitBytes)} on ${child} and ${formatBytes(own.limitBytes)} here, where it holds ` +
        `${formatBytes(own.usedBytes)}: ${child} refuses what heal writes beyond its own (EDQUOT), so this heal does not end`,
      remedy: `set its limit once more, to ${formatBytes(own.limitBytes)}, for all bricks: brick-agent quota set ${pv} ${own.limitBytes}; then brick-agent heal start`,
    };
  }
  if (sink.excessBytes === undefined && sink.usedBytes < own.usedBytes + ROOM_BYTES) return undefined;
  const counts = `${child} counts ${formatBytes(sink.usedBytes)} of ${pv}, this brick ${formatBytes(own.usedBytes)}`;
  const why =
    sink.excessBytes === undefined
      ? 'its counter is wrong, or it still has what was deleted here'
      : `by a scan its counter is ${formatBytes(sink.excessBytes)} too high`;
  return {
    reason: 'SinkCountsMore',
    severity: 'error',
    message: `${counts}: ${why}, and there is no room left of its limit of ${formatBytes(sink.limitBytes)} for what heal writes (EDQUOT)`,
    remedy: `in the pod of ${child}: brick-agent quota repair ${pv}; then brick-agent heal start. No larger limit is needed, and none on one brick alone`,
  };
}
