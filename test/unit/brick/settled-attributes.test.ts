import { beforeEach, describe, expect, it } from 'vitest';
import { SettledAttributes, type HealAttributes } from '../../../src/brick/settled-attributes.ts';

const GFID = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const attributes: HealAttributes = { names: [], counters: {}, isNamespace: false };
const stat = { dev: 1, ino: 7, ctimeMs: 1_000_000, nlink: 2 };

let now: number;
let elapsed: number;
let known: SettledAttributes;

beforeEach(() => {
  now = stat.ctimeMs + 2000;
  elapsed = 0;
  known = new SettledAttributes({ now: () => now, monotonic: () => elapsed }, 2);
});

describe('SettledAttributes', () => {
  it('knows what has not changed', () => {
    known.keep(GFID, stat, attributes);
    expect(known.get(GFID, stat)?.attributes).toBe(attributes);
    expect(known.get(OTHER, stat)).toBeUndefined();
  });

  it.each([
    ['was changed', { ctimeMs: stat.ctimeMs + 0.001 }],
    ['is another inode', { ino: 8 }],
    ['is on another file system', { dev: 2 }],
    ['has another number of names', { nlink: 3 }],
  ])('forgets what %s', (_, change) => {
    known.keep(GFID, stat, attributes);
    expect(known.get(GFID, { ...stat, ...change })).toBeUndefined();
    expect(known.size).toBe(0);
  });

  it.each([
    ['a moment ago', -1],
    ['in the future, as when the clock was set back', -5000],
  ])('does not keep what was changed %s: another change may have the same time', (_, shift) => {
    now += shift;
    known.keep(GFID, stat, attributes);
    expect(known.size).toBe(0);
  });

  it('has everything read anew after five minutes, however often it is asked for', () => {
    known.keep(GFID, stat, attributes);
    for (elapsed = 0; elapsed <= 300_000; elapsed += 30_000) {
      known.look(false);
      expect(known.get(GFID, stat)?.attributes).toBe(attributes);
    }
    known.look(false);
    expect(known.get(GFID, stat)).toBeUndefined();
  });

  it('holds so many and no more, and drops those that nobody asks for', () => {
    for (const gfid of [GFID, OTHER, '33333333-3333-4333-8333-333333333333']) known.keep(gfid, stat, attributes);
    expect(known.size).toBe(2);
    elapsed = 100_000;
    known.look(false);
    known.get(GFID, stat);
    elapsed = 130_000;
    known.look(true);
    expect(known.size).toBe(1);
    expect(known.get(GFID, stat)?.attributes).toBe(attributes);
  });

  it('gives equal counters as one object, and others as their own', () => {
    const first = known.share({ 'trusted.afr.a': '01', 'trusted.afr.b': '02' });
    expect(known.share({ 'trusted.afr.a': '01', 'trusted.afr.b': '02' })).toBe(first);
    const other = { 'trusted.afr.a': '01', 'trusted.afr.b': '03' };
    expect(known.share(other)).toBe(other);
  });
});
