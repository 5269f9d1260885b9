import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BrickGrowth, growthBetween, isQuietSince, type BrickCalls } from '../../../src/quota/growth.ts';

const KiB = 1024;
const MiB = KiB * KiB;

function calls(some: Partial<BrickCalls> = {}): BrickCalls {
  return { seconds: undefined, bytesWritten: 0, writes: 0, others: new Map(), ...some };
}

function between(before: BrickCalls, after: BrickCalls, passedMs = 5_000): number {
  const growth = new BrickGrowth();
  return growthBetween(growth.take(before, 100_000), growth.take(after, 100_000 + passedMs));
}

describe('growthBetween', () => {
  it('is nothing while the brick counts everything and nothing was written', () => {
    const others = new Map([
      ['FALLOCATE', 3],
      ['CREATE', 9],
    ]);
    expect(between(calls({ others }), calls({ others: new Map([...others, ['LOOKUP', 70], ['STATFS', 5]]) }))).toBe(0);
  });

  it('is what writes carry, and some for each of them and for each new file', () => {
    expect(between(calls(), calls({ bytesWritten: MiB, writes: 2 }))).toBe(MiB + 2 * 64 * KiB);
    expect(between(calls(), calls({ others: new Map([['CREATE', 3]]) }))).toBe(3 * 64 * KiB);
  });

  it.each(['FALLOCATE', 'DISCARD', 'ZEROFILL', 'PUT', 'COPY_FILE_RANGE'])('has no bound after a %s', (name) => {
    expect(between(calls(), calls({ others: new Map([[name, 1]]) }))).toBe(Number.POSITIVE_INFINITY);
  });

  it('reckons with some where the brick does not count calls, and with anything where it began or ended to', () => {
    const [off, on] = [calls({ others: undefined }), calls()];
    expect(between(off, off)).toBe(64 * MiB);
    expect([between(off, on), between(on, off)]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it.each<[string, BrickCalls, BrickCalls]>([
    ['fewer bytes', calls({ bytesWritten: 5 }), calls({ bytesWritten: 4 })],
    ['fewer writes', calls({ writes: 5 }), calls({ writes: 4 })],
    ['fewer calls', calls({ others: new Map([['READ', 5]]) }), calls({ others: new Map([['READ', 4]]) })],
    ['a count that is younger than the time that has passed', calls({ seconds: 50 }), calls({ seconds: 1 })],
  ])('has no bound across a new count, told by %s', (_, before, after) => {
    expect(between(before, after, 60_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it('adds up: two steps are as much as both at once, and never less than what was written', () => {
    const step = fc.record({ bytesWritten: fc.nat(MiB), writes: fc.nat(1_000) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 6 }), (steps) => {
        const growth = new BrickGrowth();
        const sum = { bytesWritten: 0, writes: 0 };
        const marks = [
          calls(),
          ...steps.map((one) => {
            sum.bytesWritten += one.bytesWritten;
            sum.writes += one.writes;
            return calls({ ...sum });
          }),
        ].map((one, index) => growth.take(one, index));
        const [first, last] = [marks.at(0), marks.at(-1)];
        if (first === undefined || last === undefined) throw new Error('no marks');
        const parts = marks.slice(1).map((mark, index) => growthBetween(marks[index] ?? mark, mark));
        expect(growthBetween(first, last)).toBe(parts.reduce((a, b) => a + b, 0));
        expect(growthBetween(first, last)).toBeGreaterThanOrEqual(sum.bytesWritten);
      }),
    );
  });
});

describe('isQuietSince', () => {
  it('is true of a look only where nothing has changed from 10 s before it on', () => {
    const step = fc.record({
      passed: fc.integer({ min: 1, max: 15_000 }),
      bytesWritten: fc.constantFrom(0, 0, 0, 1),
      free: fc.constantFrom('a', 'a', 'a', 'b', undefined),
      isCounting: fc.constantFrom(true, true, true, false),
      isLost: fc.constantFrom(false, false, false, true),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: -20_000, max: 0 }),
        (steps, back) => {
          const growth = new BrickGrowth();
          let [now, bytesWritten, changedAt, state] = [100_000, 0, 100_000, ''];
          let mark: ReturnType<BrickGrowth['take']> | undefined;
          for (const one of steps) {
            now += one.passed;
            bytesWritten += one.bytesWritten;
            const isKnown = !one.isLost && one.free !== undefined;
            const next = isKnown ? `${bytesWritten} ${one.free} ${one.isCounting}` : '';
            if (next !== state || !isKnown) changedAt = now;
            state = next;
            if (one.isLost) growth.lose();
            mark = one.isLost
              ? undefined
              : growth.take(calls({ bytesWritten, others: one.isCounting ? new Map() : undefined }), now, one.free);
          }
          const lookedAt = now + back;
          expect(isQuietSince(mark, lookedAt)).toBe(state !== '' && lookedAt >= changedAt + 10_000);
        },
      ),
    );
  });
});
