/**
 * What a PV uses, and whether the brick's own counter agrees. A scan tells the truth of its moment; between scans the brick's
 * counter tells the change since.
 */
import type { ConditionInput } from '../lib/conditions.ts';
import { formatBytes } from '../lib/units.ts';

/** One finished scan of a PV. Bytes of this brick. */
export interface UsageScan {
  /** Wall-clock milliseconds at its end. */
  at: number;
  /** As `du` counts: blocks of everything, directories included. */
  diskBytes: bigint;
  /** What the brick's counter would be if it were right; see brick/scan/count.ts. */
  expectedCounter: bigint;
  /** The brick's counter, flushed just before and just after; undefined: it keeps none for this PV, or could not be asked. */
  counterBefore: bigint | undefined;
  counterAfter: bigint | undefined;
  files: number;
  directories: number;
  durationMs: number;
  /** Why it is not complete; undefined when everything was seen. */
  incomplete: string | undefined;
  /** Whether the running brick was known to count the PV. */
  counted: boolean;
  /** Handshakes of the brick when it was scanned (QuotaBrick.generation). */
  brickGeneration: number;
}

export interface UsageEstimate {
  /** Best knowledge of what `du` would say now; undefined: unknown. */
  bytes: bigint | undefined;
  source: 'Scan' | 'ScanPlusCounter' | 'CounterOnly' | 'Unknown';
  scannedBytes: bigint | undefined;
  /** Wall-clock milliseconds. */
  scannedAt: number | undefined;
  ageMs: number | undefined;
  counterAtScan: bigint | undefined;
  counterNow: bigint | undefined;
  /** The counter minus what it should have been at the scan: positive when the brick counts too much. */
  driftBytes: bigint | undefined;
  /** What changed while the scan ran: `driftBytes` may be wrong by that much. */
  uncertainBytes: bigint | undefined;
}

/** Below it a difference is noise of writes in flight and rounding, in bytes. */
const DRIFT_FLOOR = 1024n * 1024n;
/** For large PVs the same as a part: 1 %. */
const DRIFT_PART = 100n;

/**
 * On a counter that moved during the scan the middle is taken: a file written in between was seen by the scan or not.
 *
 * @param counterNow the brick's counter as of its last flush
 * @param now wall-clock milliseconds
 */
export function estimateUsage(scan: UsageScan | undefined, counterNow: bigint | undefined, now: number): UsageEstimate {
  if (scan === undefined) {
    if (counterNow === undefined) return NOTHING;
    return { ...NOTHING, bytes: notNegative(counterNow), source: 'CounterOnly', counterNow };
  }
  const { counterBefore, counterAfter, diskBytes, expectedCounter, at, incomplete } = scan;
  const known = counterBefore !== undefined && counterAfter !== undefined;
  const counterAtScan = known ? (counterBefore + counterAfter) / 2n : undefined;
  const change = counterAtScan === undefined || counterNow === undefined ? undefined : counterNow - counterAtScan;
  const bytes = diskBytes + (change ?? 0n);
  return {
    bytes: notNegative(bytes),
    source: change === undefined ? 'Scan' : 'ScanPlusCounter',
    scannedBytes: diskBytes,
    scannedAt: at,
    ageMs: Math.max(0, now - at),
    counterAtScan,
    counterNow,
    driftBytes: counterAtScan === undefined || incomplete !== undefined ? undefined : counterAtScan - expectedCounter,
    uncertainBytes: known ? magnitude(counterAfter - counterBefore) : undefined,
  };
}

/** A drift up to this many bytes is none. */
export function driftThreshold(expectedCounter: bigint): bigint {
  const part = expectedCounter / DRIFT_PART;
  return part > DRIFT_FLOOR ? part : DRIFT_FLOOR;
}

/** The brick has reconnected and may be a new process: what the counter was then says nothing of its counter now. */
export function forgetCounter(scan: UsageScan): UsageScan {
  return { ...scan, counterBefore: undefined, counterAfter: undefined };
}

/** Whether the brick's own counter was true when the PV was scanned last. */
export function judgeUsage(scan: UsageScan | undefined): ConditionInput {
  const type = 'UsageTrue';
  const unknown = (reason: string, message: string): ConditionInput => ({ type, status: 'Unknown', reason, message });
  if (scan === undefined) return unknown('NotScanned', 'the PV has not been scanned since the agent started');
  if (scan.incomplete !== undefined)
    return unknown('ScanIncomplete', `the scan could not read all: ${scan.incomplete}`);
  const { driftBytes, uncertainBytes = 0n } = estimateUsage(scan, undefined, scan.at);
  if (driftBytes === undefined) {
    return unknown('CounterUnknown', 'this brick process has told no counter to compare with the last scan');
  }
  const size = magnitude(driftBytes);
  const threshold = driftThreshold(scan.expectedCounter);
  if (size <= threshold) {
    // Without the time, which stands beside it (`usage.scannedAt`): of 10,000 PVs that is one text, and it stays from scan to scan.
    return { type, status: 'True', reason: 'AsMeasured', message: "the last scan agreed with the brick's counter" };
  }
  const when = `at ${new Date(scan.at).toISOString()}`;
  if (size - uncertainBytes <= threshold) {
    return unknown('WrittenDuringScan', `too much was written while the PV was scanned ${when} to tell`);
  }
  const [reason, word] = driftBytes > 0n ? ['CountsTooMuch', 'more'] : ['CountsTooLittle', 'less'];
  return {
    type,
    status: 'False',
    reason,
    message: `by a scan ${when} the brick counts ${formatBytes(size)} ${word} than the ${formatBytes(scan.expectedCounter)} that it should`,
  };
}

/** An estimate as the API shows it; bytes are decimal strings. */
export interface UsageView {
  bytes: string | null;
  source: UsageEstimate['source'];
  scannedBytes: string | null;
  /** ISO 8601. */
  scannedAt: string | null;
  files: number | null;
  counterBytes: string | null;
  driftBytes: string | null;
}

export function usageView(scan: UsageScan | undefined, counterNow: bigint | undefined): UsageView {
  const estimate = estimateUsage(scan, counterNow, scan?.at ?? 0);
  return {
    bytes: estimate.bytes?.toString() ?? null,
    source: estimate.source,
    scannedBytes: estimate.scannedBytes?.toString() ?? null,
    scannedAt: scan === undefined ? null : new Date(scan.at).toISOString(),
    files: scan?.files ?? null,
    counterBytes: counterNow?.toString() ?? null,
    driftBytes: estimate.driftBytes?.toString() ?? null,
  };
}

const NOTHING: UsageEstimate = {
  bytes: undefined,
  source: 'Unknown',
  scannedBytes: undefined,
  scannedAt: undefined,
  ageMs: undefined,
  counterAtScan: undefined,
  counterNow: undefined,
  driftBytes: undefined,
  uncertainBytes: undefined,
};

function notNegative(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
