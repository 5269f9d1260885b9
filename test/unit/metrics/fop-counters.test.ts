import { describe, expect, it } from 'vitest';
import { FopCounters } from '../../../src/metrics/fop-counters.ts';
import type { BrickProfile } from '../../../src/rpc/profile-reply.ts';

type Fops = Record<string, [hits: number, averageNs: number | undefined]>;

function profile(seconds: number, fops: Fops): BrickProfile {
  return {
    seconds: BigInt(seconds),
    bytesRead: 0n,
    bytesWritten: 0n,
    reads: new Map(),
    writes: new Map(),
    fops: new Map(
      Object.entries(fops).map(([name, [hits, averageNs]]) => [
        name,
        { hits: BigInt(hits), averageNs, minNs: averageNs && 1, maxNs: averageNs && 9e9 },
      ]),
    ),
  };
}

describe('the sum of a file operation', () => {
  it('is calls by mean, in seconds', () => {
    const { fops } = new FopCounters().take(profile(10, { STATFS: [4, 250_000], RELEASE: [3, undefined] }), 0, 0);
    expect(Object.fromEntries(fops)).toEqual({ STATFS: { calls: 4, seconds: 0.001, longestSeconds: 9 } });
  });

  it('does not fall when the mean was read a moment too early', () => {
    const counters = new FopCounters();
    const sum = (hits: number, mean: number, at: number): number | undefined =>
      counters.take(profile(10 + at, { STATFS: [hits, mean] }), 0, at * 1000).fops.get('STATFS')?.seconds;
    // Counted already, but not in the mean yet: 1 ms too much.
    expect(sum(11, 1e6, 0)).toBeCloseTo(0.011);
    expect(sum(11, 0.91e6, 1)).toBeCloseTo(0.011);
    expect(sum(20, 0.9e6, 2)).toBeCloseTo(0.018);
  });

  it('begins anew with the brick, whether it has made fewer calls or more', () => {
    const counters = new FopCounters();
    counters.take(profile(1000, { STATFS: [100, 1e6] }), 0, 1_000_000);
    expect(counters.take(profile(5, { STATFS: [2, 1e6] }), 0, 1_010_000).fops.get('STATFS')?.seconds).toBe(0.002);
    // A quarter of an hour later another process has made more calls than the one before, but quicker ones.
    const busy = counters.take(profile(60, { STATFS: [500, 1_000] }), 0, 1_900_000).fops.get('STATFS');
    expect(busy).toMatchObject({ calls: 500, seconds: 0.0005 });
  });

  it('goes on where the same brick says that it is a second older or younger than it should be', () => {
    const counters = new FopCounters();
    counters.take(profile(1000, { STATFS: [10, 2e6] }), 0, 0);
    expect(counters.take(profile(1014, { STATFS: [11, 1e6] }), 0, 15_000).fops.get('STATFS')?.seconds).toBe(0.02);
  });
});

describe('whether the brick counts', () => {
  const counted = (...looks: [hits: number, answers: number][]): (boolean | undefined)[] => {
    const counters = new FopCounters();
    return looks.map(([hits, answers], index) => {
      const fops: Fops = hits === 0 ? { RELEASE: [1, undefined] } : { STATFS: [hits, 1e5], RELEASE: [1, undefined] };
      const seen = counters.take(profile(index * 15, fops), answers, index * 15_000);
      expect(seen.fops.size).toBe(seen.counting === true ? 1 : 0);
      return seen.counting;
    });
  };

  it('is not known before it has answered the agent once more', () => {
    expect(counted([0, 3], [0, 3])).toEqual([undefined, undefined]);
  });

  it('is no when it has answered and counted nothing', () => {
    expect(counted([0, 3], [0, 6])).toEqual([undefined, false]);
  });

  it('is yes with the first count', () => {
    expect(counted([4, 3], [7, 6])).toEqual([true, true]);
  });

  it('is told when it is switched off, and on again', () => {
    expect(counted([4, 3], [4, 6], [4, 9], [5, 12])).toEqual([true, false, false, true]);
  });

  it('stays while nobody has asked since', () => {
    expect(counted([4, 3], [4, 3])).toEqual([true, true]);
  });

  it('is not taken from an answer of the process before', () => {
    const counters = new FopCounters();
    counters.take(profile(1000, { STATFS: [100, 1e6] }), 20, 1_000_000);
    expect(counters.take(profile(2, {}), 21, 1_015_000).counting).toBeUndefined();
    expect(counters.take(profile(17, {}), 24, 1_030_000).counting).toBe(false);
  });
});
