/**
 * Moving a running brick's counter of a PV by any number of bytes, with a file that nobody sees.
 *
 * On 11.1 (measured, ext4) simple-quota adds to the namespace of a file what an operation says of its blocks before and after,
 * capped at the size: ZEROFILL allocates and is not counted; DISCARD behind the end changes nothing and adds the whole file, as
 * its "before" is never filled in; FTRUNCATE to 0 takes the whole file away. None of the three is checked against the limit. So
 * a helper file that is filled and "discarded" raises the counter, one that is filled and emptied lowers it, and releasing it
 * gives nothing back. Everything that clients write meanwhile is counted as ever: the shift is relative.
 */

/** Unit of the counter in bytes: a file's blocks, and a file. */
export const COUNTER_UNIT = 512n;
/** Room that a shift needs on the brick for an instant, in bytes; each costs some 2 ms. */
export const SHIFT_CHUNK = 64n * 1024n * 1024n;

export type ShiftStep =
  /** Makes the file that large, all allocated; not counted. */
  | { op: 'fill'; bytes: bigint }
  /** Adds the file's size to the counter. */
  | { op: 'add' }
  /** Takes the file's size from the counter, and makes it empty. */
  | { op: 'empty' };

/**
 * @param delta bytes, a multiple of COUNTER_UNIT
 * @param size of the helper file now, in bytes
 */
export function* planShift(delta: bigint, size: bigint): Generator<ShiftStep> {
  let left = delta;
  if (size > 0n) {
    yield { op: 'empty' };
    left += size;
  }
  const chunk = left < 0n ? -SHIFT_CHUNK : SHIFT_CHUNK;
  const rest = left % SHIFT_CHUNK;
  if (rest !== 0n) {
    yield { op: 'fill', bytes: rest < 0n ? -rest : rest };
    yield { op: rest < 0n ? 'empty' : 'add' };
  }
  const times = (left - rest) / chunk;
  for (let index = 0n; index < times; index += 1n) {
    // What was raised by stays in the file: it only has to be filled once.
    if (chunk < 0n || index === 0n) yield { op: 'fill', bytes: SHIFT_CHUNK };
    yield { op: chunk < 0n ? 'empty' : 'add' };
  }
}

/** The helper file of one PV; see `openHelper`. Every call throws AgentError as QuotaBrick's do. */
export interface CounterHelper {
  fill(bytes: bigint, signal: AbortSignal): Promise<void>;
  add(signal: AbortSignal): Promise<void>;
  empty(signal: AbortSignal): Promise<void>;
  /** Never throws: the brick drops the file with the connection. */
  close(): Promise<void>;
}

/** What making and unlinking the helper itself adds to the counter: MKNOD is not counted, its removal is. */
export const HELPER_COST = -COUNTER_UNIT;

/** Applies a shift. @returns the helper's size afterwards */
export async function applyShift(
  helper: CounterHelper,
  delta: bigint,
  size: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  let now = size;
  for (const step of planShift(delta, size)) {
    if (step.op === 'fill') {
      await helper.fill(step.bytes, signal);
      now = step.bytes;
    } else if (step.op === 'add') {
      await helper.add(signal);
    } else {
      await helper.empty(signal);
      now = 0n;
    }
  }
  return now;
}
