/** Stands for the subvolume of a brick that has never told. */
export const UNKNOWN_SUBVOLUME = -1;

/**
 * What a PV uses on the whole volume, in bytes as one brick counts them.
 *
 * Bricks of one subvolume (replica or disperse set) hold copies or fragments of the same files, so one of them stands for the set:
 * the one that counts most, since a brick that is still being healed counts less. Subvolumes of a distributed volume hold
 * different files, so they add up.
 */
export interface BrickUsage {
  /** Number of the replica or disperse set, from 0. */
  subvolume: number;
  usedBytes: bigint;
  /** Age of the figure in milliseconds. */
  ageMs: number;
  /** Of the agent that has told it. */
  address: string;
}

export type VolumeUsage =
  /** All bricks that are known are of our own set: the brick's own count is all there is. */
  | { kind: 'OwnOnly' }
  /** A subvolume has never told; `usedBytes` is the sum without it, which lets more pass than the limit says. */
  | { kind: 'Incomplete'; missing: number[]; usedBytes: bigint; oldestMs: number }
  | { kind: 'Sum'; usedBytes: bigint; oldestMs: number };

/**
 * @param own our own figure, always fresh
 * @param others the last known figures of other bricks, of any subvolume
 * @param subvolumes numbers of all subvolumes that are known to exist, ours among them
 */
export function volumeUsage(
  own: { subvolume: number; usedBytes: bigint },
  others: readonly BrickUsage[],
  subvolumes: ReadonlySet<number>,
): VolumeUsage {
  const foreign = [...subvolumes].filter((subvolume) => subvolume !== own.subvolume);
  if (foreign.length === 0) return { kind: 'OwnOnly' };
  // Of our own set we take our own count, never a fuller brother's: a sink that is being healed must be able to fill.
  let usedBytes = own.usedBytes;
  let oldestMs = 0;
  const missing: number[] = [];
  for (const subvolume of foreign) {
    const fullest = fullestOf(subvolume, others);
    if (fullest === undefined) {
      missing.push(subvolume);
      continue;
    }
    usedBytes += fullest.usedBytes;
    oldestMs = Math.max(oldestMs, fullest.ageMs);
  }
  return missing.length > 0
    ? { kind: 'Incomplete', missing, usedBytes, oldestMs }
    : { kind: 'Sum', usedBytes, oldestMs };
}

function fullestOf(subvolume: number, bricks: readonly BrickUsage[]): BrickUsage | undefined {
  return bricks
    .filter((brick) => brick.subvolume === subvolume)
    .toSorted((a, b) => Number(b.usedBytes - a.usedBytes))[0];
}

/** Whether the volume is distributed beyond doubt: a peer that has never answered may be of our own set. */
export function isDistributed(ownSubvolume: number, subvolumes: ReadonlySet<number>): boolean {
  return [...subvolumes].some((subvolume) => subvolume !== ownSubvolume && subvolume !== UNKNOWN_SUBVOLUME);
}

/** What a limit goes by on a distributed volume, as the API shows it. */
export interface VolumeUsageView {
  /** Sum: of all subvolumes. Stale: a part of it is the last word of agents that are silent. Incomplete: a subvolume has never told. Unknown: not added up yet. */
  state: 'Sum' | 'Stale' | 'Incomplete' | 'Unknown';
  /** Decimal; null: not known. */
  usedBytes: string | null;
  /** Of the oldest part. */
  ageSeconds: number | null;
  message: string;
  /** What each other subvolume has told last, by which agent. */
  parts: { subvolume: number; usedBytes: string; ageSeconds: number; agent: string }[];
  /** For want of whose word it is no sum. Subvolume: null where it is not known. */
  silent: { agent: string; subvolume: number | null; message: string }[];
}

/** An agent that is asked for what its brick counts. */
export interface PeerTeller {
  address: string;
  /** Undefined: it has never answered. */
  subvolume: number | undefined;
  /** Why it does not answer now; undefined: it does. */
  error: string | undefined;
}

/** What there is to add up, and from whom. */
export interface Told {
  /** Our own subvolume. */
  own: number;
  bricks: readonly BrickUsage[];
  agents: readonly PeerTeller[];
}

/** @param staleMs older than this is no word of an agent that still answers */
export function volumeUsageState(usage: VolumeUsage | undefined, staleMs: number): VolumeUsageView['state'] {
  if (usage === undefined || usage.kind === 'OwnOnly') return 'Unknown';
  if (usage.kind === 'Incomplete') return 'Incomplete';
  return usage.oldestMs > staleMs ? 'Stale' : 'Sum';
}

/** @param staleMs older than this is no word of an agent that still answers */
export function volumeUsageView(usage: VolumeUsage | undefined, staleMs: number, told: Told): VolumeUsageView {
  const state = volumeUsageState(usage, staleMs);
  const parts = partsOf(told);
  const shown = parts.map(({ subvolume, usedBytes, ageMs, address }) => {
    return { subvolume, usedBytes: usedBytes.toString(), ageSeconds: Math.round(ageMs / 1000), agent: address };
  });
  if (usage === undefined || usage.kind === 'OwnOnly') {
    return { state, usedBytes: null, ageSeconds: null, message: 'not added up yet', parts: shown, silent: [] };
  }
  const sum = {
    state,
    usedBytes: usage.usedBytes.toString(),
    ageSeconds: Math.round(usage.oldestMs / 1000),
    parts: shown,
  };
  if (usage.kind === 'Incomplete') {
    const silent = silentOf(new Set(usage.missing), told);
    const numbers = usage.missing.filter((subvolume) => subvolume !== UNKNOWN_SUBVOLUME);
    const which = numbers.length === 0 ? 'a peer' : `subvolume ${numbers.join(', ')}`;
    const why = silent.length === 0 ? ' (no agent of it is among the peers)' : '';
    const message = `${which} has never told what it uses${why}, and the limit holds without that: more can be stored than it says`;
    return { ...sum, message, silent };
  }
  if (state === 'Sum') return { ...sum, message: 'the sum of all subvolumes', silent: [] };
  const old = parts.filter(({ ageMs }) => ageMs > staleMs).map(({ subvolume }) => subvolume);
  const message = `a part of the sum is ${sum.ageSeconds} s old: agents of another subvolume do not answer, and their last word counts`;
  return { ...sum, message, silent: silentOf(new Set(old), told) };
}

/** Of each other subvolume, what counts. */
function partsOf({ own, bricks }: Told): BrickUsage[] {
  const subvolumes = [...new Set(bricks.map(({ subvolume }) => subvolume))].filter((subvolume) => subvolume !== own);
  return subvolumes.toSorted((a, b) => a - b).flatMap((subvolume) => fullestOf(subvolume, bricks) ?? []);
}

/** All agents of these subvolumes, and those that may be of any, with why they are not heard. */
function silentOf(subvolumes: ReadonlySet<number>, { own, agents }: Told): VolumeUsageView['silent'] {
  return agents.flatMap(({ address, subvolume, error }): VolumeUsageView['silent'] => {
    if (subvolume === undefined) {
      return [{ agent: address, subvolume: null, message: `has never answered: ${error ?? 'not asked yet'}` }];
    }
    if (subvolume === own || !subvolumes.has(subvolume)) return [];
    const message = error === undefined ? 'answers, but has no fresh count of its brick' : `does not answer: ${error}`;
    return [{ agent: address, subvolume, message }];
  });
}

/** Bricks of one subvolume, by volume type; bricks are listed set by set. */
export function subvolumeOf(brickIndex: number, bricksPerSubvolume: number): number {
  return Math.floor(brickIndex / bricksPerSubvolume);
}
