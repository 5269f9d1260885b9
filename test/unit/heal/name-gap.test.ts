import { describe, expect, it } from 'vitest';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import type { NameRecord } from '../../../src/brick/gfid-path.ts';
import { bricksWithout, doubtfulNames } from '../../../src/heal/name-gap.ts';
import type { NameState } from '../../../src/heal/resolve-name.ts';
import type { CopyRow } from '../../../src/heal/split-brain.ts';

const GFID = '11111111-1111-4111-8111-111111111111';
const PARENT = '22222222-2222-4222-8222-222222222222';
const first: NameRecord = { parent: PARENT, name: 'first' };
const second: NameRecord = { parent: PARENT, name: 'second' };

function row(brickIndex: number, copy: Partial<BrickCopy> | 'gone'): CopyRow {
  const counters = {};
  const plain = { type: 'file', size: 1, modifiedAt: 0, mode: 0, uid: 0, gid: 0, counters, names: [first] } as const;
  const child = `v-client-${brickIndex}`;
  return { brickIndex, child, isArbiter: false, copy: copy === 'gone' ? copy : { ...plain, names: [first], ...copy } };
}

describe('doubtfulNames', () => {
  it('are those that a copy which is there has not', () => {
    expect(doubtfulNames([row(0, { names: [first, second] }), row(1, {}), row(2, 'gone')])).toEqual([second]);
    expect(doubtfulNames([row(0, { names: [second, first] }), row(1, { names: [first, second] })])).toEqual([]);
    expect(doubtfulNames([row(0, { names: [first, second] }), row(1, 'gone')])).toEqual([]);
    expect(doubtfulNames([row(0, { type: 'directory' }), row(1, { type: 'directory', names: [second] })])).toEqual([]);
  });

  it('are few, and none where a copy may have more names than are known', () => {
    const many = Array.from({ length: 20 }, (_, index) => ({ parent: PARENT, name: String(index) }));
    expect(doubtfulNames([row(0, { names: many }), row(1, {})])).toHaveLength(8);
    const most = Array.from({ length: 128 }, (_, index) => ({ parent: PARENT, name: String(index) }));
    expect(doubtfulNames([row(0, { names: most }), row(1, {})])).toEqual([]);
  });
});

describe('bricksWithout', () => {
  const object = { gfid: GFID, type: 'file' as const };
  const state: NameState = {
    record: second,
    directory: [row(0, { type: 'directory' }), row(1, { type: 'directory' }), row(2, { type: 'directory' })],
    named: new Map([
      [0, object],
      [1, undefined],
      [2, object],
    ]),
    objects: new Map([[GFID, [row(0, {}), row(1, {}), row(2, {})]]]),
  };

  it('are those that have the object, and the directory, and not the name', () => {
    expect(bricksWithout(GFID, state)).toEqual([1]);
  });

  it.each<[string, Partial<NameState>]>([
    [
      'whose directory is marked: its heal makes them',
      {
        directory: [
          row(0, { type: 'directory', counters: { 'trusted.afr.v-client-1': '000000000000000000000001' } }),
          row(1, { type: 'directory' }),
        ],
      },
    ],
    ['whose directory a brick has not', { directory: [row(0, { type: 'directory' }), row(1, 'gone')] }],
    ['whose object a brick has not', { objects: new Map([[GFID, [row(0, {}), row(1, 'gone')]]]) }],
    ['that are nobody’s any more', { named: new Map([[0, undefined]]) }],
    ['that mean another object', { named: new Map([[1, { gfid: PARENT, type: 'file' }]]) }],
  ])('are none for names %s', (_, change) => {
    expect(bricksWithout(GFID, { ...state, ...change })).toEqual([]);
  });
});
