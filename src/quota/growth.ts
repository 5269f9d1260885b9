/**
 * How much PVs of a brick can have grown, from what io-stats at the top of its graph has counted. Pure.
 *
 * Bytes and calls of WRITE are always counted, other calls only with `count-fop-hits` and `latency-measurement` on.
 */

/** Totals since the brick began to count. */
export interface BrickCalls {
  /** Age of the count in seconds, whole ones; undefined: not told. */
  seconds: number | undefined;
  bytesWritten: number;
  writes: number;
  /** Calls of all other kinds, by name in capitals; undefined: the brick does not count them. */
  others: ReadonlyMap<string, number> | undefined;
}

/** The state of the counts at one moment. */
export interface GrowthMark {
  /** Another one: the brick has begun to count anew, and what was before is not known. */
  readonly epoch: number;
  /** What calls can have added at the most, in bytes, but for those that are jumps. */
  readonly bytes: number;
  /** Calls that may take any space at once; undefined: not counted. */
  readonly jumps: number | undefined;
}

/** A write takes no more than this besides what it carries, in bytes: the rest of the blocks at both its ends, blocks of the extent tree, 512 for a new file. */
const PER_CALL_BYTES = 64 * 1024;
const SMALL_CALLS = ['CREATE', 'MKNOD', 'MKDIR', 'TRUNCATE', 'FTRUNCATE'];
/** FALLOCATE as is asked for, DISCARD the size of the whole file (measured on 11.1), PUT what it carries. */
const JUMPS = ['FALLOCATE', 'DISCARD', 'ZEROFILL', 'PUT', 'COPY_FILE_RANGE'];
/** Where jumps are not counted there may have been one at any time: of this size at least is reckoned with, in bytes. */
const UNCOUNTED_BYTES = 64 * 1024 ** 2;
/** The age is told in whole seconds and may be some old: a beginning that is later by more is another one. In milliseconds. */
const BEGINNING_ERROR_MS = 5_000;

export class BrickGrowth {
  #epoch = 0;
  #last: { calls: BrickCalls; beganAt: number | undefined } | undefined;

  /** @param now monotonic milliseconds */
  take(calls: BrickCalls, now: number): GrowthMark {
    const last = this.#last;
    const beganAt = calls.seconds === undefined ? undefined : now - calls.seconds * 1000;
    const isLater = (beganAt ?? 0) - (last?.beganAt ?? beganAt ?? 0) > BEGINNING_ERROR_MS;
    if (last === undefined || isLater || hasFewer(calls, last.calls)) this.#epoch += 1;
    this.#last = { calls, beganAt };
    const { bytesWritten, writes, others } = calls;
    const small = writes + sumOf(others, SMALL_CALLS);
    return {
      epoch: this.#epoch,
      bytes: bytesWritten + small * PER_CALL_BYTES,
      jumps: others === undefined ? undefined : sumOf(others, JUMPS),
    };
  }
}

/** By how many bytes a PV can have grown from the one moment to the other. */
export function growthBetween(before: GrowthMark, after: GrowthMark): number {
  if (before.epoch !== after.epoch || before.jumps !== after.jumps) return Number.POSITIVE_INFINITY;
  return after.bytes - before.bytes + (after.jumps === undefined ? UNCOUNTED_BYTES : 0);
}

function sumOf(calls: ReadonlyMap<string, number> | undefined, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (calls?.get(name) ?? 0), 0);
}

function hasFewer(now: BrickCalls, before: BrickCalls): boolean {
  if (now.bytesWritten < before.bytesWritten || now.writes < before.writes) return true;
  return [...(before.others ?? [])].some(([name, calls]) => (now.others?.get(name) ?? calls) < calls);
}
