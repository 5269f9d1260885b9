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
  /** Monotonic milliseconds at which anything was last seen to be another: counts, or the free space. Undefined: the free space is not known. */
  readonly changedAt: number | undefined;
}

/**
 * A write is counted before it is done, and its space may be taken a moment before the PV's counter moves. None takes this long but on a disk that
 * hangs, which does not tell its free space either. In milliseconds.
 */
const UNDER_WAY_MS = 10_000;

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
  #mark: (GrowthMark & { free: string }) | undefined;

  /**
   * @param now monotonic milliseconds
   * @param free what tells one state of the brick's free blocks and inodes from another; undefined: not known
   */
  take(calls: BrickCalls, now: number, free?: string): GrowthMark {
    const last = this.#last;
    const beganAt = calls.seconds === undefined ? undefined : now - calls.seconds * 1000;
    const isLater = (beganAt ?? 0) - (last?.beganAt ?? beganAt ?? 0) > BEGINNING_ERROR_MS;
    if (last === undefined || isLater || hasFewer(calls, last.calls)) this.#epoch += 1;
    this.#last = { calls, beganAt };
    const { bytesWritten, writes, others } = calls;
    const small = writes + sumOf(others, SMALL_CALLS);
    const epoch = this.#epoch;
    const bytes = bytesWritten + small * PER_CALL_BYTES;
    const jumps = others === undefined ? undefined : sumOf(others, JUMPS);
    const before = this.#mark;
    const isSame = before?.free === free && before?.epoch === epoch && before.bytes === bytes && before.jumps === jumps;
    const changedAt = isSame ? before.changedAt : now;
    this.#mark = free === undefined ? undefined : { epoch, bytes, jumps, changedAt, free };
    return { epoch, bytes, jumps, changedAt: free === undefined ? undefined : changedAt };
  }

  /** It is not known what was done until now. */
  lose(): void {
    this.#mark = undefined;
  }
}

/**
 * Whether nothing that a PV's count is made of can have changed since it was looked at: nothing was written, and no block and no inode of the
 * file system was taken or given back. What takes exactly as much as is given back between two marks, and writes nothing, is not told.
 *
 * @param lookedAt when the look began, in monotonic milliseconds
 */
export function isQuietSince(mark: GrowthMark | undefined, lookedAt: number): boolean {
  return mark?.changedAt !== undefined && lookedAt >= mark.changedAt + UNDER_WAY_MS;
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
