import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedPause } from '../../../src/lib/clock.ts';

describe('sharedPause', () => {
  it('is no longer than asked for, but for a timer that fired early, and at least three quarters of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600_000 }), fc.double({ min: 0, max: 1e9, noNaN: true }), (ms, now) => {
        const pause = sharedPause(ms, now);
        expect(pause).toBeLessThanOrEqual(ms + 21);
        expect(pause).toBeGreaterThanOrEqual(ms * 0.75);
      }),
    );
  });

  it('lets loops of one interval wake up together, whatever their passes take and however timers err, and at that interval', () => {
    const passMs = fc.double({ min: 0, max: 400, noNaN: true });
    const errorMs = fc.double({ min: -2, max: 5, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(passMs, passMs, errorMs), { maxLength: 20 }), (passes) => {
        let [one, other] = [10_000, 10_000];
        for (const [index, [a, b, error]] of passes.entries()) {
          one += a;
          other += b;
          one += sharedPause(2_000, one) + error;
          other += sharedPause(2_000, other) + error;
          expect(Math.abs(one - other)).toBeLessThanOrEqual(1);
          expect(Math.abs(one - (10_000 + (index + 1) * 2_000))).toBeLessThanOrEqual(6);
        }
      }),
    );
  });
});
