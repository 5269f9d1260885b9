import { describe, expect, it } from 'vitest';
import { TamperingTally } from '../../../src/quota/tampering.ts';

const of = (pv: string, gfid = pv) => ({ pv, gfid });

describe('TamperingTally', () => {
  it('counts by PV and kind, and is nothing for a PV that never had any', () => {
    const tally = new TamperingTally(() => true);
    expect([tally.of('a'), tally.entries()]).toEqual([{ off: 0, faked: 0 }, []]);
    for (const kind of ['off', 'faked', 'off'] as const) tally.count(of('a'), kind);
    tally.count(of('b'), 'faked');
    expect(tally.of('a')).toEqual({ off: 2, faked: 1 });
    expect(tally.entries().map(({ pv }) => pv)).toEqual(['a', 'b']);
  });

  it('forgets a PV that is gone, and takes one of the same name for another', () => {
    const there = new Set(['a', 'b']);
    const tally = new TamperingTally((pv) => there.has(pv));
    tally.count(of('a'), 'off');
    tally.count(of('b'), 'off');
    tally.count(of('a', 'another'), 'faked');
    expect(tally.of('a')).toEqual({ off: 0, faked: 1 });
    there.delete('b');
    expect(tally.entries().map(({ pv }) => pv)).toEqual(['a']);
    expect(tally.of('b')).toEqual({ off: 0, faked: 0 });
  });

  it('is bounded, and has room again when a PV is gone', () => {
    const there = new Set(['a', 'b', 'c']);
    const tally = new TamperingTally((pv) => there.has(pv), 2);
    for (const pv of there) tally.count(of(pv), 'off');
    tally.count(of('a'), 'off');
    expect(tally.entries().map(({ pv, counts }) => `${pv} ${counts.off}`)).toEqual(['a 2', 'b 1']);
    there.delete('a');
    tally.count(of('c'), 'off');
    expect(tally.entries().map(({ pv }) => pv)).toEqual(['b', 'c']);
  });
});
