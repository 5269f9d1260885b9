import { describe, expect, it } from 'vitest';
import { EventWatch, type EventSources } from '../../../../src/agent/kubernetes/event-watch.ts';
import { pvEvents, SETTLE_MS, type PvMemory } from '../../../../src/agent/kubernetes/pv-events.ts';
import { updateConditions, type ConditionInput } from '../../../../src/lib/conditions.ts';
import type { PvState } from '../../../../src/quota/pv-state.ts';
import { pvState } from '../../../support/pv-states.ts';

const LAYOUT = { dataFragments: 1, isArbiter: false };
const MiB = 1024n ** 2n;
const NOW = 1_767_323_045_000;
const SINCE = new Date(NOW - SETTLE_MS).toISOString();

interface Shape {
  used?: bigint | undefined;
  limit?: bigint | undefined;
  soft?: number | undefined;
  conditions?: ConditionInput[];
  since?: string;
}

function condition(type: string, status: 'True' | 'False' | 'Unknown', reason = 'Why'): ConditionInput {
  return { type, status, reason, message: 'in words' };
}

const ENFORCED = [condition('Live', 'True', 'AsWanted'), condition('Enforced', 'True', 'Audited')];

function pv(shape: Shape, name = 'pvc-1'): PvState {
  const { used = 0n, soft, conditions = ENFORCED, since = SINCE } = shape;
  const limit = 'limit' in shape ? shape.limit : 100n * MiB;
  const state = pvState(name, limit === undefined ? {} : { limit, used });
  state.wishes = { ...state.wishes, softRatio: soft };
  state.conditions = updateConditions([], conditions, Date.parse(since));
  return state;
}

const above = (status: 'True' | 'False' | 'Unknown'): Shape => ({
  soft: 0.8,
  conditions: [...ENFORCED, condition('BelowSoftLimit', status)],
});

function tell(...shapes: Shape[]): string[][] {
  let memory: PvMemory | undefined;
  return shapes.map((shape) => {
    const next = pvEvents(memory, pv(shape), LAYOUT, NOW);
    memory = next.memory;
    return next.events.map(({ reason, isFirst }) => (isFirst ? `${reason} first` : reason));
  });
}

const notLive = (reason: string): Shape => ({
  conditions: [condition('Live', 'False', reason), condition('Enforced', 'False', reason)],
});

describe('pvEvents', () => {
  it('says nothing of a PV that is well', () => {
    expect(tell({}, {}, above('True'), {}).flat()).toEqual([]);
  });

  it.each<[string, Shape, Shape, string, string]>([
    ['soft limit', above('True'), above('False'), 'PvAboveSoftLimit', 'PvBelowSoftLimit'],
    ['limit', { used: 100n * MiB }, { used: 101n * MiB }, 'PvOverLimit', 'PvWithinLimit'],
    ['not live', {}, notLive('LimitDiffers'), 'PvNotEnforced', 'PvEnforced'],
    ['no simple-quota', {}, notLive('NotEnforceable'), 'PvNotEnforced', 'PvEnforced'],
    [
      'a part is not counted',
      {},
      { conditions: [condition('Live', 'True'), condition('Enforced', 'False', 'PartlyEnforced')] },
      'PvNotEnforced',
      'PvEnforced',
    ],
  ])('%s: tells when it begins and ends, once each', (_what, good, bad, began, ended) => {
    expect(tell(good, bad, bad, good, good)).toEqual([[], [began], [], [ended], []]);
    expect(tell(bad, bad, good)).toEqual([[`${began} first`], [], [ended]]);
  });

  it('neither begins nor ends anything by not knowing', () => {
    const blind = { conditions: [condition('Live', 'Unknown'), condition('BelowSoftLimit', 'Unknown')] };
    expect(tell(blind, above('False'), blind, above('False')).flat()).toEqual(['PvAboveSoftLimit first']);
    expect(tell({}, notLive('BrickRefused'), blind, notLive('BrickRefused')).flat()).toEqual(['PvNotEnforced']);
  });

  it('gives a limit that is on its way some seconds', () => {
    expect(tell({}, { ...notLive('LimitDiffers'), since: new Date(NOW - SETTLE_MS + 1).toISOString() }).flat()).toEqual(
      [],
    );
  });

  it.each(['RemovalPending', 'NotInBrick', 'NoLimit'])('takes %s for no fault', (reason) => {
    expect(tell({}, notLive(reason)).flat()).toEqual([]);
  });

  it('asks nothing of an arbiter’s counter, nor of a PV without a limit', () => {
    const over = pv({ used: 200n * MiB });
    expect(pvEvents(undefined, over, { ...LAYOUT, isArbiter: true }, NOW).events).toEqual([]);
    expect(tell({ ...notLive('NoLimit'), limit: undefined, used: 200n * MiB }).flat()).toEqual([]);
  });

  it('names the PV and the bound in the note, and no usage, which differs each time', () => {
    const { events } = pvEvents(1, pv(above('False')), LAYOUT, NOW);
    expect(events).toMatchObject([
      { about: 'pvc-1', note: 'PV pvc-1: uses its soft limit of 80 MiB on this brick, or more: make room or resize' },
    ]);
  });
});

describe('EventWatch', () => {
  const pod: EventSources['pod'] = {
    brickPath: '/bricks/a',
    fence: { open: true },
    shdRestarts: 0,
    backlog: { state: 'Complete', reason: 'NothingPending', message: '', pendingSince: undefined },
    splitBrains: 0,
    leftDirty: 0,
    tampering: undefined,
  };
  const sources = (states: PvState[], refusals: { file: string; reason: string }[] = []): EventSources => ({
    pod,
    volfiles: [],
    pvs: { layout: LAYOUT, states: () => states.values(), refusals },
  });
  const reasons = (watch: EventWatch, from: EventSources): string[] =>
    watch.look(from, NOW).map(({ reason, isFirst }) => (isFirst ? `${reason} first` : reason));

  it('waits for the first pass over the PVs', () => {
    const watch = new EventWatch();
    expect(reasons(watch, { pod, volfiles: [], pvs: undefined })).toEqual([]);
    expect(reasons(watch, sources([pv(above('False'))], [{ file: 'f', reason: 'no' }]))).toEqual([
      'PvAboveSoftLimit first',
      'PvLimitRefused first',
    ]);
  });

  it('tells of an entry that is refused once, and again when it comes back', () => {
    const watch = new EventWatch();
    const refusals = [{ file: 'quota.yaml', reason: 'limit 1 of "x" is no size' }];
    expect(reasons(watch, sources([]))).toEqual([]);
    expect(reasons(watch, sources([], refusals))).toEqual(['PvLimitRefused']);
    expect(reasons(watch, sources([], refusals))).toEqual([]);
    expect(reasons(watch, sources([]))).toEqual([]);
    expect(reasons(watch, sources([], refusals))).toEqual(['PvLimitRefused']);
  });

  it('forgets a PV that is gone', () => {
    const watch = new EventWatch();
    const [one, two] = [pv(above('True'), 'pvc-1'), pv(above('True'), 'pvc-2')];
    expect(reasons(watch, sources([one, two]))).toEqual([]);
    expect(reasons(watch, sources([one]))).toEqual([]);
    // Another PV of that name: it is met for the first time.
    expect(reasons(watch, sources([one, pv(above('False'), 'pvc-2')]))).toEqual(['PvAboveSoftLimit first']);
  });
});
