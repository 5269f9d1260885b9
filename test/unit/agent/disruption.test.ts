import { beforeEach, describe, expect, it } from 'vitest';
import type { HealPage } from '../../../src/brick/heal-entries.ts';
import { DisruptionGuard, type DisruptionOptions } from '../../../src/agent/disruption.ts';
import { Backlog, type BacklogView } from '../../../src/heal/backlog.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { counts } from '../heal/counts.ts';

const never = new AbortController().signal;
const GFIDS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

let clock: ManualClock;
let bricks: FakeBrick[];

/** One brick of a set of three, whose agent asks the agents of the others. */
class FakeBrick {
  readonly guard: DisruptionGuard;
  pending = 0;
  /** In entry-changes. */
  names = 0;
  notServing: string | undefined;
  readonly flushed: string[] = [];
  flushError: Error | undefined;
  /** Runs before this agent answers. */
  slowness: () => Promise<void> = async () => Promise.resolve();

  constructor(brickIndex: number, stop: AbortSignal, changes: Partial<DisruptionOptions> = {}) {
    this.guard = new DisruptionGuard({
      shape: { volumeType: 'Replica3', brickIndex, clientQuorum: 'auto' },
      set: { self: `v-client-${brickIndex}`, others: [] },
      backlog: async () => await Promise.resolve(this.#view()),
      fenced: () => undefined,
      notServing: () => this.notServing,
      servingForMs: () => 60_000,
      page: async () => await Promise.resolve(undefined),
      peers: async (signal) =>
        await Promise.all(
          bricks
            .filter((brick) => brick !== this)
            .map(async (brick) => {
              await brick.slowness();
              return { address: 'peer', answer: await brick.guard.report(signal) };
            }),
        ),
      namespaces: () => GFIDS,
      flush: async (gfid) => {
        await Promise.resolve();
        if (this.flushError !== undefined) throw this.flushError;
        this.flushed.push(gfid);
      },
      clock,
      log: silentLog,
      signal: stop,
      ...changes,
    });
  }

  #view(): BacklogView {
    const backlog = new Backlog();
    backlog.observe({ ...counts(this.pending, this.names), isEmptyBrick: false }, clock.monotonic(), clock.now());
    return backlog.view(clock.monotonic());
  }
}

beforeEach(() => {
  clock = new ManualClock();
  bricks = [];
  for (const index of [0, 1, 2]) bricks.push(new FakeBrick(index, never));
});

function brick(index: number): FakeBrick {
  const found = bricks[index];
  if (found === undefined) throw new Error('no such brick');
  return found;
}

