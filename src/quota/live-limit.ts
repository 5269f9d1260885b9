/**
 * Reading simple-quota's answer to STATFS (measured on 11.1): for an inode in a namespace with a limit, blocks is
 * floor(limit / bsize) + 1 and free is blocks - floor(used / bsize), not below 0; the reply carries the key `simple-quota`.
 */
export interface QuotaStatfs {
  blockSize: bigint;
  blocks: bigint;
  free: bigint;
  /** The reply's xdata said `simple-quota`: a limit is in force here. */
  simpleQuota: boolean;
}

/**
 * The limit that lifts a limit. 11.1 cannot forget a limit while it runs, so a removed one is raised out of reach: 2^50 bytes
 * is more than a brick can hold and far from overflowing the brick's signed sums.
 */
export const LIFTED_LIMIT = 2n ** 50n;

export function showsLimit(statfs: QuotaStatfs, limitBytes: bigint): boolean {
  return statfs.simpleQuota && statfs.blockSize > 0n && statfs.blocks === limitBytes / statfs.blockSize + 1n;
}

/** The limit in force in bytes, rounded down to a block; undefined when none is. */
export function shownLimit(statfs: QuotaStatfs): bigint | undefined {
  return statfs.simpleQuota ? (statfs.blocks - 1n) * statfs.blockSize : undefined;
}

/** Used bytes rounded down to a block; undefined when the answer is capped by the limit (free is 0) or is no quota's. */
export function shownUsage(statfs: QuotaStatfs): bigint | undefined {
  if (!statfs.simpleQuota || statfs.free <= 0n) return undefined;
  return (statfs.blocks - statfs.free) * statfs.blockSize;
}
