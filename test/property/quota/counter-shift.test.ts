import { assert, bigInt, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COUNTER_UNIT, planShift, SHIFT_CHUNK } from '../../../src/quota/counter-shift.ts';

/** What a brick does to the helper file and to the counter. */
function run(delta: bigint, startSize: bigint, startCounter: bigint) {
  let [size, counter, lowest, largest, steps] = [startSize, startCounter, startCounter, startSize, 0];
  for (const step of planShift(delta, startSize)) {
    steps += 1;
    if (step.op === 'fill') size = step.bytes > size ? step.bytes : size;
    else if (step.op === 'add') counter += size;
    else [counter, size] = [counter - size, 0n];
    if (counter < lowest) lowest = counter;
    if (size > largest) largest = size;
  }
  return { counter, size, lowest, largest, steps };
}

const units = (max: bigint) => bigInt({ min: -max, max }).map((n) => n * COUNTER_UNIT);

describe('planShift', () => {
  it('moves the counter by exactly what was asked for, in no more room than a chunk', () => {
    assert(
      property(units(2n ** 24n), (delta) => {
        const { counter, largest, steps } = run(delta, 0n, 10n ** 15n);
        expect(counter).toBe(10n ** 15n + delta);
        expect(largest <= SHIFT_CHUNK).toBe(true);
        expect(steps).toBeLessThan(4 + 2 * Math.abs(Number(delta / SHIFT_CHUNK)));
      }),
    );
  });

  it('takes into account what a helper holds from the shift before', () => {
    assert(
      property(units(2n ** 20n), units(2n ** 20n), (first, second) => {
        const one = run(first, 0n, 10n ** 15n);
        const two = run(second, one.size, one.counter);
        expect(two.counter).toBe(10n ** 15n + first + second);
      }),
    );
  });

  it('goes through no value outside of start and end, where an empty helper is used', () => {
    assert(
      property(units(2n ** 20n), (delta) => {
        const { lowest } = run(delta, 0n, 10n ** 15n);
        expect(lowest).toBe(10n ** 15n + (delta < 0n ? delta : 0n));
      }),
    );
  });
});
