import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { GrowthMark } from '../../../src/quota/growth.ts';
import { QuotaGuard, type GuardBrick } from '../../../src/quota/guard.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const BLOCK = 4096n;
const LIMIT = 1024n * BLOCK;
const signal = new AbortController().signal;

interface Pv {
  used: bigint;
  /** What the brick compares with the limit. */
  total: bigint;
}

/** One 11.1 brick as far as the guard sees it, with or without the filter above. */
class FakeBrick implements GuardBrick {
  isUp = true;
  generation = 1;
  hasSimpleQuota: boolean | undefined = true;
  checks = true;
  /** The first message ends the brick's own addition. */
  adds = true;
  filter: { checks: boolean; told: Map<string, bigint> } | undefined;
  readonly pvs = new Map<string, Pv>();
  probes = 0;
  flushes = 0;
  readonly gone = new Set<string>();
  /** What others do to the brick before that call reaches it. */
  before: (call: 'setChecks' | 'wouldRefuse') => void = () => undefined;

  write(gfid: string, bytes: bigint): boolean {
    const pv = this.at(gfid);
    if (this.checks && pv.total + bytes > LIMIT) return false;
    pv.used += bytes;
    pv.total += bytes;
    return true;
  }

  async statfsEach(gfids: readonly string[]) {
    return gfids.map((gfid) => (this.gone.has(gfid) ? undefined : this.#statfs(gfid)));
  }

  #statfs(gfid: string) {
    this.flushes += 1;
    const { used } = this.at(gfid);
    const blocks = LIMIT / BLOCK + 1n;
    const free = blocks - used / BLOCK;
    return { blockSize: BLOCK, blocks, free: free > 0n ? free : 0n, simpleQuota: true };
  }

  async flushedBytes(gfid: string) {
    return this.at(gfid).used;
  }

  async wouldRefuse(gfid: string, bytes: bigint) {
    this.before('wouldRefuse');
    this.probes += 1;
    return this.checks && this.at(gfid).total + bytes > LIMIT;
  }

  async setChecks(on: boolean) {
    this.before('setChecks');
    if (this.filter === undefined) this.checks = on;
    else this.filter.checks = on;
  }

  async tellUsage(gfid: string, bytes: bigint) {
    if (this.filter !== undefined) {
      this.filter.told.set(gfid, bytes);
      return;
    }
    this.adds = false;
    this.at(gfid).total = bytes;
  }

  at(gfid: string): Pv {
    const pv = this.pvs.get(gfid);
    if (pv === undefined || this.gone.has(gfid)) throw new AgentError('GlusterError', 'ENOENT');
    return pv;
  }
}

let brick: FakeBrick;
let clock: ManualClock;
let guard: QuotaGuard;
let fileHasFilter: boolean;
let told: Set<string>;
let warnings: object[];
/** Undefined: the brick does not tell, and every PV is looked at. */
let mark: GrowthMark | undefined;
let limits: Map<string, bigint>;
let gone: Set<string>;
let doubted: string[];

beforeEach(() => {
  brick = new FakeBrick();
  clock = new ManualClock();
  fileHasFilter = false;
  told = new Set();
  warnings = [];
  mark = undefined;
  limits = new Map();
  doubted = [];
  gone = new Set();
  for (const pv of ['a', 'b']) brick.pvs.set(pv, { used: 0n, total: 0n });
  guard = new QuotaGuard({
    brick,
    targets: () => [...brick.pvs.keys()].map((pv) => ({ pv, gfid: pv, limitBytes: limits.get(pv) ?? LIMIT })),
    isThere: (pv) => !gone.has(pv),
    hasFilter: async () => fileHasFilter,
    growth: async () => mark,
    isTold: (pv) => told.has(pv),
    doubt: (pvs) => doubted.push(...pvs),
    clock,
    log: { ...silentLog, warn: (facts) => warnings.push(facts) },
  });
});

async function pass(): Promise<void> {
  await guard.pass(signal);
  await clock.advance(5_000);
}

describe('QuotaGuard', () => {
  it('asks nothing that a brick would log while all PVs are within their limits, and rearms in each pass', async () => {
    brick.write('a', LIMIT);
    await pass();
    await pass();
    expect([brick.probes, guard.stats.rearms, guard.stats.tampering]).toEqual([0, 2, { off: 0, faked: 0 }]);
  });

  it('switches on what was switched off, and counts it when a PV grew by it', async () => {
    brick.checks = false;
    await pass();
    expect([brick.checks, guard.stats.tampering.off]).toEqual([true, 0]);
    brick.checks = false;
    brick.write('a', LIMIT * 2n);
    await pass();
    expect(guard.stats.tampering).toEqual({ off: 1, faked: 0 });
    expect(warnings).toEqual([{ pvs: ['a'] }]);
    expect(guard.tampering.entries()).toEqual([{ pv: 'a', counts: { off: 1, faked: 0 } }]);
    gone.add('a');
    expect(guard.tampering.entries()).toEqual([]);
    expect([brick.write('a', 1n), brick.adds]).toEqual([false, true]);
  });

  it('finds a faked usage by its PV, and tells every PV from then on until the brick restarts', async () => {
    brick.at('a').total = -LIMIT;
    brick.adds = false;
    brick.write('a', LIMIT + BLOCK);
    brick.write('b', BLOCK);
    brick.at('b').total = 0n;
    await pass();
    expect([guard.stats.tampering, warnings]).toEqual([{ off: 0, faked: 1 }, [{ pv: 'a' }]]);
    expect(guard.tampering.entries()).toEqual([{ pv: 'a', counts: { off: 0, faked: 1 } }]);
    expect([brick.write('a', 1n), brick.at('b').total]).toEqual([false, BLOCK]);
    brick.at('b').total = 0n;
    await pass();
    expect(brick.at('b').total).toBe(BLOCK);
    brick.generation += 1;
    brick.adds = true;
    await pass();
    expect(brick.adds).toBe(true);
  });

  it.each(['setChecks', 'wouldRefuse'] as const)(
    'does not take a PV for faked that is emptied before %s',
    async (call) => {
      brick.checks = false;
      brick.write('a', LIMIT * 2n);
      brick.before = (name) => {
        const isLater = name === 'setChecks' || brick.checks;
        if (name === call && isLater) brick.pvs.set('a', { used: 0n, total: 0n });
      };
      await pass();
      expect(guard.stats.tampering).toEqual({ off: 1, faked: 0 });
      expect(brick.adds).toBe(true);
    },
  );

  it('leaves the telling to whoever knows the sum of the volume', async () => {
    told.add('a');
    brick.at('a').total = -LIMIT;
    brick.write('a', LIMIT + BLOCK);
    const { total } = brick.at('a');
    await pass();
    expect([guard.stats.tampering.faked, brick.at('a').total]).toEqual([1, total]);
  });

  it('tells apart a limit that was lowered, and probes such a PV again only when it grows or after a minute', async () => {
    Object.assign(brick.at('a'), { used: LIMIT * 2n, total: LIMIT * 2n });
    await pass();
    await pass();
    expect([brick.probes, guard.stats.tampering]).toEqual([1, { off: 0, faked: 0 }]);
    brick.at('a').used += 1n;
    await pass();
    expect(brick.probes).toBe(2);
    await clock.advance(60_000);
    await pass();
    expect(brick.probes).toBe(3);
  });

  it('goes on when one PV is removed meanwhile', async () => {
    brick.gone.add('a');
    brick.checks = false;
    brick.write('b', LIMIT * 2n);
    await pass();
    expect(guard.stats.tampering.off).toBe(1);
  });

  it('asks nothing of a brick that is down, has no simple-quota, or is not known to have one', async () => {
    for (const change of [{ isUp: false }, { hasSimpleQuota: false }, { hasSimpleQuota: undefined }]) {
      Object.assign(brick, { isUp: true, hasSimpleQuota: true }, change);
      await pass();
    }
    expect([guard.stats.rearms, brick.flushes]).toEqual([0, 0]);
  });

  it('keeps a filter transparent: no checks and no usage in it', async () => {
    fileHasFilter = true;
    brick.filter = { checks: true, told: new Map() };
    await pass();
    expect(brick.filter).toEqual({
      checks: false,
      told: new Map([
        ['a', 0n],
        ['b', 0n],
      ]),
    });
    expect([brick.checks, guard.stats.rearms, brick.probes]).toEqual([true, 0, 1]);
    brick.filter.checks = true;
    await pass();
    expect([brick.filter.checks, brick.probes]).toEqual([false, 1]);
  });

  it('never leaves enforcement off when only the volfile has a filter and the process does not', async () => {
    fileHasFilter = true;
    await pass();
    expect([brick.checks, guard.stats.rearms]).toEqual([true, 1]);
    expect(brick.at('a').total).toBe(0n);
    await pass();
    // Not tried again in this process.
    expect(brick.probes).toBe(1);
  });

  it('switches on again when the probe for the filter fails', async () => {
    fileHasFilter = true;
    brick.wouldRefuse = async () => {
      throw new AgentError('Timeout', 'no answer');
    };
    await expect(guard.pass(signal)).rejects.toMatchObject({ code: 'Timeout' });
    expect(brick.checks).toBe(true);
  });

  it('looks at many PVs in turns, all of them in time', async () => {
    for (let number = 0; number < 2_500; number += 1) brick.pvs.set(`pv-${number}`, { used: 0n, total: 0n });
    brick.flushes = 0;
    await pass();
    expect(brick.flushes).toBe(1_000);
    brick.checks = false;
    const last = [...brick.pvs.keys()].at(-1) ?? '';
    brick.write(last, LIMIT * 2n);
    for (let turn = 0; turn < 3; turn += 1) {
      brick.checks = false;
      await pass();
    }
    expect(guard.stats.tampering.off).toBe(1);
  });
});

describe('QuotaGuard beside a brick that tells what it was asked to write', () => {
  const MARK: GrowthMark = { epoch: 1, bytes: 0, jumps: 0, changedAt: undefined };

  async function looksAfter(change: () => void): Promise<number> {
    await pass();
    brick.flushes = 0;
    change();
    await pass();
    return brick.flushes;
  }

  beforeEach(() => {
    mark = MARK;
  });

  it('looks at nothing while nothing is written, and switches enforcement on all the same', async () => {
    brick.checks = false;
    expect(await looksAfter(() => (brick.checks = false))).toBe(0);
    expect([brick.checks, guard.stats.rearms]).toEqual([true, 2]);
  });

  it.each([
    [2n * BLOCK - 1n, 0],
    [2n * BLOCK, 1],
    [LIMIT / 2n - 1n, 1],
    [LIMIT / 2n, 2],
  ])('looks at a PV before %s bytes can have taken half of what its limit leaves', async (bytes, looks) => {
    brick.write('a', LIMIT - 4n * BLOCK);
    expect(await looksAfter(() => (mark = { ...MARK, bytes: Number(bytes) }))).toBe(looks);
  });

  it.each<[string, () => GrowthMark | undefined]>([
    ['a call that may take any space', () => ({ ...MARK, jumps: 1 })],
    ['another count', () => ({ ...MARK, epoch: 2 })],
    ['no answer', () => undefined],
  ])('looks at all PVs after %s', async (_, next) => {
    expect(await looksAfter(() => (mark = next()))).toBe(2);
  });

  it('looks at all PVs every minute, at a full one and one over its limit when anything is written, and at all of another process', async () => {
    brick.write('a', LIMIT);
    expect(await looksAfter(() => (mark = { ...MARK, bytes: 1 }))).toBe(1);
    brick.flushes = 0;
    await clock.advance(60_000);
    await pass();
    expect(brick.flushes).toBe(2);
    expect(await looksAfter(() => (brick.generation += 1))).toBe(2);
  });

  it('looks at nothing for ten minutes while not a block is taken, but at what is over its limit', async () => {
    const looks = async (ms: number): Promise<number> => {
      brick.flushes = 0;
      for (let passed = 0; passed < ms; passed += 5_000) await pass();
      return brick.flushes;
    };
    mark = { ...MARK, jumps: undefined, changedAt: clock.monotonic() };
    // One look at each may be of what was under way when the last change was seen.
    expect(await looks(10_000)).toBe(4);
    expect(await looks(590_000)).toBe(2);
    expect(await looks(15_000)).toBe(2);
    brick.checks = false;
    brick.write('a', LIMIT * 2n);
    mark = { ...mark, changedAt: clock.monotonic() };
    // Twice at the one that is over its limit, before and after it was asked whether it could grow.
    expect(await looks(5_000)).toBe(3);
    expect([brick.checks, guard.stats.tampering.off]).toEqual([true, 1]);
    expect(await looks(20_000)).toBeGreaterThanOrEqual(4);
  });

  it('says of which PVs the brick shows no limit any more', async () => {
    await pass();
    expect(doubted).toEqual([]);
    brick.gone.add('b');
    mark = undefined;
    await pass();
    expect(doubted).toEqual(['b']);
  });

  it('finds a PV in the pass after it got over its limit, however it was looked at before', async () => {
    for (let quiet = 0; quiet < 3; quiet += 1) await pass();
    brick.checks = false;
    brick.write('a', LIMIT * 2n);
    mark = { ...MARK, bytes: Number(LIMIT) * 2 };
    await pass();
    expect(guard.stats.tampering).toEqual({ off: 1, faked: 0 });
    brick.at('b').total = -LIMIT;
    brick.write('b', LIMIT + BLOCK);
    mark = { ...MARK, bytes: Number(LIMIT) * 4 };
    await pass();
    expect(guard.stats.tampering).toEqual({ off: 1, faked: 1 });
    // What a brick has been told once it has to be told in every pass.
    brick.at('b').total = 0n;
    await pass();
    expect(brick.at('b').total).toBe(LIMIT + BLOCK);
  });

  it('has the counts of all PVs put on the disk within a quarter of a minute after anything was written', async () => {
    expect(await looksAfter(() => (mark = { ...MARK, bytes: 1 }))).toBe(0);
    await pass();
    await pass();
    expect(brick.flushes).toBe(2);
    for (let quiet = 0; quiet < 8; quiet += 1) await pass();
    expect(brick.flushes).toBe(2);
  });

  it('looks at a PV whose limit was changed', async () => {
    expect(await looksAfter(() => limits.set('a', LIMIT / 2n))).toBe(1);
  });

  it('forgets PVs that are gone', async () => {
    await pass();
    brick.pvs.delete('a');
    await pass();
    brick.pvs.set('a', { used: 0n, total: 0n });
    brick.flushes = 0;
    await pass();
    expect(brick.flushes).toBe(1);
  });
});
