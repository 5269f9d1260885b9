import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { CounterHelper } from '../../../src/quota/counter-shift.ts';
import type { CounterBrick } from '../../../src/quota/counter-shifter.ts';
import { CounterRepairer, type RepairTarget, type RepairView } from '../../../src/quota/repairer.ts';
import type { UsageScan } from '../../../src/quota/usage.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const MiB = 1024n * 1024n;
const signal = new AbortController().signal;

/** A brick's counter of one PV, with the helper's effects of 11.1. */
class FakeCounter implements CounterBrick {
  isUp = true;
  generation = 1;
  hasSimpleQuota: boolean | undefined = true;
  bytes = 0n;
  open = 0;
  left = false;
  /** What DISCARD adds, as a part of the file: 1 on 11.1. */
  adds = 1n;
  failure: Error | undefined;

  async counter(): Promise<bigint | undefined> {
    if (this.bytes < 0n) this.bytes = 0n;
    return this.bytes;
  }

  async sweepHelper(): Promise<boolean> {
    const { left } = this;
    this.left = false;
    return left;
  }

  async openHelper(): Promise<CounterHelper> {
    if (this.failure !== undefined) throw this.failure;
    this.bytes -= 512n;
    this.open += 1;
    let size = 0n;
    return {
      fill: async (bytes) => void (size = bytes),
      add: async () => void (this.bytes += size * this.adds),
      empty: async () => {
        this.bytes -= size;
        size = 0n;
      },
      close: async () => void (this.open -= 1),
    };
  }
}

let brick: FakeCounter;
let truth: bigint;
let scan: UsageScan | undefined;
let pending: boolean;
let cancelled: boolean;
let scansAsked: number;
let held: bigint;
let healing: string | undefined;
let view: RepairView | undefined;
let repairer: CounterRepairer;
let clock: ManualClock;

function create(options: { automatic?: boolean; refusal?: string } = {}): CounterRepairer {
  return new CounterRepairer({
    brick,
    fence: () => ({ open: true }),
    targets: { all: () => [target()], get: (pv) => (pv === 'pvc-1' ? target() : undefined) },
    take: (_pv, taken) => (view = taken),
    scans: {
      request: () => {
        pending = true;
        scansAsked += 1;
      },
      isPending: () => pending,
      isCancelled: () => cancelled,
    },
    heldBytes: async () => held,
    healing: () => healing,
    refusal: options.refusal,
    automatic: options.automatic ?? true,
    clock,
    log: silentLog,
  });
}

beforeEach(() => {
  brick = new FakeCounter();
  clock = new ManualClock();
  cancelled = false;
  [truth, scan, pending, scansAsked, held, healing, view] = [0n, undefined, false, 0, 0n, undefined, undefined];
  repairer = create();
});

function target(): RepairTarget {
  return { pv: 'pvc-1', gfid: 'g', scan };
}

let scans = 0;
/** A scan ends; `moved` bytes were written while it ran. */
function scanned(moved = 0n): void {
  pending = false;
  scans += 1;
  scan = {
    at: scans,
    diskBytes: truth,
    expectedCounter: truth,
    counterBefore: brick.bytes - moved,
    counterAfter: brick.bytes,
    files: 1,
    directories: 1,
    durationMs: 1,
    incomplete: undefined,
    counted: true,
    brickGeneration: brick.generation,
  };
  repairer.note('pvc-1');
}

async function scanAndPass(moved = 0n): Promise<void> {
  scanned(moved);
  await repairer.pass(signal);
}

