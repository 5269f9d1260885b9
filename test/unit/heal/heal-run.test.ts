import { beforeEach, describe, expect, it } from 'vitest';
import { Backlog, STALL_AFTER_MS } from '../../../src/heal/backlog.ts';
import {
  CRAWL_SETTLE_MS,
  MAX_RECRAWLS,
  RECRAWL_MS,
  DAEMON_SETTLE_MS,
  HealRun,
  LOST_AFTER_MS,
  OPERATION_MAX_MS,
} from '../../../src/heal/heal-run.ts';
import type { HealCounts, HealKind } from '../../../src/heal/ports.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ABSENT, counts } from './counts.ts';
import { child, crawl, FakeDaemon } from './fake-daemon.ts';

const SIGNAL = new AbortController().signal;
const LATER = 'Mon Nov 23 08:42:00 2026';

let clock: ManualClock;
let daemon: FakeDaemon;
let backlog: Backlog;
let run: HealRun;

beforeEach(() => {
  clock = new ManualClock();
  daemon = new FakeDaemon();
  backlog = new Backlog();
});

function begin(kind: HealKind, at: HealCounts = counts(5, 2)): void {
  backlog.observe(at, clock.monotonic(), clock.now());
  run = new HealRun({ id: 'x', kind, daemon, clock, view: backlog.view(clock.monotonic()) });
}

/** A look that begins now. */
function look(at: HealCounts): void {
  backlog.observe(at, clock.monotonic(), clock.now());
  run.judge(backlog.view(clock.monotonic()), clock.monotonic());
}

async function pass(ms: number, at: HealCounts): Promise<void> {
  await clock.advance(ms);
  await run.advance(SIGNAL);
  look(at);
}

