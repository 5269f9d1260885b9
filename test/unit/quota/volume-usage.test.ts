import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import type { GrowthMark } from '../../../src/quota/growth.ts';
import { UsageTeller, type UsageBrick } from '../../../src/quota/usage-teller.ts';
import {
  subvolumeOf,
  volumeUsage,
  volumeUsageView,
  type BrickUsage,
  type Told,
  type VolumeUsage,
} from '../../../src/quota/volume-usage.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const of = (subvolume: number, usedBytes: bigint, ageMs = 10): BrickUsage => {
  return { subvolume, usedBytes, ageMs, address: `agent-${subvolume}:1` };
};
const nobody: Told = { own: 0, bricks: [], agents: [] };
const never = new AbortController().signal;

describe('volumeUsage', () => {
  it('adds subvolumes up and takes the fullest brick of each other one', () => {
    const usage = volumeUsage(
      { subvolume: 0, usedBytes: 5n },
      [of(1, 7n, 50), of(1, 3n), of(2, 1n, 20)],
      new Set([0, 1, 2]),
    );
    expect(usage).toEqual({ kind: 'Sum', usedBytes: 13n, oldestMs: 50 });
  });

  it('never counts a fuller brother of our own set: a sink must be able to fill', () => {
    const usage = volumeUsage({ subvolume: 0, usedBytes: 5n }, [of(0, 100n), of(1, 1n)], new Set([0, 1]));
    expect(usage).toMatchObject({ usedBytes: 6n });
  });

  it('says what is missing instead of a sum that would let too much pass', () => {
    expect(volumeUsage({ subvolume: 0, usedBytes: 5n }, [of(1, 1n)], new Set([0, 1, 2]))).toEqual({
      kind: 'Incomplete',
      missing: [2],
      usedBytes: 6n,
      oldestMs: 10,
    });
  });

  it('is nothing to add up on one subvolume', () => {
    expect(volumeUsage({ subvolume: 0, usedBytes: 5n }, [of(0, 9n)], new Set([0]))).toEqual({ kind: 'OwnOnly' });
  });

  it('is shown with what it is made of', () => {
    const oldestMs = 12_000;
    expect(volumeUsageView({ kind: 'Sum', usedBytes: 5n, oldestMs }, 30_000, nobody)).toMatchObject({
      state: 'Sum',
      usedBytes: '5',
      ageSeconds: 12,
    });
    expect(volumeUsageView({ kind: 'Sum', usedBytes: 5n, oldestMs }, 10_000, nobody)).toMatchObject({
      state: 'Stale',
      usedBytes: '5',
    });
    expect(
      volumeUsageView({ kind: 'Incomplete', missing: [1, 2], usedBytes: 5n, oldestMs }, 10_000, nobody),
    ).toMatchObject({
      state: 'Incomplete',
      message: expect.stringContaining('subvolume 1, 2 has never told'),
    });
    expect(
      volumeUsageView({ kind: 'Incomplete', missing: [-1], usedBytes: 5n, oldestMs }, 10_000, nobody).message,
    ).toContain('a peer has never told');
    expect(volumeUsageView(undefined, 10_000, nobody)).toMatchObject({ state: 'Unknown', usedBytes: null });
  });

  it('names the agents whose word it is, and those that are silent', () => {
    const told: Told = {
      own: 0,
      bricks: [of(0, 99n), of(1, 7n, 2_000), of(1, 3n), of(2, 1n, 60_000)],
      agents: [
        { address: 'brother:1', subvolume: 0, error: 'ECONNREFUSED' },
        { address: 'agent-1:1', subvolume: 1, error: undefined },
        { address: 'agent-2:1', subvolume: 2, error: 'ECONNREFUSED' },
        { address: 'never:1', subvolume: undefined, error: 'ENOTFOUND' },
      ],
    };
    const parts = [
      { subvolume: 1, usedBytes: '7', ageSeconds: 2, agent: 'agent-1:1' },
      { subvolume: 2, usedBytes: '1', ageSeconds: 60, agent: 'agent-2:1' },
    ];
    const sum = { kind: 'Sum', usedBytes: 13n, oldestMs: 2_000 } as const;
    expect(volumeUsageView(sum, 10_000, told)).toMatchObject({ state: 'Sum', parts, silent: [] });
    const never = { agent: 'never:1', subvolume: null, message: 'has never answered: ENOTFOUND' };
    expect(volumeUsageView({ ...sum, oldestMs: 60_000 }, 10_000, told)).toMatchObject({
      state: 'Stale',
      parts,
      silent: [{ agent: 'agent-2:1', subvolume: 2, message: 'does not answer: ECONNREFUSED' }, never],
    });
    const missing: VolumeUsage = { kind: 'Incomplete', missing: [1], usedBytes: 5n, oldestMs: 0 };
    expect(volumeUsageView(missing, 10_000, told).silent).toEqual([
      { agent: 'agent-1:1', subvolume: 1, message: 'answers, but has no fresh count of its brick' },
      never,
    ]);
    expect(volumeUsageView(missing, 10_000, { ...told, agents: [] }).message).toContain(
      'no agent of it is among the peers',
    );
  });

  it('numbers subvolumes set by set', () => {
    expect([0, 1, 2, 3, 5, 6].map((index) => subvolumeOf(index, 3))).toEqual([0, 0, 0, 1, 1, 2]);
  });
});

