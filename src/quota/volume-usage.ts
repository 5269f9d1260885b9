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
    const bricks = others.filter((brick) => brick.subvolume === subvolume);
    const fullest = bricks.toSorted((a, b) => Number(b.usedBytes - a.usedBytes))[0];
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
}

/** @param staleMs older than this is no word of an agent that still answers */
export function volumeUsageView(usage: VolumeUsage | undefined, staleMs: number): VolumeUsageView {
  if (usage === undefined || usage.kind === 'OwnOnly') {
    return { state: 'Unknown', usedBytes: null, ageSeconds: null, message: 'not added up yet' };
  }
  const usedBytes = usage.usedBytes.toString();
  const ageSeconds = Math.round(usage.oldestMs / 1000);
  if (usage.kind === 'Incomplete') {
    const numbers = usage.missing.filter((subvolume) => subvolume !== UNKNOWN_SUBVOLUME);
    const which = numbers.length === 0 ? 'a peer' : `subvolume ${numbers.join(', ')}`;
    const message = `${which} has never told what it uses, and the limit holds without that: more can be stored than it says`;
    return { state: 'Incomplete', usedBytes, ageSeconds, message };
  }
  return usage.oldestMs > staleMs
    ? {
        state: 'Stale',
        usedBytes,
        ageSeconds,
        message: `a part of the sum is ${ageSeconds} s old: agents of another subvolume do not answer, and their last word counts`,
      }
    : { state: 'Sum', usedBytes, ageSeconds, message: 'the sum of all subvolumes' };
}

/** Bricks of one subvolume, by volume type; bricks are listed set by set. */
export function subvolumeOf(brickIndex: number, bricksPerSubvolume: number): number {
  return Math.floor(brickIndex / bricksPerSubvolume);
}
