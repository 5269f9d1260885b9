/** What keeps single objects from healing although the daemon tries, as far as the brick that has the good copy can tell. Pure. */
import { formatBytes } from '../lib/units.ts';
import type { PendingEntry } from './entry.ts';
import type { Finding } from './explain.ts';

/** What a PV holds on this brick and may hold in its running process, in bytes. */
export interface PvUse {
  usedBytes: bigint;
  limitBytes: bigint;
}

/** Undefined: the PV has no limit, or its use is not known. */
export type PvUseOf = (pv: string) => PvUse | undefined;

/** Of the backlog as a whole, so many are told by name. */
const MAX_TOLD = 5;

/** The gravest first; empty: none is seen. */
export function obstaclesOf(entry: PendingEntry, useOf: PvUseOf): Finding[] {
  return [...namespaceLoop(entry), ...overLimit(entry, useOf)];
}

/** Those of a sample of the backlog, each once a PV. */
export function obstaclesAmong(entries: readonly PendingEntry[], useOf: PvUseOf): Finding[] {
  const found = new Map<string, Finding>();
  for (const entry of entries) {
    for (const finding of obstaclesOf(entry, useOf)) {
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

/**
 * A brick that is healed counts and limits what heal writes like anything else (measured on 11.1): it takes no more than the limit
 * allows, and a PV that holds more than that here cannot be whole there.
 */
function overLimit({ pv, kinds, blames }: PendingEntry, useOf: PvUseOf): Finding[] {
  const use = pv === undefined ? undefined : useOf(pv);
  const grows = kinds.includes('data') || kinds.includes('entry');
  if (pv === undefined || use === undefined || use.usedBytes <= use.limitBytes || !grows || blames.length === 0)
    return [];
  const blamed = blames.map(({ child }) => child).join(', ');
  return [
    {
      reason: 'PvOverLimit',
      severity: 'error',
      message:
        `${pv} holds ${formatBytes(use.usedBytes)} here and its limit is ${formatBytes(use.limitBytes)}: ${blamed} takes no more than ` +
        'that and refuses what heal writes beyond it (EDQUOT), so this heal does not end',
      remedy: `raise its limit above what it holds, or delete some of it; then brick-agent heal start`,
    },
  ];
}
