import { describe, expect, it } from 'vitest';
import { GrowthSource } from '../../../src/agent/growth-source.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { growthBetween, isQuietSince } from '../../../src/quota/growth.ts';
import type { BrickProfile } from '../../../src/rpc/profile-reply.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const signal = new AbortController().signal;

class FakeBrick {
  bytesWritten: bigint | undefined = 0n;
  writes = 0n;
  answers = 0;
  /** Undefined: it does not count calls. */
  fops: Record<string, bigint> | undefined;
  failure: Error | undefined;
  free: string | undefined = '100:50';
  seconds: bigint | undefined = 5n;

  async xlatorInfo(): Promise<BrickProfile> {
    if (this.failure !== undefined) throw this.failure;
    const { bytesWritten, writes } = this;
    const fops = Object.entries(this.fops ?? {}).map(
      ([name, hits]) => [name, { hits, averageNs: 1, minNs: 1, maxNs: 1 }] as const,
    );
    return {
      seconds: this.seconds,
      bytesRead: 0n,
      bytesWritten,
      reads: new Map(),
      writes: new Map([[12, writes]]),
      fops: new Map(fops),
    };
  }
}

function sourceOf(brick: FakeBrick, clock = new ManualClock()): GrowthSource {
  return new GrowthSource({
    brick,
    brickName: 'b',
    statfsAnswers: () => brick.answers,
    freeSpace: async () => {
      if (brick.free === undefined) throw new AgentError('BrickHung', 'no answer');
      return brick.free;
    },
    clock,
  });
}

describe('GrowthSource', () => {
  it('tells what was written between two moments', async () => {
    const brick = new FakeBrick();
    brick.fops = { STATFS: 1n, FALLOCATE: 1n };
    const source = sourceOf(brick);
    const first = await source.mark(signal);
    brick.fops = { STATFS: 2n, FALLOCATE: 1n };
    const second = await source.mark(signal);
    Object.assign(brick, { bytesWritten: 1_000n, writes: 1n });
    const third = await source.mark(signal);
    if (first === undefined || second === undefined || third === undefined) throw new Error('no mark');
    expect([growthBetween(first, second), growthBetween(second, third)]).toEqual([0, 1_000 + 65_536]);
    brick.fops = { STATFS: 3n, FALLOCATE: 2n };
    const last = await source.mark(signal);
    expect(last?.jumps).toBe(2);
  });

  it('does not believe counts that stand still while the brick answers', async () => {
    const brick = new FakeBrick();
    brick.fops = { STATFS: 1n, FALLOCATE: 1n };
    const source = sourceOf(brick);
    expect((await source.mark(signal))?.jumps).toBe(1);
    brick.answers += 1;
    expect((await source.mark(signal))?.jumps).toBeUndefined();
  });

  it.each<[string, Partial<FakeBrick>]>([
    ['that does not answer', { failure: new AgentError('Timeout', 'no answer') }],
    ['without such counts', { bytesWritten: undefined }],
  ])('knows nothing of a brick %s', async (_, change) => {
    expect(await sourceOf(Object.assign(new FakeBrick(), change)).mark(signal)).toBeUndefined();
  });

  it('ends with the agent', async () => {
    const brick = Object.assign(new FakeBrick(), { failure: new AgentError('Aborted', 'given up') });
    await expect(sourceOf(brick).mark(signal)).rejects.toMatchObject({ code: 'Aborted' });
  });

  it('tells since when nothing has changed, in counts and in free space, and that this is not known', async () => {
    const brick = new FakeBrick();
    brick.seconds = undefined;
    const clock = new ManualClock();
    const source = sourceOf(brick, clock);
    const looks = async (change: () => void): Promise<boolean> => {
      change();
      const mark = await source.mark(signal);
      await clock.advance(10_000);
      const lookedAt = clock.monotonic();
      await clock.advance(10_000);
      expect(isQuietSince(mark, lookedAt)).toBe(mark?.changedAt !== undefined);
      const later = await source.mark(signal);
      return isQuietSince(later, lookedAt);
    };
    expect(await looks(() => undefined)).toBe(true);
    expect(await looks(() => (brick.free = '99:50'))).toBe(true);
    expect(await looks(() => (brick.free = undefined))).toBe(false);
    expect(await looks(() => (brick.failure = new AgentError('Timeout', 'none')))).toBe(false);
    brick.failure = undefined;
    brick.free = '99:50';
    expect(await looks(() => undefined)).toBe(true);
    const before = clock.monotonic();
    brick.writes += 1n;
    expect(isQuietSince(await source.mark(signal), before)).toBe(false);
  });
});
