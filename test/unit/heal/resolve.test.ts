import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import { decodeChangelog } from '../../../src/heal/changelog.ts';
import { isWhole, planResolution, POLICIES, type Planned, type PlanStep } from '../../../src/heal/resolve.ts';
import { splitKinds, judgeKinds, type CopyRow } from '../../../src/heal/split-brain.ts';

const GFID = '11111111-1111-4111-8111-111111111111';

interface Spec {
  blames?: Record<number, [number, number]>;
  dirty?: number;
  copy?: Partial<BrickCopy> | 'gone';
  isArbiter?: boolean;
}

function hexOf(data: number, metadata: number): string {
  return [data, metadata, 0].map((count) => count.toString(16).padStart(8, '0')).join('');
}

function rowsOf(...specs: Spec[]): CopyRow[] {
  return specs.map(({ blames = {}, dirty = 0, copy = {}, isArbiter = false }, brickIndex) => {
    const counters: Record<string, string> = { 'trusted.afr.dirty': hexOf(dirty, 0) };
    for (const [at, [data, metadata]] of Object.entries(blames))
      counters[`trusted.afr.v-client-${at}`] = hexOf(data, metadata);
    const plain = { type: 'file', size: 1, modifiedAt: 0, mode: 0o100644, uid: 0, gid: 0, names: [] } as const;
    const whole: CopyRow['copy'] = copy === 'gone' ? copy : { ...plain, names: [], counters, ...copy };
    return { brickIndex, child: `v-client-${brickIndex}`, isArbiter, copy: whole };
  });
}

/** The rows after the steps, as bricks add them up. */
function apply(rows: readonly CopyRow[], steps: readonly PlanStep[]): CopyRow[] {
  return rows.map((row) => {
    if (typeof row.copy === 'string') return row;
    const counters = { ...row.copy.counters };
    for (const { brickIndex, child, add } of steps) {
      if (brickIndex !== row.brickIndex) continue;
      const key = `trusted.afr.${child}`;
      const before = decodeChangelog(counters[key] ?? hexOf(0, 0)) ?? { data: 0, metadata: 0 };
      counters[key] = hexOf(before.data + add.data, before.metadata + add.metadata);
    }
    return { ...row, copy: { ...row.copy, counters } };
  });
}

function plan(rows: readonly CopyRow[], policy: (typeof POLICIES)[number], source?: number): Planned {
  return planResolution({ gfid: GFID, kinds: splitKinds(rows) }, rows, policy, source);
}

function said(planned: Planned): string {
  if ('refusal' in planned) return planned.refusal;
  const { source, keepers, losers } = planned.plan;
  return `${source} of ${keepers.join()} over ${losers.join()}`;
}

/** One brick against two, as a divided replica 3 has it. */
const DIVIDED: Spec[] = [
  { blames: { 1: [1, 0], 2: [1, 0] }, copy: { size: 9, modifiedAt: 10 } },
  { blames: { 0: [3, 0] }, copy: { size: 5, modifiedAt: 20 } },
  { blames: { 0: [3, 0] }, copy: { size: 5, modifiedAt: 20 } },
];

