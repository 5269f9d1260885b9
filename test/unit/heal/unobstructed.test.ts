import { beforeEach, describe, expect, it } from 'vitest';
import type { BacklogView } from '../../../src/heal/backlog.ts';
import type { Finding } from '../../../src/heal/explain.ts';
import { HealUnobstructed } from '../../../src/heal/unobstructed.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const COMPLETE = { state: 'Complete', reason: 'NothingPending', message: 'nothing waits' } as const;
const WAITING = { state: 'Progressing', reason: 'Waiting', message: '3 objects wait' } as const;
const UNKNOWN = { state: 'Unknown', reason: 'CountUnknown', message: 'not counted yet' } as const;
const EMPTY = { state: 'Unknown', reason: 'BrickEmpty', message: 'this brick is empty' } as const;

const DOWN: Finding = { reason: 'SinkDown', severity: 'error', message: 'no connection', remedy: 'start it' };
const OTHER: Finding = { reason: 'PvFull', severity: 'warning', message: 'full', remedy: undefined };
const WAITS: Finding = { reason: 'WaitsForCrawl', severity: 'info', message: 'waits', remedy: 'heal start' };

let clock: ManualClock;
let backlog: Pick<BacklogView, 'state' | 'reason' | 'message'>;
let found: Finding[] | Error;
let asked: number;
let unobstructed: HealUnobstructed;

beforeEach(() => {
  clock = new ManualClock();
  backlog = WAITING;
  found = [DOWN, OTHER, WAITS];
  asked = 0;
  unobstructed = new HealUnobstructed({
    backlog: () => backlog,
    findings: async () => {
      asked += 1;
      if (found instanceof Error) throw found;
      return found;
    },
    clock,
  });
});

async function after(ms: number): Promise<string> {
  await clock.advance(ms);
  await unobstructed.pass();
  const { status, reason } = unobstructed.condition;
  return `${status} ${reason}`;
}

describe('whether a heal is unobstructed', () => {
  it('is not known before the first look', () => {
    expect(unobstructed.condition).toMatchObject({ type: 'HealUnobstructed', status: 'Unknown' });
  });

  it('is so while nothing waits, and nobody is asked', async () => {
    backlog = COMPLETE;
    expect(await after(5_000)).toBe('True NothingPending');
    expect(asked).toBe(0);
  });

  it('is told by the gravest finding, with its remedy and how many there are besides', async () => {
    await after(0);
    expect(await after(10_000)).toBe('False SinkDown');
    expect(unobstructed.condition.message).toBe('no connection: start it (and 1 more, see brick-agent heal explain)');
    found = [OTHER, WAITS];
    await after(60_000);
    expect(unobstructed.condition).toMatchObject({ reason: 'PvFull', message: 'full' });
    found = [WAITS];
    expect(await after(60_000)).toBe('True NothingFound');
  });

  it('is asked for 10 s after something began to wait, then every minute, and anew after all was whole', async () => {
    const seen: number[] = [];
    for (const ms of [0, 9_000, 1_000, 59_000, 1_000]) {
      await after(ms);
      seen.push(asked);
    }
    expect(seen).toEqual([0, 0, 1, 1, 2]);
    backlog = COMPLETE;
    expect(await after(5_000)).toBe('True NothingPending');
    backlog = WAITING;
    expect(await after(5_000)).toBe('True NothingPending');
    expect(await after(10_000)).toBe('False SinkDown');
  });

  it('is not known where the backlog is not, but told of an empty brick', async () => {
    backlog = UNKNOWN;
    expect(await after(10_000)).toBe('Unknown CountUnknown');
    expect(asked).toBe(0);
    backlog = EMPTY;
    found = [{ ...DOWN, reason: 'BrickEmpty' }];
    await after(0);
    expect(await after(10_000)).toBe('False BrickEmpty');
  });

  it('is not known when nothing can be found out, and passes on that the agent stops', async () => {
    found = new AgentError('BrickHung', 'the brick hangs');
    await after(0);
    expect(await after(10_000)).toBe('Unknown FindingsFailed');
    found = new AgentError('Aborted', 'stopping');
    await expect(after(60_000)).rejects.toThrow('stopping');
  });
});
