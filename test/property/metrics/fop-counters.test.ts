/** Prometheus takes a counter that falls for a restart, and adds all that it had counted once more. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { FopCounters } from '../../../src/metrics/fop-counters.ts';

const step = fc.record({
  calls: fc.nat(1000),
  eachNs: fc.nat(10_000_000),
  pauseSeconds: fc.integer({ min: 1, max: 60 }),
  early: fc.boolean(),
});

it('the sum of a brick that goes on never falls, and is right but for the calls under way', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const counters = new FopCounters();
      let [hits, totalNs, seconds, before] = [1, 1000, 0, 0];
      let sum = 0;
      for (const { calls, eachNs, pauseSeconds, early } of steps) {
        seconds += pauseSeconds;
        hits += calls;
        totalNs += calls * eachNs;
        // As the brick prints it; of one call that is under way the number may be told, and the time not yet.
        const averageNs = Number((totalNs / hits).toFixed(6));
        const told = { hits: BigInt(hits + (early ? 1 : 0)), averageNs, minNs: 0, maxNs: 0 };
        const fops = new Map([['STATFS', told]]);
        const profile = {
          seconds: BigInt(seconds),
          bytesRead: 0n,
          bytesWritten: 0n,
          reads: new Map(),
          writes: new Map(),
          fops,
        };
        sum = counters.take(profile, 0, seconds * 1000).fops.get('STATFS')?.seconds ?? before;
        expect(sum).toBeGreaterThanOrEqual(before);
        before = sum;
        hits += early ? 1 : 0;
        totalNs += early ? eachNs : 0;
      }
      expect(sum).toBeGreaterThanOrEqual((totalNs / 1e9) * (1 - 1e-9) - 0.01 - 1e-9);
    }),
  );
});