describe('an index heal', () => {
  it('is Pending until the daemon was asked', () => {
    begin('index');
    expect(run.operation).toEqual({
      id: 'x',
      kind: 'index',
      state: 'Pending',
      accepted: undefined,
      children: [],
      startedAt: clock.now(),
      finishedAt: undefined,
      backlogAtStart: 7,
      backlogNow: 7,
      message: 'the self-heal daemon is being asked',
    });
    look(counts(0));
    expect(run.operation.state).toBe('Pending');
  });

  it('ends Unknown on an empty brick, whose indices cannot know what it has lost', async () => {
    const empty = { ...counts(0), isEmptyBrick: true };
    begin('index', empty);
    await pass(0, empty);
    expect(run.operation).toMatchObject({
      state: 'Unknown',
      accepted: true,
      message: expect.stringContaining('mark-replaced'),
    });
  });

  it('is accepted before it is done, and Succeeded when the backlog is empty', async () => {
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Running', accepted: true, message: 'started on 3 of 3 bricks' });
    await pass(5000, counts(3));
    expect(run.operation).toMatchObject({ state: 'Running', backlogAtStart: 7, backlogNow: 3, finishedAt: undefined });
    expect(run.operation.message).toContain('3 objects wait for heal');
    await pass(5000, counts(0));
    expect(run.operation).toMatchObject({ state: 'Succeeded', accepted: true, backlogNow: 0, finishedAt: clock.now() });
    expect(run.operation.message).toContain('the backlog of this brick is empty');
    await pass(5000, counts(9));
    expect(run.operation).toMatchObject({ state: 'Succeeded', backlogNow: 0 });
  });

  it('does not take a look from before the answer for success', async () => {
    begin('index');
    const lookedAt = clock.monotonic();
    await clock.advance(10);
    await run.advance(SIGNAL);
    backlog.observe(counts(0), clock.monotonic(), clock.now());
    run.judge(backlog.view(clock.monotonic()), lookedAt);
    expect(run.operation.state).toBe('Running');
  });

  it('is not done while a count is unknown', async () => {
    begin('index', { ...counts(0), entryChanges: ABSENT });
    expect(run.operation.backlogAtStart).toBeUndefined();
    await pass(1000, { ...counts(0), entryChanges: ABSENT });
    expect(run.operation).toMatchObject({ state: 'Running', backlogNow: undefined });
  });

  it('is accepted when one brick of three was started', async () => {
    daemon.answers = [[child(0), child(1, 'Brick is not connected'), child(2, 'Brick is remote')]];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Running', accepted: true });
    expect(run.operation.children[2]?.explanation).toContain('host name');
  });

  it('has failed when no brick was started, with the remedy', async () => {
    daemon.answers = [[child(0, 'Brick is remote'), child(1, 'Brick is remote')]];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Failed', accepted: false, finishedAt: clock.now() });
    expect(run.operation.message).toMatch(/not started on 0 of 2 bricks.*Brick is remote.*resolve/);
  });

  it('asks a daemon again that has just started and did nothing', async () => {
    daemon.startedAt = clock.now() - 1000;
    daemon.answers = [[], [child(0, 'Brick is not connected')], [child(0)]];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Pending', accepted: undefined });
    expect(run.operation.message).toContain('asked again');
    await pass(5000, counts(5));
    expect(run.operation.state).toBe('Pending');
    await pass(5000, counts(5));
    expect(run.operation).toMatchObject({ state: 'Running', accepted: true });
    expect(daemon.starts).toHaveLength(3);
  });

  it('has failed when the daemon goes on doing nothing', async () => {
    daemon.startedAt = clock.now();
    daemon.answers = [[]];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation.state).toBe('Pending');
    await pass(DAEMON_SETTLE_MS, counts(5));
    expect(run.operation).toMatchObject({ state: 'Failed', accepted: false });
    expect(run.operation.message).toContain('did nothing');
  });

  it('does not ask a daemon again that seems to come from the future', async () => {
    daemon.startedAt = clock.now() + 60_000;
    daemon.answers = [[]];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation.state).toBe('Failed');
  });

  it.each(['ProcessUnproven', 'RpcDisconnected', 'RpcProtocol'] as const)('has failed by %s', async (code) => {
    daemon.answers = [new AgentError(code, 'so it is')];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Failed', accepted: undefined, message: 'so it is' });
  });

  it('is not sent to a daemon that could not be proven for its statistics', async () => {
    daemon.reports = [new AgentError('ProcessUnproven', 'a brick')];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Failed', message: 'a brick' });
    expect(daemon.starts).toEqual([]);
  });

  it('may have started when the answer is lost, and still succeeds by its backlog', async () => {
    daemon.answers = [new AgentError('Timeout', 'no answer within 60000 ms')];
    begin('index');
    await run.advance(SIGNAL);
    expect(run.operation).toMatchObject({ state: 'Running', accepted: undefined });
    expect(run.operation.message).toContain('it may have started');
    await pass(5000, counts(0));
    expect(run.operation).toMatchObject({ state: 'Succeeded', accepted: undefined });
  });

  it('stays as it is when the agent shuts down', async () => {
    daemon.answers = [new AgentError('Aborted', 'shutdown')];
    begin('index');
    await expect(run.advance(SIGNAL)).rejects.toThrow('shutdown');
    expect(run.operation.state).toBe('Pending');
  });

  it('has failed when the crawls have healed nothing and nothing moves', async () => {
    const ended = [0, 1, 2].map((index) => crawl(index, { startedText: LATER, failed: 2, splitBrain: 1 }));
    daemon.reports = [[], ended];
    begin('index');
    await pass(0, counts(5));
    await pass(5000, counts(5));
    await pass(CRAWL_SETTLE_MS - 1, counts(5));
    expect(run.operation.state).toBe('Running');
    await pass(1, counts(5));
    expect(run.operation.state).toBe('Failed');
    expect(run.operation.message).toMatch(
      /been through the index: 0 healed, 6 attempts failed, 3 in split-brain; 5 objects/,
    );
  });

  it('asks a daemon that rests with objects waiting again, some times', async () => {
    const ended = [0, 1, 2].map((index) => crawl(index, { startedText: LATER, failed: 2 }));
    daemon.reports = [[], ended];
    begin('index');
    for (let i = 0; i < 2; i += 1) await pass(0, counts(5));
    expect(daemon.starts).toHaveLength(1);
    for (let i = 0; i < 8; i += 1) await pass(RECRAWL_MS, counts(5));
    expect(daemon.starts).toHaveLength(1 + MAX_RECRAWLS);
    // Something went out: it is worth while again.
    await pass(RECRAWL_MS, counts(4));
    await pass(RECRAWL_MS, counts(4));
    expect([daemon.starts.length, run.operation.state]).toEqual([2 + MAX_RECRAWLS, 'Running']);
  });

  it('never asks again for a full walk', async () => {
    daemon.reports = [[], [crawl(0, { kind: 'full', inProgress: true })]];
    begin('full');
    for (let i = 0; i < 5; i += 1) await pass(RECRAWL_MS, counts(5));
    expect(daemon.starts).toEqual(['full']);
  });

  it('runs on while the backlog falls, whatever the crawls say', async () => {
    daemon.reports = [[], [0, 1, 2].map((index) => crawl(index, { startedText: LATER }))];
    begin('index', counts(20));
    for (let left = 19; left > 0; left -= 1) await pass(CRAWL_SETTLE_MS - 1000, counts(left));
    expect(run.operation.state).toBe('Running');
  });

  it('runs on while a crawl heals or is under way', async () => {
    const [healing, under] = [
      { startedText: LATER, healed: 1 },
      { startedText: LATER, inProgress: true },
    ];
    daemon.reports = [[], [crawl(0, healing), crawl(1), crawl(2)]];
    begin('index');
    for (let i = 0; i < 10; i += 1) await pass(CRAWL_SETTLE_MS, counts(5));
    daemon.reports = [[crawl(0, under), crawl(1), crawl(2)]];
    for (let i = 0; i < 10; i += 1) await pass(CRAWL_SETTLE_MS, counts(5));
    expect(run.operation.state).toBe('Running');
  });

  it('ignores the statistics of another daemon, and fails when the backlog stalls', async () => {
    daemon.reports = [[], [0, 1, 2].map((index) => crawl(index, { startedText: LATER }))];
    begin('index', counts(5));
    await run.advance(SIGNAL);
    daemon.key = 'pid 8';
    const end = clock.now() + STALL_AFTER_MS;
    while (clock.now() + 5000 < end) await pass(5000, counts(5));
    expect(run.operation.state).toBe('Running');
    await pass(5000, counts(5));
    expect(run.operation.state).toBe('Failed');
    expect(run.operation.message).toContain('none was healed for 15 min');
  });

  it('is not failed at once by a backlog that had stalled before it', async () => {
    backlog.observe(counts(5), clock.monotonic(), clock.now());
    await clock.advance(STALL_AFTER_MS);
    begin('index', counts(5));
    await pass(0, counts(5));
    expect(run.operation.state).toBe('Running');
  });

  it('is Unknown when it was not seen to end', async () => {
    daemon.reports = [undefined];
    begin('index');
    await run.advance(SIGNAL);
    for (let left = 1000; run.operation.state === 'Running'; left -= 1) await pass(STALL_AFTER_MS / 2, counts(left));
    expect(run.operation).toMatchObject({ state: 'Unknown', accepted: true });
    expect(clock.now() - run.operation.startedAt).toBeGreaterThan(OPERATION_MAX_MS);
    expect(clock.now() - run.operation.startedAt).toBeLessThanOrEqual(OPERATION_MAX_MS + STALL_AFTER_MS);
  });
});

