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
  /** A subvolume has never told; a sum without it would let too much pass. */
  | { kind: 'Incomplete'; missing: number[] }
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
  return missing.length > 0 ? { kind: 'Incomplete', missing } : { kind: 'Sum', usedBytes, oldestMs };
}

/** Bricks of one subvolume, by volume type; bricks are listed set by set. */
export function subvolumeOf(brickIndex: number, bricksPerSubvolume: number): number {
  return Math.floor(brickIndex / bricksPerSubvolume);
}