describe('DisruptionGuard', () => {
  it('asks the others, every time', async () => {
    expect((await brick(0).guard.check(never)).verdict).toBe('Safe');
    brick(2).pending = 1;
    expect((await brick(0).guard.check(never)).reasons).toMatchObject([{ code: 'PeerBacklog', brickIndex: 2 }]);
    brick(2).pending = 0;
    expect((await brick(0).guard.check(never)).verdict).toBe('Safe');
  });

  it('knows nothing of a brick that is not proven its own', async () => {
    bricks[0] = new FakeBrick(0, never, { fenced: () => 'another volume' });
    expect((await brick(0).guard.check(never)).reasons).toMatchObject([
      { code: 'OwnBacklogUnknown', message: 'whether other bricks need this one is not known: another volume' },
    ]);
  });

  it('does not wait for entries of the index that are left over', async () => {
    const counters = { 'trusted.afr.v-client-1': '00'.repeat(12) };
    const object = { type: 'file' as const, paths: [], unknownNames: 0, changedAt: 0, isNamespace: false, counters };
    const [gfid = '', other = ''] = GFIDS;
    const entries: HealPage['entries'] = [
      { gfid, object },
      { gfid: other, object: 'gone' },
    ];
    const page: { now: HealPage } = { now: { entries, next: undefined } };
    bricks[0] = new FakeBrick(0, never, { page: async () => await Promise.resolve(page.now) });
    brick(0).names = 5;
    expect((await brick(0).guard.check(never)).verdict).toBe('Safe');
    brick(0).pending = 2;
    expect((await brick(0).guard.check(never)).verdict).toBe('Safe');
    // The rest of the index was not seen.
    page.now = { entries, next: other };
    expect((await brick(0).guard.check(never)).verdict).toBe('Unsafe');
    page.now = { entries: [{ gfid, object: 'unresolved' }], next: undefined };
    expect((await brick(0).guard.check(never)).verdict).toBe('Unsafe');
    const blaming = { ...object, counters: { 'trusted.afr.v-client-1': '000000010000000000000000' } };
    page.now = { entries: [...entries, { gfid, object: blaming }], next: undefined };
    expect((await brick(1).guard.check(never)).reasons).toMatchObject([
      { message: expect.stringContaining('to v-client-1 (this brick)') },
    ]);
  });

  it('grants no two claims at the same time, however they interleave', async () => {
    for (let slow = 0; slow < 8; slow += 1) {
      for (const who of bricks) who.guard.release();
      for (const [index, who] of bricks.entries()) {
        const turns = (slow >> index) & 1 ? 9 : 0;
        who.slowness = async () => {
          for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        };
      }
      const claims = await Promise.all(bricks.map(async ({ guard }) => await guard.claim(1000, never)));
      expect(claims.filter(({ verdict }) => verdict === 'Safe').length).toBeLessThanOrEqual(1);
    }
  });

  it('keeps a claim until it ends or is taken back, and none that was not granted', async () => {
    expect((await brick(0).guard.claim(1000, never)).verdict).toBe('Safe');
    expect((await brick(1).guard.claim(1000, never)).reasons).toMatchObject([{ code: 'PeerStopping', brickIndex: 0 }]);
    // That one was refused, so it does not stand in the way of the first.
    expect((await brick(0).guard.check(never)).verdict).toBe('Safe');
    await clock.advance(1000);
    expect((await brick(1).guard.claim(1000, never)).verdict).toBe('Safe');
    brick(1).guard.release();
    expect((await brick(2).guard.check(never)).verdict).toBe('Safe');
  });

  it('waits until it is safe, then flushes', async () => {
    brick(0).pending = 3;
    const stop = brick(0).guard.preStop(60_000);
    await clock.advance(2000);
    expect(brick(0).flushed).toEqual([]);
    brick(0).pending = 0;
    await clock.advance(2000);
    expect(await stop).toMatchObject({ verdict: 'Safe', flushed: 2, unflushed: 0, isDown: false });
    expect(brick(0).flushed.toSorted()).toEqual(GFIDS);
    // The others know.
    expect((await brick(1).guard.check(never)).reasons).toMatchObject([{ code: 'PeerStopping' }]);
  });

  it('waits no longer than it may, and flushes all the same', async () => {
    brick(0).pending = 3;
    const stop = brick(0).guard.preStop(5000);
    for (let step = 0; step < 10; step += 1) await clock.advance(1000);
    expect(await stop).toMatchObject({ verdict: 'Unsafe', flushed: 2, waitedMs: 5000 });
    expect((await brick(1).guard.check(never)).reasons.map(({ code }) => code)).toEqual(['PeerBacklog']);
  });

  it('waits for nothing that no wait changes, and for what does', async () => {
    const alone = new FakeBrick(0, never, {
      shape: { volumeType: 'Replica1', brickIndex: 0, clientQuorum: 'auto' },
    });
    expect(await alone.guard.preStop(60_000)).toMatchObject({ verdict: 'Unsafe', waitedMs: 0, flushed: 2 });
    const unpeered = new FakeBrick(0, never, { peers: undefined });
    unpeered.pending = 3;
    const stop = unpeered.guard.preStop(60_000);
    await clock.advance(2000);
    expect(unpeered.flushed).toEqual([]);
    unpeered.pending = 0;
    await clock.advance(2000);
    expect(await stop).toMatchObject({ verdict: 'Unknown', flushed: 2 });
  });

  it('waits for nothing when the brick is down', async () => {
    brick(0).notServing = 'connection refused';
    brick(0).pending = 3;
    expect(await brick(0).guard.preStop(60_000)).toMatchObject({ isDown: true, waitedMs: 0, flushed: 0 });
  });

  it('lets the agent end the brick itself: claimed and flushed, once', async () => {
    expect(await brick(0).guard.enter(60_000, never)).toBeUndefined();
    expect(brick(0).flushed.toSorted()).toEqual(GFIDS);
    expect(await brick(0).guard.enter(60_000, never)).toContain('somebody else');
    expect(await brick(1).guard.enter(60_000, never)).toContain('PeerStopping');
    expect(brick(1).flushed).toEqual([]);
    brick(0).guard.release();
    expect(await brick(1).guard.enter(60_000, never)).toBeUndefined();
  });

  it('lets the agent not end a brick whose usage is not written down', async () => {
    brick(0).flushError = new AgentError('GlusterError', 'ESTALE');
    expect(await brick(0).guard.enter(60_000, never)).toBe('the usage of 2 PVs could not be written down');
    expect(await brick(1).guard.enter(60_000, never)).toBeUndefined();
  });

  it('counts what could not be flushed', async () => {
    brick(0).flushError = new AgentError('GlusterError', 'ESTALE');
    expect(await brick(0).guard.preStop(0)).toMatchObject({ verdict: 'Safe', flushed: 0, unflushed: 2 });
  });

  it('ends with the agent', async () => {
    const stop = new AbortController();
    bricks[0] = new FakeBrick(0, stop.signal);
    brick(0).pending = 3;
    const waiting = brick(0).guard.preStop(60_000);
    await clock.advance(100);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'Aborted' });
  });
});
