import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import { isSettled, judgeKinds, mismatchOf, splitKinds, type CopyRow } from '../../../src/heal/split-brain.ts';

type Counters = [data: number, metadata: number, entry: number];

function hexOf(counters: Counters): string {
  return counters.map((counter) => counter.toString(16).padStart(8, '0')).join('');
}

/** @param blames whom this brick blames, by index; `dirty` is its own mark */
function row(
  brickIndex: number,
  blames: Record<number, Counters> & { dirty?: Counters } = {},
  changes: Partial<CopyRow> & { type?: BrickCopy['type'] } = {},
): CopyRow {
  const { dirty, ...others } = blames;
  const counters = Object.fromEntries([
    ...Object.entries(others).map(([index, value]) => [`trusted.afr.v-client-${index}`, hexOf(value)]),
    ...(dirty === undefined ? [] : [['trusted.afr.dirty', hexOf(dirty)]]),
  ]);
  const { type = 'file', ...rest } = changes;
  const copy: BrickCopy = { type, size: 1, modifiedAt: 0, mode: 0o100644, uid: 0, gid: 0, counters, names: [] };
  return { brickIndex, child: `v-client-${brickIndex}`, isArbiter: false, copy, ...rest };
}

const D: Counters = [1, 0, 0];
const M: Counters = [0, 1, 0];
const E: Counters = [0, 0, 1];
const gone = (index: number): CopyRow => row(index, {}, { copy: 'gone' });

describe('splitKinds', () => {
  it.each<[string, string[], CopyRow[]]>([
    ['nothing', [], [row(0), row(1), row(2)]],
    ['one that missed a change', [], [row(0, { 2: D }), row(1, { 2: D }), row(2)]],
    ['one that is alone with a change', [], [row(0, { 1: D, 2: D }), row(1), row(2)]],
    ['one against two', ['data'], [row(0, { 1: D, 2: D }), row(1, { 0: D }), row(2, { 0: D })]],
    ['one against two in metadata', ['metadata'], [row(0, { 1: M, 2: M }), row(1, { 0: M }), row(2, { 0: M })]],
    ['both kinds', ['data', 'metadata'], [row(0, { 1: [1, 1, 0] }), row(1, { 0: [2, 7, 0] })]],
    ['a round', ['data'], [row(0, { 1: D }), row(1, { 2: D }), row(2, { 0: D })]],
    ['kinds that point to different sources', [], [row(0, { 1: D }), row(1, { 0: M })]],
    ['who blames itself is not believed', [], [row(0, { 0: D, 1: D }), row(1, { 0: D })]],
    ['all blame themselves', ['data'], [row(0, { 0: D }), row(1, { 1: D })]],
    ['only the arbiter is not blamed', ['data'], [row(0, { 1: D }), row(1, { 0: D }), row(2, {}, { isArbiter: true })]],
    ['an arbiter is good for metadata', [], [row(0, { 1: M }), row(1, { 0: M }), row(2, {}, { isArbiter: true })]],
    ['a new file', [], [row(0, { 1: [2, 1, 0], 2: [2, 1, 0] }), gone(1), gone(2)]],
    ['counters that mean nothing for a file', [], [row(0, { 1: E }), row(1, { 0: E })]],
    ['a directory', ['entry'], [row(0, { 1: E }, { type: 'directory' }), row(1, { 0: E }, { type: 'directory' })]],
    ['data of a directory', [], [row(0, { 1: D }, { type: 'directory' }), row(1, { 0: D }, { type: 'directory' })]],
    ['gone everywhere', [], [gone(0), gone(1)]],
  ])('%s: %j', (_, expected, rows) => {
    expect(splitKinds(rows)).toEqual(expected);
  });

  const matrix = fc.array(fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 });
  const rowsOf = (cells: number[][]): CopyRow[] =>
    cells.map((blamed, index) =>
      row(index, Object.fromEntries(blamed.map((count, at): [number, Counters] => [at, [count, 0, 0]]))),
    );

  it('is what the definition says, for every matrix', () => {
    fc.assert(
      fc.property(matrix, (cells) => {
        const accused = [0, 1, 2].filter((at) =>
          cells.some((cell, who) => (cell[at] ?? 0) > 0 && (who === at || cell[who] === 0)),
        );
        expect(splitKinds(rowsOf(cells)).includes('data')).toBe(accused.length === 3);
        expect(judgeKinds(rowsOf(cells))[0]?.blamed).toEqual(accused);
      }),
    );
  });

  it('does not depend on the order of the bricks, nor on how high the counters are', () => {
    fc.assert(
      fc.property(matrix, fc.integer({ min: 1, max: 1000 }), (cells, factor) => {
        const rows = rowsOf(cells);
        expect(splitKinds(rows.toReversed())).toEqual(splitKinds(rows));
        expect(splitKinds(rowsOf(cells.map((cell) => cell.map((count) => count * factor))))).toEqual(splitKinds(rows));
      }),
    );
  });
});

describe('mismatchOf', () => {
  const own = { gfid: 'a', type: 'file' } as const;
  it.each([
    [undefined, [own, undefined, undefined]],
    [undefined, [own, own]],
    ['gfid', [own, { gfid: 'b', type: 'file' }]],
    ['type', [own, { gfid: 'b', type: 'directory' }]],
    ['type', [own, { gfid: 'b', type: 'file' }, { gfid: 'c', type: 'symlink' }]],
  ] as const)('%s', (expected, named) => {
    expect(mismatchOf(own, named)).toBe(expected);
  });
});

describe('isSettled', () => {
  it('is false while a dirty mark comes or changes', () => {
    const at = (dirty: Counters): CopyRow[] => [row(0, { dirty }), row(1)];
    expect(isSettled(at([0, 0, 0]), at([0, 0, 0]))).toBe(true);
    expect(isSettled(at(D), at([0, 0, 0]))).toBe(true);
    // Left by a client that died.
    expect(isSettled(at(D), at(D))).toBe(true);
    expect(isSettled(at([0, 0, 0]), at(D))).toBe(false);
    expect(isSettled(at(D), at([2, 0, 0]))).toBe(false);
    expect(isSettled([], at(D))).toBe(false);
  });
});
