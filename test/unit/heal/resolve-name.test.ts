import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import { planName, type NameState } from '../../../src/heal/resolve-name.ts';
import type { CopyRow } from '../../../src/heal/split-brain.ts';

const RECORD = { parent: '33333333-3333-4333-8333-333333333333', name: 'x' };
const A = '11111111-1111-4111-8111-111111111111';
const B = '22222222-2222-4222-8222-222222222222';
const ENTRY = '000000000000000000000001';
const DIRTY = { 'trusted.afr.dirty': '000000010000000000000000' };

type Has = Partial<BrickCopy> & { gfid: string; isArbiter?: boolean };

function row(brickIndex: number, copy: CopyRow['copy'], isArbiter = false): CopyRow {
  return { brickIndex, child: `v-client-${brickIndex}`, isArbiter, copy };
}

function copyOf({ gfid: _gfid, isArbiter: _isArbiter, ...fields }: Has): BrickCopy {
  const place = { mode: 0, uid: 0, gid: 0, names: [RECORD], counters: {} };
  return { type: 'file', size: 1, modifiedAt: 1, ...place, ...fields };
}

/** What each brick has under the name; all blame one another for the directory, unless told otherwise. */
function state(has: (Has | undefined)[], isDirectorySplit = true): NameState {
  const directory = has.map((_, index) => {
    const blamed = isDirectorySplit ? has.map((_, other) => other).filter((other) => other !== index) : [];
    const counters = Object.fromEntries(blamed.map((other) => [`trusted.afr.v-client-${other}`, ENTRY]));
    return row(index, copyOf({ gfid: '', type: 'directory', counters }));
  });
  const gfids = [...new Set(has.flatMap((one) => one?.gfid ?? []))];
  const objects = gfids.map((gfid): [string, CopyRow[]] => [
    gfid,
    has.map((one, index) => row(index, one?.gfid === gfid ? copyOf(one) : 'gone', one?.isArbiter)),
  ]);
  const named = has.map((one, index) => {
    return [index, one && { gfid: one.gfid, type: copyOf(one).type }] as const;
  });
  return { record: RECORD, directory, named: new Map(named), objects: new Map(objects) };
}

const first: Has = { gfid: A, size: 9, modifiedAt: 5 };
const other: Has = { gfid: B, size: 3, modifiedAt: 7 };

describe('planName', () => {
  it.each([
    ['source-brick', 0, A, [1, 2]],
    ['source-brick', 2, B, [0]],
    ['majority', undefined, B, [0]],
    ['bigger-file', undefined, A, [1, 2]],
    ['latest-mtime', undefined, B, [0]],
  ] as const)('%s %s keeps one object, and the others lose the name', (policy, source, gfid, losers) => {
    const planned = planName(state([first, other, { ...other, modifiedAt: 6 }]), policy, source);
    if ('refusal' in planned) throw new Error(planned.refusal);
    const { plan } = planned;
    expect([plan.gfid, plan.losers, plan.steps]).toEqual([gfid, losers, []]);
    expect(plan.removals.map(({ brickIndex }) => brickIndex)).toEqual(losers);
    for (const removal of plan.removals) {
      expect(removal).toMatchObject({ ...RECORD, gfid: gfid === A ? B : A, expected: { type: 'file' } });
    }
  });

  const arbiter: Has = { ...other, isArbiter: true, size: 0 };
  it.each([
    ['a directory with a source', state([first, other, other], false), 'majority', undefined, 'has a source of names'],
    ['one object alone', state([first, first, undefined]), 'majority', undefined, 'the same object'],
    [
      'a write under way',
      state([first, { ...other, counters: DIRTY }, other]),
      'majority',
      undefined,
      'dirty on brick 1',
    ],
    ['no brick named', state([first, other, other]), 'source-brick', undefined, 'needs the index'],
    ['a brick without the name', state([first, other, undefined]), 'source-brick', 2, 'nothing of that name'],
    ['no majority', state([first, other, undefined]), 'majority', undefined, 'more than half'],
    ['a tie', state([first, { ...other, size: 9 }, undefined]), 'bigger-file', undefined, 'does not tell bricks 0, 1'],
    [
      'types that have no size',
      state([{ ...first, type: 'symlink' }, other]),
      'bigger-file',
      undefined,
      'bigger-file compares files alone: use source-brick or majority',
    ],
    [
      'a directory by its time',
      state([{ ...first, type: 'directory' }, other]),
      'latest-mtime',
      undefined,
      'something in a directory was changed: use source-brick or majority',
    ],
    ['data on no brick', state([first, first, arbiter]), 'source-brick', 2, 'only the arbiter'],
    [
      'a directory to be removed',
      state([{ ...first, type: 'directory' }, other, other]),
      'majority',
      undefined,
      'not removed',
    ],
  ] as const)('refuses %s', (_what, names, policy, source, message) => {
    const planned = planName(names, policy, source);
    expect('refusal' in planned ? planned.refusal : 'planned').toContain(message);
  });

  it('keeps the symlink that was changed last', () => {
    const planned = planName(state([first, { ...other, type: 'symlink' }, undefined]), 'latest-mtime', undefined);
    expect(planned).toMatchObject({ plan: { gfid: B, losers: [0] } });
  });

  it('keeps a directory, where a file loses', () => {
    const planned = planName(state([{ ...first, type: 'directory' }, other, other]), 'source-brick', 0);
    expect(planned).toMatchObject({ plan: { gfid: A, losers: [1, 2] } });
  });

  it('is named after all that it was made of', () => {
    const idOf = (names: NameState): string => {
      const planned = planName(names, 'source-brick', 0);
      return 'plan' in planned ? planned.plan.id : planned.refusal;
    };
    const ids = [other, { ...other, size: 4 }, { ...other, modifiedAt: 8 }, { ...other, counters: { a: '00' } }];
    expect(new Set(ids.map((changed) => idOf(state([first, changed, other])))).size).toBe(4);
    expect(idOf(state([first, other, other]))).toBe(idOf(state([first, other, other])));
  });

  it('never removes what is kept, nor a directory, nor all', () => {
    const object = fc.record<Has>({
      gfid: fc.constantFrom(A, B),
      type: fc.constantFrom('file', 'directory', 'symlink'),
      size: fc.nat(3),
      modifiedAt: fc.nat(3),
      isArbiter: fc.constant(false),
    });
    const policy = fc.constantFrom('source-brick', 'majority', 'bigger-file', 'latest-mtime' as const);
    fc.assert(
      fc.property(
        fc.array(fc.option(object, { nil: undefined }), { minLength: 2, maxLength: 3 }),
        policy,
        (has, by) => {
          const planned = planName(state(has), by, 0);
          if ('refusal' in planned) return;
          const { gfid, removals, keepers } = planned.plan;
          expect(keepers.length).toBeGreaterThan(0);
          expect(removals.length).toBeGreaterThan(0);
          for (const removal of removals) {
            expect(removal.gfid).not.toBe(gfid);
            expect(has[removal.brickIndex]).toMatchObject({ gfid: removal.gfid });
            expect(removal.expected.type).not.toBe('directory');
            expect(keepers).not.toContain(removal.brickIndex);
          }
        },
      ),
    );
  });
});
