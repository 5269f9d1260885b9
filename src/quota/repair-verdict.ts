/** Whether a scan says that a brick's counter is to be set right; pure. */
import { driftThreshold, type UsageScan } from './usage.ts';

export type RepairVerdict =
  | { kind: 'Clean' }
  /** By so many bytes the brick counts too much (positive) or too little; from a scan during which nothing moved. */
  | { kind: 'Drifted'; driftBytes: bigint }
  /** This scan cannot tell how much, but `certain`: there is drift. */
  | { kind: 'Unclear'; reason: 'Busy' | 'ScanIncomplete' | 'CounterUnknown'; message: string; certain: boolean };

/**
 * @param generation of the brick as it is connected
 * @param anySize whether a drift below the threshold counts, too
 */
export function repairVerdict(scan: UsageScan, generation: number, anySize: boolean): RepairVerdict {
  const { counterBefore, counterAfter, expectedCounter, incomplete } = scan;
  const unclear = (
    reason: 'Busy' | 'ScanIncomplete' | 'CounterUnknown',
    message: string,
    certain = false,
  ): RepairVerdict => ({
    kind: 'Unclear',
    reason,
    message,
    certain,
  });
  if (incomplete !== undefined) return unclear('ScanIncomplete', `the scan could not read all: ${incomplete}`);
  if (counterBefore === undefined || counterAfter === undefined || scan.brickGeneration !== generation) {
    return unclear('CounterUnknown', 'the brick told no counter at the last scan');
  }
  const driftBytes = counterAfter - expectedCounter;
  const size = magnitude(driftBytes);
  const threshold = driftThreshold(expectedCounter);
  if (counterBefore !== counterAfter) {
    const certain = size - magnitude(counterAfter - counterBefore) > threshold;
    return unclear('Busy', 'the PV was written while it was scanned: set right when a scan finds it quiet', certain);
  }
  return size === 0n || (!anySize && size <= threshold) ? { kind: 'Clean' } : { kind: 'Drifted', driftBytes };
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/**
 * By how much the counter is moved. Bytes in files that are open and deleted are in no scan, but they are on the disk and
 * counted when they were written after that: as much of a surplus stays until they are closed. Whose they are is not known.
 *
 * @param heldBytes in open and deleted files of the whole brick
 */
export function correction(driftBytes: bigint, heldBytes: bigint): bigint {
  if (driftBytes <= 0n) return -driftBytes;
  return driftBytes > heldBytes ? heldBytes - driftBytes : 0n;
}