describe('planResolution', () => {
  it.each([
    ['bigger-file', undefined, '0 of 0 over 1,2'],
    ['latest-mtime', undefined, '1 of 1,2 over 0'],
    ['majority', undefined, '1 of 1,2 over 0'],
    ['source-brick', 0, '0 of 0 over 1,2'],
    ['source-brick', 2, '2 of 1,2 over 0'],
    ['source-brick', undefined, 'source-brick needs the index of a brick'],
    ['source-brick', 3, expect.stringContaining('brick 3 cannot be the source')],
  ] as const)('%s %s: %s', (policy, source, expected) => {
    expect(said(plan(rowsOf(...DIVIDED), policy, source))).toEqual(expected);
  });

  it('takes back exactly what the losers say of the kept copies', () => {
    const planned = plan(rowsOf(...DIVIDED), 'bigger-file');
    expect('plan' in planned && planned.plan.steps).toEqual([
      { brickIndex: 1, child: 'v-client-0', add: { data: -3, metadata: 0, entry: 0 } },
      { brickIndex: 2, child: 'v-client-0', add: { data: -3, metadata: 0, entry: 0 } },
    ]);
  });

  it.each<[string, Spec[], (typeof POLICIES)[number], number | undefined, string]>([
    [
      'two that differ in the same size',
      [{ blames: { 1: [1, 0] } }, { blames: { 0: [1, 0] } }],
      'bigger-file',
      undefined,
      'bigger-file does not tell bricks 0, 1 apart',
    ],
    [
      'two of two are no majority of one',
      [{ blames: { 1: [1, 0] } }, { blames: { 0: [1, 0] } }],
      'majority',
      undefined,
      'no copy is that of more than half',
    ],
    [
      'metadata',
      [{ blames: { 1: [0, 1] } }, { blames: { 0: [0, 1] } }],
      'bigger-file',
      undefined,
      'bigger-file says nothing of metadata',
    ],
    [
      'a write',
      [{ blames: { 1: [1, 0] }, dirty: 1 }, { blames: { 0: [1, 0] } }],
      'source-brick',
      0,
      'it is being written',
    ],
    [
      'an arbiter as source of data',
      [{ blames: { 1: [1, 0] } }, { blames: { 0: [1, 0] } }, { isArbiter: true }],
      'source-brick',
      2,
      'brick 2 cannot be the source',
    ],
  ])('refuses %s', (_, specs, policy, source, expected) => {
    expect(said(plan(rowsOf(...specs), policy, source))).toContain(expected);
  });

  it('lets an arbiter be one of the majority, and not its copy', () => {
    const specs: Spec[] = [
      { blames: { 1: [1, 0], 2: [1, 0] } },
      { blames: { 0: [1, 0] } },
      { blames: { 0: [1, 0] }, isArbiter: true, copy: { size: 0 } },
    ];
    expect(said(plan(rowsOf(...specs), 'majority'))).toBe('1 of 1,2 over 0');
  });

  it('leaves names to the daemon', () => {
    const rows = rowsOf(...DIVIDED);
    expect(said(planResolution({ gfid: GFID, kinds: ['entry'] }, rows, 'majority', undefined))).toContain('merges');
  });

  it('has an id that changes with every copy', () => {
    const id = (specs: Spec[]): string | undefined => {
      const planned = plan(rowsOf(...specs), 'source-brick', 0);
      return 'plan' in planned ? planned.plan.id : undefined;
    };
    const [zero = {}, one = {}, two = {}] = DIVIDED;
    expect(id([zero, one, two])).toBe(id([zero, one, two]));
    const others = [
      [zero, { ...one, copy: { size: 6, modifiedAt: 20 } }, two],
      [zero, { ...one, copy: { size: 5, modifiedAt: 21 } }, two],
      [zero, { ...one, blames: { 0: [4, 0] as [number, number] } }, two],
    ];
    expect(new Set([id([zero, one, two]), ...others.map(id)]).size).toBe(4);
  });

  const cell = fc.tuple(fc.nat(2), fc.nat(2));
  const specs = fc
    .array(
      fc.record({ others: fc.array(cell, { minLength: 3, maxLength: 3 }), size: fc.nat(3), modifiedAt: fc.nat(3) }),
      {
        minLength: 3,
        maxLength: 3,
      },
    )
    .map((rows) =>
      rows.map(({ others, size, modifiedAt }, own): Spec => {
        const blames = Object.fromEntries(
          others.map((counts, at): [number, [number, number]] => [at, at === own ? [0, 0] : counts]),
        );
        return { blames, copy: { size, modifiedAt } };
      }),
    );

  it('makes the source a source, and nobody that it overwrites, whatever they blame', () => {
    let planned = 0;
    fc.assert(
      fc.property(specs, fc.constantFrom(...POLICIES), fc.nat(2), (drawn, policy, source) => {
        const rows = rowsOf(...drawn);
        const found = plan(rows, policy, source);
        if ('refusal' in found) return;
        planned += 1;
        const after = apply(rows, found.plan.steps);
        for (const { kind, sources, blamed } of judgeKinds(after)) {
          if (!found.plan.kinds.some((split) => split === kind)) continue;
          expect(sources).toContain(found.plan.source);
          for (const loser of found.plan.losers) expect(blamed).toContain(loser);
        }
        expect(splitKinds(after)).toEqual([]);
        // Nothing is said of kinds that are not in split-brain.
        const untouched = (['data', 'metadata'] as const).filter((kind) => !found.plan.kinds.includes(kind));
        for (const { add } of found.plan.steps) for (const kind of untouched) expect(add[kind]).toBe(0);
      }),
      { numRuns: 2000 },
    );
    expect(planned).toBeGreaterThan(50);
  });
});

describe('isWhole', () => {
  it.each<[string | undefined, Spec[]]>([
    [undefined, [{}, {}]],
    [undefined, [{}, { isArbiter: true, copy: { size: 0 } }]],
    ['brick 1 still blames brick 0', [{}, { blames: { 0: [1, 0] } }]],
    [undefined, [{}, { blames: { 0: [0, 1] } }]],
    ['the copy of brick 1 differs from that of brick 0', [{}, { copy: { size: 2 } }]],
    ['the copy of brick 1 differs from that of brick 0', [{}, { copy: { uid: 2 } }]],
    ['brick 1 has no copy', [{}, { copy: 'gone' }]],
  ])('%s', (expected, drawn) => {
    expect(isWhole(rowsOf(...drawn), ['data'])).toBe(expected);
  });
});