describe('a full heal', () => {
  const ended = (fields = {}) =>
    [0, 1, 2].map((index) => crawl(index, { kind: 'full', startedText: LATER, ...fields }));

  it('is done when the crawls have ended, not when the backlog is empty', async () => {
    daemon.reports = [[], ended({ inProgress: true }), ended({ healed: 2 })];
    begin('full', counts(0));
    await pass(0, counts(0));
    expect(run.operation).toMatchObject({ state: 'Running', accepted: true });
    await pass(5000, counts(0));
    expect(run.operation.state).toBe('Running');
    await pass(5000, counts(0));
    expect(run.operation).toMatchObject({
      state: 'Succeeded',
      message: 'the full walk has ended: 6 healed',
      crawl: { healed: 6, failed: 0, splitBrain: 0 },
    });
  });

  it('is Unknown after failed attempts, and Failed after a split-brain', async () => {
    daemon.reports = [[], ended({ failed: 1 })];
    begin('full');
    await pass(0, counts(0));
    await pass(5000, counts(0));
    expect(run.operation).toMatchObject({ state: 'Unknown', finishedAt: clock.now() });
    expect(run.operation.message).toContain('3 attempts failed');
    daemon.reports = [[], ended({ splitBrain: 1 })];
    begin('full');
    await pass(0, counts(0));
    await pass(5000, counts(0));
    expect(run.operation.state).toBe('Failed');
    expect(run.operation.message).toContain('split-brain needs a decision');
  });

  it('is Unknown at once where there are no statistics', async () => {
    daemon.reports = [undefined];
    begin('full');
    await pass(0, counts(0));
    expect(run.operation).toMatchObject({ state: 'Unknown', accepted: true });
    expect(run.operation.message).toContain('keeps no statistics');
  });

  it('is Unknown when what was before could not be asked', async () => {
    daemon.reports = [new AgentError('Timeout', 'no answer')];
    begin('full');
    await pass(0, counts(0));
    expect(run.operation).toMatchObject({ state: 'Unknown', accepted: true });
    expect(run.operation.message).toContain('could not tell');
  });

  it('has failed when the daemon was restarted', async () => {
    daemon.reports = [[], []];
    begin('full');
    await pass(0, counts(0));
    daemon.key = 'pid 8';
    await pass(5000, counts(0));
    expect(run.operation.state).toBe('Failed');
    expect(run.operation.message).toContain('was restarted');
  });

  it('is Unknown when the daemon cannot be asked for long', async () => {
    daemon.reports = [[], new AgentError('ProcessUnproven', 'it is gone')];
    begin('full');
    await pass(0, counts(0));
    await pass(5000, counts(0));
    await pass(LOST_AFTER_MS - 1, counts(0));
    expect(run.operation.state).toBe('Running');
    await pass(1, counts(0));
    expect(run.operation).toMatchObject({ state: 'Unknown' });
    expect(run.operation.message).toContain('it is gone');
  });

  it('goes on when the daemon can be asked again', async () => {
    daemon.reports = [[], new AgentError('RpcDisconnected', 'a moment'), ended()];
    begin('full');
    await pass(0, counts(0));
    await pass(5000, counts(0));
    await pass(LOST_AFTER_MS, counts(0));
    expect(run.operation.state).toBe('Succeeded');
  });
});
