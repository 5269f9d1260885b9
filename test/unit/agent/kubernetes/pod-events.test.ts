import { describe, expect, it } from 'vitest';
import {
  BACKLOG_WORTH_TELLING_MS,
  NOTHING_KNOWN,
  podEvents,
  type PodMemory,
  type PodView,
} from '../../../../src/agent/kubernetes/pod-events.ts';

const COMPLETE = {
  state: 'Complete',
  reason: 'NothingPending',
  message: 'nothing waits',
  pendingSince: undefined,
} as const;
const NOTHING: PodView = {
  brickPath: '/bricks/a',
  fence: undefined,
  shdRestarts: undefined,
  backlog: { state: 'Unknown', reason: 'NotObserved', message: 'not looked at', pendingSince: undefined },
  splitBrains: undefined,
  leftDirty: undefined,
  tampering: undefined,
};
const WELL: PodView = {
  ...NOTHING,
  fence: { open: true },
  shdRestarts: 0,
  backlog: COMPLETE,
  splitBrains: 0,
  leftDirty: 0,
  tampering: { off: 0, faked: 0 },
};
const waiting = (pendingSince: number, reason: 'Waiting' | 'Falling' = 'Waiting'): PodView['backlog'] => ({
  state: 'Progressing',
  reason,
  message: '3 objects wait for heal',
  pendingSince,
});
const stalled = (pendingSince: number): PodView['backlog'] => ({
  state: 'Stalled',
  reason: 'NothingHealed',
  message: '3 objects wait for heal and none was healed for 15 min',
  pendingSince,
});

/** Looks a second apart. @returns what each look tells */
function tell(...looks: (Partial<PodView> | [PodView, number])[]): string[][] {
  let memory: PodMemory = NOTHING_KNOWN;
  let now = 0;
  return looks.map((look) => {
    const [view, at] = Array.isArray(look) ? look : [{ ...WELL, ...look }, now + 1000];
    now = at;
    const next = podEvents(memory, view, now);
    memory = next.memory;
    return next.events.map(({ reason, isFirst }) => (isFirst ? `${reason} first` : reason));
  });
}

const CLOSED = { open: false, reason: 'the volume id is another one' } as const;

describe('podEvents', () => {
  it('says nothing of a pod where all is well, nor of one of which nothing is known', () => {
    expect(tell({}, {}, NOTHING, {}).flat()).toEqual([]);
  });

  it.each<[string, Partial<PodView>, string, string | undefined]>([
    ['fence', { fence: CLOSED }, 'BrickFenced', 'BrickUnfenced'],
    ['split-brain', { splitBrains: 2 }, 'SplitBrainFound', 'SplitBrainGone'],
    ['left dirty', { leftDirty: 3 }, 'HealLeftDirty', undefined],
    ['stalled', { backlog: stalled(0) }, 'HealStalled', 'HealComplete'],
  ])('%s: tells when it begins and ends, once each', (_what, bad, began, ended) => {
    expect(tell({}, bad, bad, {}, {})).toEqual([[], [began], [], ended === undefined ? [] : [ended], []]);
    // What is not known in between neither ends it nor begins it.
    expect(tell({}, bad, NOTHING, bad, NOTHING).flat()).toEqual([began]);
    // It was so when the agent began: another one may have told.
    expect(tell(NOTHING, bad, bad).flat()).toEqual([`${began} first`]);
    expect(tell(bad, {}).flat()).toEqual([`${began} first`, ...(ended === undefined ? [] : [ended])]);
  });

  it('says what the fence is closed for', () => {
    const { memory } = podEvents(NOTHING_KNOWN, WELL, 0);
    const { events } = podEvents(memory, { ...WELL, fence: CLOSED }, 1);
    expect(events).toMatchObject([{ note: 'nothing is written to /bricks/a: the volume id is another one' }]);
  });

  it('tells of a self-heal daemon that was restarted, each time', () => {
    expect(tell({}, { shdRestarts: 1 }, { shdRestarts: 1 }, { shdRestarts: 3 })).toEqual([
      [],
      ['SelfHealDaemonRestarted'],
      [],
      ['SelfHealDaemonRestarted'],
    ]);
  });

  it('tells of tampering of each kind, each time', () => {
    const of = (off: number, faked: number): Partial<PodView> => ({ tampering: { off, faked } });
    expect(tell({}, of(1, 0), of(1, 0), of(2, 1))).toEqual([
      [],
      ['QuotaTampering'],
      [],
      ['QuotaTampering', 'QuotaTampering'],
    ]);
  });

  it('tells that a heal is complete after a backlog that stood for a minute', () => {
    const at = (backlog: PodView['backlog'], ms: number): [PodView, number] => [{ ...WELL, backlog }, ms];
    const long = [
      at(COMPLETE, 0),
      at(waiting(10), 10),
      at(waiting(10), 30_000),
      at(COMPLETE, BACKLOG_WORTH_TELLING_MS + 10),
    ];
    expect(tell(...long).flat()).toEqual(['HealComplete']);
    const short = [at(COMPLETE, 0), at(waiting(10), 10), at(COMPLETE, 20_000)];
    expect(tell(...short).flat()).toEqual([]);
    // A look in between that failed forgets nothing.
    const blind = [at(waiting(10), 10), at(NOTHING.backlog, 50_000), at(COMPLETE, 90_000)];
    expect(tell(...blind).flat()).toEqual(['HealComplete']);
  });

  it('does not take a backlog that it has just met for one that moves: stalled, it may have been told by another agent', () => {
    expect(tell({ backlog: waiting(0) }, { backlog: stalled(0) }).flat()).toEqual(['HealStalled first']);
    expect(tell({ backlog: waiting(0, 'Falling') }, { backlog: stalled(0) }).flat()).toEqual(['HealStalled']);
  });
});
