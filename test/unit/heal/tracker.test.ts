import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { HealStart } from '../../../src/heal/ports.ts';
import { HealTracker, MAX_FINISHED } from '../../../src/heal/tracker.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { counts } from './counts.ts';
import { child, FakeDaemon, FakeSource } from './fake-daemon.ts';

const SIGNAL = new AbortController().signal;

let clock: ManualClock;
let daemon: FakeDaemon;
let source: FakeSource;
let tracker: HealTracker;
let lines: [string, string][];

beforeEach(() => {
  clock = new ManualClock();
  daemon = new FakeDaemon();
  source = new FakeSource();
  lines = [];
  const at =
    (level: string) =>
    (_facts: object, message: string): void => {
      lines.push([level, message]);
    };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  tracker = new HealTracker({ source, daemon, clock, log });
});

async function pass(): Promise<void> {
  await clock.advance(5000);
  await tracker.pass(SIGNAL);
  await tracker.settled();
}

describe('HealTracker', () => {
  it('tells the backlog', async () => {
    expect(tracker.status()).toMatchObject({ state: 'Unknown', operations: [] });
    source.now = counts(2, 1);
    await pass();
    expect(tracker.status()).toMatchObject({ state: 'Progressing', pending: { xattrop: 2, entryChanges: 1 } });
    source.now = counts(0);
    await pass();
    expect(tracker.status()).toMatchObject({ state: 'Complete', outPerSecond: 0.6 });
  });

  it('fails the pass and says Unknown when the brick cannot be looked at', async () => {
    await pass();
    source.now = new AgentError('BrickHung', 'it hangs');
    await expect(pass()).rejects.toThrow('it hangs');
    expect(tracker.status()).toMatchObject({ state: 'Unknown', reason: 'ObservationFailed' });
  });

  it('does not take a shutdown for a failed look', async () => {
    await pass();
    source.now = new AgentError('Aborted', 'shutdown');
    await expect(pass()).rejects.toThrow('shutdown');
    expect(tracker.status().state).toBe('Complete');
  });

  it('starts a heal with the next pass and sees it through', async () => {
    source.now = counts(3);
    const wake = vi.fn();
    tracker = new HealTracker({ source, daemon, clock, log: silentLog, wake });
    await pass();
    const { id, state } = tracker.start('index');
    expect(state).toBe('Pending');
    expect(wake).toHaveBeenCalledOnce();
    expect(daemon.starts).toEqual([]);
    await pass();
    expect(tracker.operation(id)).toMatchObject({ state: 'Running', accepted: true, backlogAtStart: 3 });
    source.now = counts(0);
    await pass();
    expect(tracker.operation(id)).toMatchObject({ state: 'Succeeded', backlogNow: 0 });
    expect(daemon.starts).toEqual(['index']);
  });

  it('returns the running one to whoever asks again, one for each kind', async () => {
    source.now = counts(3);
    const first = tracker.start('index');
    expect(tracker.start('index').id).toBe(first.id);
    const full = tracker.start('full');
    expect(full.id).not.toBe(first.id);
    await pass();
    expect(tracker.start('index').id).toBe(first.id);
    expect(tracker.status().operations.map(({ id }) => id)).toEqual([full.id, first.id]);
    expect(daemon.starts.toSorted()).toEqual(['full', 'index']);
    source.now = counts(0);
    await pass();
    expect(tracker.start('index').id).not.toBe(first.id);
  });

  it('asks the daemon once more for whoever asks again, and tells what it says then', async () => {
    source.now = counts(3);
    const { id } = tracker.start('index');
    tracker.start('full');
    await pass();
    daemon.answers = [[child(0, 'Brick is remote')]];
    tracker.start('index');
    tracker.start('full');
    await pass();
    await pass();
    expect(daemon.starts.toSorted()).toEqual(['full', 'index', 'index']);
    expect(tracker.operation(id)).toMatchObject({ state: 'Running', children: [{ status: 'Brick is remote' }] });
    const stopped = new AgentError('Conflict', 'it is stopped');
    [daemon.answers, daemon.reports] = [[stopped], [stopped]];
    tracker.start('index');
    await pass();
    await pass();
    expect(tracker.operation(id)?.message).toContain('the daemon cannot be asked: it is stopped');
  });

  it('goes on looking while the daemon does not answer', async () => {
    const answer = Promise.withResolvers<HealStart>();
    daemon.start = async () => await answer.promise;
    source.now = counts(3);
    const { id } = tracker.start('index');
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(5000);
      source.now = counts(3 - i);
      await tracker.pass(SIGNAL);
    }
    expect(tracker.status().pending.xattrop).toBe(1);
    expect(tracker.operation(id)).toMatchObject({ state: 'Pending', backlogNow: 1 });
    answer.resolve({ daemon: { key: 'pid 7', startedAt: 0 }, children: [child(0)] });
    await tracker.settled();
    expect(tracker.operation(id)?.state).toBe('Running');
  });

  it('goes on with an operation while the brick cannot be looked at', async () => {
    source.now = new AgentError('BrickHung', 'it hangs');
    const { id } = tracker.start('index');
    await expect(pass()).rejects.toThrow('it hangs');
    await tracker.settled();
    expect(tracker.operation(id)).toMatchObject({ state: 'Running', accepted: true, backlogNow: undefined });
  });

  it('says each change once', async () => {
    source.now = counts(3);
    tracker.start('index');
    await pass();
    await pass();
    source.now = counts(0);
    await pass();
    await pass();
    daemon.answers = [new AgentError('ProcessUnproven', 'a brick')];
    tracker.start('index');
    await pass();
    await pass();
    expect(lines).toEqual([
      ['info', 'started on 3 of 3 bricks'],
      ['info', expect.stringContaining('is empty')],
      ['warn', 'a brick'],
    ]);
  });

  it('leaves an operation as it is when the daemon is not waited for any longer', async () => {
    daemon.answers = [new AgentError('Aborted', 'shutdown'), [child(0)]];
    const { id } = tracker.start('index');
    await pass();
    expect(tracker.operation(id)?.state).toBe('Pending');
    expect(lines).toEqual([]);
  });

  it('counts how heals have ended, also those that it has forgotten', async () => {
    expect(tracker.outcomes).toEqual({ index: {}, full: {} });
    source.now = counts(0);
    for (let i = 0; i < MAX_FINISHED + 3; i += 1) {
      tracker.start('index');
      await pass();
      await pass();
    }
    daemon.answers = [new AgentError('RpcRejected', 'no')];
    tracker.start('full');
    await pass();
    await pass();
    expect(tracker.outcomes).toEqual({ index: { Succeeded: MAX_FINISHED + 3 }, full: { Failed: 1 } });
  });

  it('tells what was missed only while something waits and the count is known', async () => {
    const missed = { data: 2, metadata: 0, entry: 1 };
    tracker = new HealTracker({ source, daemon, clock, log: silentLog, missed: () => missed });
    expect(tracker.status().missed).toBeUndefined();
    source.now = counts(3);
    await pass();
    expect(tracker.status().missed).toEqual(missed);
    source.now = counts(0);
    await pass();
    expect(tracker.status().missed).toEqual({ data: 0, metadata: 0, entry: 0 });
  });

  it('forgets the oldest of many finished operations', async () => {
    const ids: string[] = [];
    for (let i = 0; i < MAX_FINISHED + 3; i += 1) {
      ids.push(tracker.start('index').id);
      await pass();
      await pass();
    }
    ids.push(tracker.start('index').id);
    expect(tracker.status().operations).toHaveLength(MAX_FINISHED + 1);
    expect(tracker.operation(ids[0] ?? '')).toBeUndefined();
    expect(tracker.operation(ids[2] ?? '')).toBeUndefined();
    expect(tracker.operation(ids[3] ?? '')).toBeDefined();
    expect(tracker.operation('none')).toBeUndefined();
  });
});