describe('CounterRepairer', () => {
  it.each([
    ['lowers', 50n * MiB, 20n * MiB],
    ['raises', 20n * MiB, 500n * MiB + 512n],
    ['raises from nothing', 0n, 300n * MiB],
    ['lowers to nothing', 300n * MiB, 0n],
  ])(
    '%s a counter that two scans found equally wrong, to the byte, and has it looked at again',
    async (_, bytes, right) => {
      [brick.bytes, truth] = [bytes, right];
      await scanAndPass();
      expect(brick.bytes).toBe(bytes);
      expect(view).toMatchObject({ state: 'Confirming' });
      await scanAndPass();
      expect(brick.bytes).toBe(right);
      expect(view).toMatchObject({ state: 'Repaired', shiftedBytes: right - bytes });
      expect(brick.open).toBe(0);
      expect(scansAsked).toBe(2);
      await scanAndPass();
      expect(view?.state).toBe('Repaired');
      expect(scansAsked).toBe(2);
      const { raised, lowered } = repairer.stats;
      expect(raised.times + lowered.times).toBe(1);
      expect(raised.bytes - lowered.bytes).toBe(right - bytes);
    },
  );

  it('keeps what is written between scan and shift', async () => {
    [brick.bytes, truth] = [50n * MiB, 20n * MiB];
    await scanAndPass();
    scanned();
    brick.bytes += 7n * MiB;
    await repairer.pass(signal);
    expect(brick.bytes).toBe(27n * MiB);
  });

  it('touches nothing while scans disagree or the PV is written, and gives up until the next regular scan', async () => {
    [brick.bytes, truth] = [50n * MiB, 20n * MiB];
    repairer.request('pvc-1');
    for (let round = 0; round < 4; round += 1) {
      truth += MiB;
      await scanAndPass(round % 2 === 0 ? 0n : 4096n);
    }
    expect(brick.bytes).toBe(50n * MiB);
    expect(view).toMatchObject({ state: 'Waiting', requested: false });
    expect(scansAsked).toBe(4);
  });

  it('tries again later, when a PV that surely has drifted was written during the scan', async () => {
    [brick.bytes, truth] = [50n * MiB, 20n * MiB];
    await scanAndPass(MiB);
    expect(view).toMatchObject({ state: 'Waiting', reason: 'Busy' });
    await clock.advance(30_000);
    await repairer.pass(signal);
    expect(pending).toBe(true);
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(truth);
  });

  it('leaves a small drift alone, but not after a restart of the brick, nor when somebody asks', async () => {
    [brick.bytes, truth] = [20n * MiB, 20n * MiB];
    await scanAndPass();
    brick.bytes += 4096n;
    await scanAndPass();
    expect(scansAsked).toBe(0);
    brick.generation += 1;
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(truth);
    brick.bytes += 512n;
    repairer.request('pvc-1');
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(truth);
  });

  it('says so when nothing is to be done, or the scan has failed', async () => {
    [brick.bytes, truth] = [MiB, MiB];
    repairer.request('pvc-1');
    expect(view).toMatchObject({ state: 'Confirming', requested: true });
    await scanAndPass();
    expect(view).toMatchObject({ state: 'Nothing', requested: false });
    repairer.request('pvc-1');
    pending = false;
    repairer.note('pvc-1');
    await repairer.pass(signal);
    expect(view).toMatchObject({ state: 'Failed', reason: 'ScanFailed' });
  });

  it('lowers by no more than open and deleted files leave', async () => {
    [brick.bytes, truth, held] = [50n * MiB, 20n * MiB, 40n * MiB];
    await scanAndPass();
    await scanAndPass();
    expect(view).toMatchObject({ state: 'Waiting', reason: 'OpenDeletedFiles' });
    held = 10n * MiB;
    await repairer.pass(signal);
    expect(pending).toBe(false);
    await clock.advance(30_000);
    await repairer.pass(signal);
    expect(pending).toBe(true);
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(30n * MiB);
  });

  it('leaves a brick alone whose set is being healed', async () => {
    [brick.bytes, truth, healing] = [50n * MiB, 20n * MiB, '3 objects wait'];
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(50n * MiB);
    expect(view).toMatchObject({ state: 'Waiting', reason: 'HealPending' });
    healing = undefined;
    await repairer.pass(signal);
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(20n * MiB);
  });

  it('refuses a brick that does not count as 11.1 does, after a test by 4096 bytes, until it is another process', async () => {
    [brick.bytes, truth, brick.adds] = [50n * MiB, 60n * MiB, 0n];
    await scanAndPass();
    await scanAndPass();
    expect(view).toMatchObject({ state: 'Refused', reason: 'SelfTestFailed' });
    expect(brick.bytes).toBeGreaterThan(49n * MiB);
    const after = brick.bytes;
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(after);
    expect(brick.open).toBe(0);
    expect(repairer.stats.failures).toBe(2);
    brick.generation += 1;
    brick.adds = 1n;
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(truth);
  });

  it('tells a failure and goes on', async () => {
    [brick.bytes, truth, brick.failure] = [50n * MiB, 20n * MiB, new AgentError('GlusterError', 'ENOSPC')];
    await scanAndPass();
    await scanAndPass();
    expect(view).toMatchObject({ state: 'Failed', message: 'ENOSPC' });
  });

  it('does nothing by itself when it is off, and what is asked for', async () => {
    repairer = create({ automatic: false });
    [brick.bytes, truth] = [50n * MiB, 20n * MiB];
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(50n * MiB);
    repairer.request('pvc-1');
    await scanAndPass();
    await scanAndPass();
    expect(brick.bytes).toBe(truth);
  });

  it('refuses what cannot be: unknown PVs, bricks without a meaningful counter', () => {
    expect(() => repairer.request('pvc-2')).toThrow(/no PV/);
    expect(() => create({ refusal: 'an arbiter' }).request('pvc-1')).toThrow('an arbiter');
  });

  it('removes a helper that a killed agent has left, once', async () => {
    brick.left = true;
    await repairer.pass(signal);
    expect(brick.left).toBe(false);
    brick.left = true;
    await repairer.pass(signal);
    expect(brick.left).toBe(true);
  });

  it('ends with the scan that it needs when that is cancelled, and does not ask for it again by itself', async () => {
    brick.bytes = 5n * MiB;
    repairer.request('pvc-1');
    [pending, cancelled] = [false, true];
    await repairer.pass(signal);
    expect(view).toMatchObject({ state: 'Failed', reason: 'ScanCancelled', requested: false, shiftedBytes: undefined });
    cancelled = false;
    healing = 'a heal is pending';
    await scanAndPass();
    expect(view).toMatchObject({ state: 'Waiting', reason: 'HealPending' });
    healing = undefined;
    cancelled = true;
    const before = scansAsked;
    await clock.advance(60_000);
    await repairer.pass(signal);
    expect(scansAsked).toBe(before);
  });
});
