import { describe, expect, it } from 'vitest';
import type { HealObject } from '../../../src/brick/heal-entries.ts';
import { describeEntry, stateOf } from '../../../src/heal/entry.ts';

const gfid = '11111111-1111-4111-8111-111111111111';

function object(fields: Partial<HealObject>): HealObject {
  return { type: 'file', paths: [], unknownNames: 0, changedAt: 7, isNamespace: false, counters: {}, ...fields };
}

describe('describeEntry', () => {
  it('names the PV and writes names so that they are safe to print', () => {
    const paths = ['subvol/ab/cd/pvc-1/a\nb', 'subvol/ab/cd/pvc-1/caf\xc3\xa9'];
    expect(describeEntry({ gfid, object: object({ paths, unknownNames: 1 }) }, undefined)).toMatchObject({
      state: 'Clean',
      pv: 'pvc-1',
      paths: ['/subvol/ab/cd/pvc-1/a\\x0ab', '/subvol/ab/cd/pvc-1/café'],
      unknownNames: 1,
      changedAt: 7,
    });
  });

  it.each([
    ['', '/', undefined],
    ['subvol/ab/cd', '/subvol/ab/cd', undefined],
    ['subvol/ab/cd/pvc-1', '/subvol/ab/cd/pvc-1', 'pvc-1'],
    ['info/subvol/ab/cd/pvc-1.json', '/info/subvol/ab/cd/pvc-1.json', undefined],
    ['subvol/ab/xy/pvc-1/f', '/subvol/ab/xy/pvc-1/f', undefined],
  ])('of "%s" says %s and PV %s', (path, text, pv) => {
    expect(describeEntry({ gfid, object: object({ paths: [path] }) }, undefined)).toMatchObject({ paths: [text], pv });
  });

  it('judges counters by the set that is asked about, though it remembers what it said of them', () => {
    const counters = { 'trusted.afr.v-client-1': '000000010000000000000000' };
    const entry = { gfid, object: object({ counters }) };
    const self = { self: 'v-client-1', others: ['v-client-0', 'v-client-2'] };
    const other = { self: 'v-client-0', others: ['v-client-1', 'v-client-2'] };
    for (const [set, state] of [
      [self, 'BlamesItself'],
      [other, 'Pending'],
      [self, 'BlamesItself'],
    ] as const) {
      expect(describeEntry(entry, set).state).toBe(state);
      expect(stateOf(entry, set)).toBe(state);
    }
    expect(stateOf({ gfid, object: 'gone' }, self)).toBe('Stale');
    expect(stateOf({ gfid, object: 'unresolved' }, self)).toBe('Unresolved');
  });

  it('tells what is gone and what cannot be found', () => {
    expect(describeEntry({ gfid, object: 'gone' }, undefined)).toMatchObject({
      state: 'Stale',
      type: undefined,
      paths: [],
    });
    expect(describeEntry({ gfid, object: 'unresolved' }, undefined).state).toBe('Unresolved');
  });
});
