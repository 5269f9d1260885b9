import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrickReport } from '../../../src/heal/disruption.ts';
import { planReplacement, type ReplacementFacts } from '../../../src/heal/replacement.ts';
import type { CopyRow } from '../../../src/heal/split-brain.ts';

const SET = { first: 0, members: [0, 1, 2] };
const TARGET = 1;

function hex(data: number, metadata: number, entry: number): string {
  const bytes = Buffer.alloc(12);
  for (const [at, value] of [data, metadata, entry].entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes.toString('hex');
}

function row(brickIndex: number, counters: Record<string, string> = {}): CopyRow {
  const copy = { type: 'directory' as const, size: 0, modifiedAt: 0, mode: 0, uid: 0, gid: 0, names: [], counters };
  return { brickIndex, child: `v-client-${brickIndex}`, isArbiter: false, copy };
}

function report(brickIndex: number, fields: Partial<BrickReport> = {}): BrickReport {
  const isEmpty = brickIndex === TARGET;
  return {
    brickIndex,
    notServing: undefined,
    servingForMs: 60_000,
    backlog: { state: isEmpty ? 'Unknown' : 'Complete', message: 'm', pending: 0, isEmpty },
    blames: [],
    isStopping: false,
    ...fields,
  };
}

function facts(fields: Partial<ReplacementFacts> = {}): ReplacementFacts {
  const root = [row(0), row(1), row(2)];
  return { set: SET, target: TARGET, reports: [0, 1, 2].map((index) => report(index)), silent: [], root, ...fields };
}

function refusal(fields: Partial<ReplacementFacts>): string {
  const planned = planReplacement(facts(fields));
  return 'refusal' in planned ? planned.refusal : 'planned';
}

describe('planReplacement', () => {
  it('has every other brick blame the empty one for all, where it does not yet', () => {
    const root = [row(0), row(1), row(2, { 'trusted.afr.v-client-1': hex(0, 7, 0) })];
    expect(planReplacement(facts({ root }))).toMatchObject({
      plan: {
        target: TARGET,
        child: 'v-client-1',
        steps: [
          { brickIndex: 0, child: 'v-client-1', add: { data: 1, metadata: 1, entry: 1 } },
          { brickIndex: 2, child: 'v-client-1', add: { data: 1, metadata: 0, entry: 1 } },
        ],
      },
    });
    const marked = { 'trusted.afr.v-client-1': hex(1, 1, 1) };
    expect(planReplacement(facts({ root: [row(0, marked), row(1), row(2, marked)] }))).toMatchObject({
      plan: { steps: [] },
    });
  });

  it('takes a brick with a backlog for one with data', () => {
    const backlog = { state: 'Progressing' as const, message: 'm', pending: 3, isEmpty: undefined };
    expect(planReplacement(facts({ reports: [report(0, { backlog }), report(1), report(2)] }))).toHaveProperty('plan');
  });

  const unknown = { state: 'Unknown' as const, message: 'why', pending: undefined, isEmpty: undefined };
  it.each<[string, Partial<ReplacementFacts>, string]>([
    ['a brick of another set', { target: 3 }, 'not of this set'],
    [
      'an agent that is silent',
      { reports: [report(0), report(1)], silent: ['h:1: Timeout'] },
      'brick 2 (h:1: Timeout)',
    ],
    ['a brick that is down', { reports: [report(0, { notServing: 'd' }), report(1), report(2)] }, 'does not serve: d'],
    [
      'data on it',
      { reports: [report(0), report(1, { backlog: report(0).backlog }), report(2)] },
      'not known to be empty',
    ],
    ['not knowing that', { reports: [report(0), report(1, { backlog: unknown }), report(2)] }, 'empty (why)'],
    ['two empty ones', { reports: [report(0, { backlog: report(1).backlog }), report(1), report(2)] }, 'empty, too'],
    [
      'not knowing the others',
      { reports: [report(0, { backlog: unknown }), report(1), report(2)] },
      'is not known: why',
    ],
    ['roots that nobody knows', { root: 'no peers' }, 'cannot be compared: no peers'],
    ['a root that is missing', { root: [row(0), row(1)] }, 'is not known on all'],
    ['a brick without a root', { root: [{ ...row(0), copy: 'gone' }, row(1), row(2)] }, 'has no root'],
    [
      'a brick that remembers outages of others',
      { root: [row(0), row(1, { 'trusted.afr.v-client-0': hex(0, 0, 1) }), row(2)] },
      'blames brick 0',
    ],
    [
      'others at odds',
      {
        root: [
          row(0, { 'trusted.afr.v-client-2': hex(0, 0, 1) }),
          row(1),
          row(2, { 'trusted.afr.v-client-0': hex(0, 0, 1) }),
        ],
      },
      'blame one another',
    ],
  ])('refuses for %s', (_what, fields, message) => {
    expect(refusal(fields)).toContain(message);
  });

  it('never takes back, adds at most one, and afterwards has nothing left to do', () => {
    const counter = fc.constantFrom(0, 1, 5);
    fc.assert(
      fc.property(fc.array(fc.tuple(counter, counter, counter), { minLength: 2, maxLength: 2 }), (blames) => {
        const counters = blames.map((blame) => ({ 'trusted.afr.v-client-1': hex(...blame) }));
        const planned = planReplacement(facts({ root: [row(0, counters[0]), row(1), row(2, counters[1])] }));
        if ('refusal' in planned) throw new Error(planned.refusal);
        for (const [at, index] of [0, 2].entries()) {
          const add = planned.plan.steps.find(({ brickIndex }) => brickIndex === index)?.add;
          const [data = 0, metadata = 0, entry = 0] = blames[at] ?? [];
          for (const [before, change] of [
            [data, add?.data],
            [metadata, add?.metadata],
            [entry, add?.entry],
          ] as const) {
            expect(change ?? 0).toBe(before === 0 ? 1 : 0);
          }
        }
      }),
    );
  });
});
