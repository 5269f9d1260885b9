/** What the main thread may ask of a scan thread, and what comes back. */
import type { ErrorCode } from '../../lib/errors.ts';
import type { ScanTotals } from './tree.ts';

export interface ScanRequest {
  id: number;
  /** Relative to the brick, e.g. `subvol/ab/cd/pvc-1`. */
  path: string;
  /** `device:inode` of the proven brick; a scan of another one is refused with `BrickFenced`. */
  place: string;
  /** Part of the time that is worked, above 0 to 1. */
  duty: number;
}

export interface ScanResult extends ScanTotals {
  /** Milliseconds from start to end, and how many of them were pauses. */
  durationMs: number;
  restMs: number;
}

export type ScanResponse =
  | { id: number; kind: 'progress'; totals: ScanTotals }
  | { id: number; kind: 'done'; result: ScanResult }
  /** There is no such directory on this brick. */
  | { id: number; kind: 'missing' }
  | { id: number; kind: 'failed'; code: ErrorCode; message: string };

/** Given to the thread at its start. */
export interface ScanWorkerData {
  brickPath: string;
  /** Index 0: id of the scan that is to stop. */
  flag: Int32Array<SharedArrayBuffer>;
}
