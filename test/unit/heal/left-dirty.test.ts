import { describe, expect, it } from 'vitest';
import type { HealEntry } from '../../../src/brick/heal-entries.ts';
import { isLeftDirty, LeftDirty } from '../../../src/heal/left-dirty.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;
const DIRTY = { 'trusted.afr.dirty': '000000010000000000000000' };
const BLAMING = { ...DIRTY, 'trusted.afr.vol1-client-1': '000000010000000000000000' };

function entry(changedAt: number, counters: Record<string, string> = DIRTY): HealEntry {
  const object = { type: 'file' as const, paths: [], unknownNames: 0, isNamespace: false, changedAt, counters };
  return { gfid: '11111111-1111-4111-8111-111111111111', object };
}

function leftDirty(clock: ManualClock, entries: HealEntry[] | undefined, dirty: number | undefined, next?: string) {
  const asked: object[] = [];
  const page = async (request: object) => {
    asked.push(request);
    return entries && { entries, next };
  };
  return { asked, left: new LeftDirty({ source: { page }, set: undefined, dirty: () => dirty, clock }) };
}

describe('LeftDirty', () => {
  it('counts what nobody has written for a minute, and neither what is written nor what is blamed', async () => {
    const clock = new ManualClock();
    const now = clock.now();
    const old = now - 60_000;
    const gone: HealEntry = { gfid: '22222222-2222-4222-8222-222222222222', object: 'gone' };
    const entries = [entry(old), entry(old - 1), entry(old + 1), entry(now), entry(old, BLAMING), gone];
    const { left, asked } = leftDirty(clock, entries, entries.length);
    expect(left.count).toBeUndefined();
    await left.pass(SIGNAL);
    expect(left.count).toEqual({ objects: 2, ofAll: true });
    expect(asked).toEqual([{ index: 'dirty', after: undefined, limit: 1000 }]);
  });

  it('asks nothing of an empty index, and says that it has not looked at all of a long one', async () => {
    const clock = new ManualClock();
    const { left: none, asked } = leftDirty(clock, [], 0);
    await none.pass(SIGNAL);
    expect([none.count, asked]).toEqual([{ objects: 0, ofAll: true }, []]);
    const { left: many } = leftDirty(clock, [entry(0)], 5000, 'more');
    await many.pass(SIGNAL);
    expect(many.count).toEqual({ objects: 1, ofAll: false });
  });

  it('knows nothing where the index is not known, is not there, or cannot be read', async () => {
    const clock = new ManualClock();
    for (const [entries, dirty] of [[[entry(0)], undefined] as const, [undefined, 3] as const]) {
      const { left } = leftDirty(clock, entries === undefined ? undefined : [...entries], dirty);
      await left.pass(SIGNAL);
      expect(left.count).toBeUndefined();
    }
    let fails = false;
    const page = async () => {
      if (fails) throw new Error('the brick hangs');
      return { entries: [entry(0)], next: undefined };
    };
    const left = new LeftDirty({ source: { page }, set: undefined, dirty: () => 1, clock });
    await left.pass(SIGNAL);
    expect(left.count?.objects).toBe(1);
    fails = true;
    await expect(left.pass(SIGNAL)).rejects.toThrow('the brick hangs');
    expect(left.count).toBeUndefined();
  });
});

describe('isLeftDirty', () => {
  it('needs a time', () => {
    expect(isLeftDirty({ state: 'Dirty', changedAt: undefined }, 1e9)).toBe(false);
    expect(isLeftDirty({ state: 'Dirty', changedAt: 0 }, 1e9)).toBe(true);
    expect(isLeftDirty({ state: 'Pending', changedAt: 0 }, 1e9)).toBe(false);
  });
});