class FakeUsageBrick implements UsageBrick {
  isUp = true;
  generation = 1;
  asked = 0;
  told: bigint[] = [];
  failure: Error | undefined;
  used = 4096n * 3n;
  limit = 4096n * 10n;

  async statfs() {
    this.asked += 1;
    if (this.failure !== undefined) throw this.failure;
    const blocks = this.limit / 4096n + 1n;
    const free = blocks - this.used / 4096n;
    return { blockSize: 4096n, blocks, free: free > 0n ? free : 0n, simpleQuota: true };
  }

  async flushedSize() {
    return this.used;
  }

  async tellUsage(_gfid: string, bytes: bigint) {
    this.told.push(bytes);
  }
}

function teller(
  brick: FakeUsageBrick,
  subvolumes: number[],
  others: BrickUsage[],
  clock = new ManualClock(),
  growth?: () => Promise<GrowthMark | undefined>,
): UsageTeller {
  return new UsageTeller({
    brick,
    targets: () => [{ pv: 'pvc-1', gfid: '11111111-1111-4111-8111-111111111111' }],
    ownSubvolume: 0,
    others: () => others,
    subvolumes: () => new Set(subvolumes),
    patienceMs: 30_000,
    growth,
    clock,
    log: silentLog,
  });
}

describe('UsageTeller', () => {
  it('tells the sum, in every pass', async () => {
    const brick = new FakeUsageBrick();
    const usages = teller(brick, [0, 1], [of(1, 1000n)]);
    await usages.pass(never);
    await usages.pass(never);
    expect(brick.told).toEqual([12_288n + 1000n, 12_288n + 1000n]);
    expect(usages.ownUsage()).toMatchObject([{ pv: 'pvc-1', usedBytes: 12_288n }]);
  });

  it('never tells anything on a volume of one subvolume, since the first word changes the brick', async () => {
    const brick = new FakeUsageBrick();
    await teller(brick, [0], []).pass(never);
    expect(brick.told).toEqual([]);
  });

  it('tells nothing while a subvolume has not told us, and after a while the sum without it', async () => {
    const brick = new FakeUsageBrick();
    const clock = new ManualClock();
    const usages = teller(brick, [0, 1, 2], [of(2, 1000n)], clock);
    await usages.pass(never);
    expect(brick.told).toEqual([]);
    expect(usages.isTold('pvc-1')).toBe(false);
    expect(usages.usageOf('pvc-1')).toMatchObject({ kind: 'Incomplete', missing: [1], usedBytes: 13_288n });
    expect(usages.ownUsage()).toHaveLength(1);
    await clock.advance(30_000);
    await usages.pass(never);
    // Told by an earlier life of the agent, the brick itself would not add up any more.
    expect(brick.told).toEqual([13_288n]);
    expect(usages.isTold('pvc-1')).toBe(true);
  });

  it('never tells where a peer that is silent may be of our own set', async () => {
    const brick = new FakeUsageBrick();
    const clock = new ManualClock();
    const usages = teller(brick, [0, -1], [], clock);
    for (let pass = 0; pass < 3; pass += 1) {
      await usages.pass(never);
      await clock.advance(60_000);
    }
    expect(brick.told).toEqual([]);
  });

  it('reads the exact count of a PV above its limit', async () => {
    const brick = new FakeUsageBrick();
    brick.used = 4096n * 30n;
    await teller(brick, [0, 1], [of(1, 0n)]).pass(never);
    expect(brick.told).toEqual([4096n * 30n]);
  });

  it('forgets what it cannot read, and does not fail with it', async () => {
    const brick = new FakeUsageBrick();
    const usages = teller(brick, [0, 1], [of(1, 0n)]);
    await usages.pass(never);
    brick.failure = new Error('ESTALE');
    await usages.pass(never);
    expect(usages.ownUsage()).toEqual([]);
  });

  it('neither asks nor tells a brick at rest, but once a minute, and at once what is new', async () => {
    const brick = new FakeUsageBrick();
    const clock = new ManualClock();
    const mark: { changedAt: number | undefined } = { changedAt: clock.monotonic() };
    const others = [of(1, 1000n)];
    const usages = teller(brick, [0, 1], others, clock, async () => ({ epoch: 1, bytes: 0, jumps: 0, ...mark }));
    const passed = async (): Promise<[asked: number, told: number]> => {
      brick.asked = 0;
      brick.told = [];
      await clock.advance(5_000);
      await usages.pass(never);
      return [brick.asked, brick.told.length];
    };
    // What was under way when the last change was seen is over after 10 s.
    expect([await passed(), await passed(), await passed()]).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
    await clock.advance(2_000);
    expect(usages.ownUsage()).toMatchObject([{ ageMs: 2_000 }]);
    others[0] = of(1, 2000n);
    expect([await passed(), brick.told]).toEqual([[0, 1], [12_288n + 2000n]]);
    expect(await passed()).toEqual([0, 0]);
    await clock.advance(60_000);
    expect(await passed()).toEqual([0, 1]);
    brick.generation += 1;
    expect(await passed()).toEqual([1, 1]);
    brick.used += 4096n;
    mark.changedAt = clock.monotonic() + 5_000;
    expect([await passed(), brick.told]).toEqual([[1, 1], [16_384n + 2000n]]);
    mark.changedAt = undefined;
    expect([await passed(), await passed()]).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});
