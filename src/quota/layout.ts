/**
 * What a limit of the whole volume is on one brick.
 *
 * Replicated bricks hold whole files, so each carries the full limit. Disperse bricks hold fragments: the client divides the
 * limit by the number of data fragments before it sends it (16 MiB on 2+1 arrives as 8388608; measured on 11.1).
 */
export interface QuotaLayout {
  /** K of a Disperse volume, 1 for every other type. */
  dataFragments: number;
  /** The arbiter keeps no data; its counters mean nothing. */
  isArbiter: boolean;
}

export function layoutOf(volumeType: string, brickIndex: number, disperseData: number | undefined): QuotaLayout {
  return {
    dataFragments: volumeType === 'Disperse' ? (disperseData ?? 1) : 1,
    // Kadalu and glusterd both list the arbiter as the third brick of each set.
    isArbiter: volumeType === 'Arbiter' && brickIndex % 3 === 2,
  };
}

/** Bytes that one brick may hold when the volume may hold `limitBytes`; at least 1, because 0 means "no limit" to 11.1. */
export function brickLimit(limitBytes: bigint, layout: QuotaLayout): bigint {
  const share = limitBytes / BigInt(layout.dataFragments);
  return share > 0n ? share : 1n;
}

/** The volume's bytes for a brick's bytes. */
export function volumeBytes(brickBytes: bigint, layout: QuotaLayout): bigint {
  return brickBytes * BigInt(layout.dataFragments);
}
