import { beforeEach, describe, expect, it } from 'vitest';
import type { ScanResult } from '../../../src/brick/scan/messages.ts';
import { newTotals } from '../../../src/brick/scan/tree.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Fence } from '../../../src/quota/ports.ts';
import { UsageScanner, type ScanPort, type ScanTarget } from '../../../src/quota/scanner.ts';
import type { UsageScan } from '../../../src/quota/usage.ts';
import { FakeBrick } from '../../support/fake-quota.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { refusal } from '../../support/refusal.ts';

const HOUR = 3_600_000;

let brick: FakeBrick;
let clock: ManualClock;
let fence: Fence;
let taken: Map<string, UsageScan>;
let scanned: string[];
/** What the next scans do; default: succeed. */
let work: (path: string, options: Parameters<ScanPort['scan']>[1]) => Promise<ScanResult | undefined>;
let wakes: number;
/** PVs that the running brick does not count. */
let uncounted: Set<string>;
/** PVs of which it shows less than stands on its disk. */
let short: Set<string>;
let signal: AbortSignal;

beforeEach(async () => {
  brick = new FakeBrick();
  clock = new ManualClock();
  fence = { open: true };
  taken = new Map();
  scanned = [];
  wakes = 0;
  uncounted = new Set();
  short = new Set();
  signal = new AbortController().signal;
  work = async () => result();
  for (const pv of ['pvc-1', 'pvc-2', 'pvc-3']) {
    const directory = brick.addPv(pv, {});
    directory.disk = { ...directory.disk, namespace: true, limit: 1n << 30n, size: 5000n };
    await brick.lookup('11111111-0000-4000-8000-000000000000', pv);
  }
});

function result(changes: Partial<ScanResult> = {}): ScanResult {
  return { ...newTotals(), diskBytes: 8192, counterBytes: 5000, files: 3, durationMs: 4, restMs: 0, ...changes };
}

function scanner(intervalMs = 6 * HOUR): UsageScanner {
  return new UsageScanner({
    port: {
      scan: async (path, options) => {
        scanned.push(path.split('/').at(-1) ?? '');
        return await work(path, options);
      },
    },
    backend: brick,
    brick,
    fence: () => fence,
    targets: { all: targets, get: (pv) => targets().find((target) => target.pv === pv) },
    take: ({ pv }, scan) => taken.set(pv, scan),
    clock,
    log: silentLog,
    intervalMs,
    wake: () => (wakes += 1),
  });
}

function targets(): ScanTarget[] {
  return [...brick.directories].map(([path, { gfid }]): ScanTarget => {
    const pv = path.split('/').at(-1) ?? '';
    return { pv, path, gfid: uncounted.has(pv) ? undefined : gfid, isShort: short.has(pv), last: taken.get(pv) };
  });
}

/** Makes a PV's last scan that old. */
function age(pv: string, ms: number): void {
  const scan = taken.get(pv);
  if (scan !== undefined) taken.set(pv, { ...scan, at: clock.now() - ms });
}

/** Passes until none is due any more. */
async function drain(subject: UsageScanner): Promise<string[]> {
  const before = scanned.length;
  for (let pass = 0; pass < 10; pass += 1) {
    await subject.pass(signal);
    await subject.settled();
  }
  return scanned.slice(before);
}

describe('UsageScanner', () => {
  it('scans every PV once after the start, then each when it is due, the oldest first', async () => {
    const subject = scanner();
    expect(await drain(subject)).toEqual(['pvc-1', 'pvc-2', 'pvc-3']);
    expect(await drain(subject)).toEqual([]);
    age('pvc-2', 8 * HOUR);
    age('pvc-3', 9 * HOUR);
    expect(await drain(subject)).toEqual(['pvc-3', 'pvc-2']);
  });

  it('scans first those that the brick seems to have forgotten', async () => {
    const subject = scanner();
    short.add('pvc-3');
    expect(await drain(subject)).toEqual(['pvc-3', 'pvc-1', 'pvc-2']);
  });

  it('scans once more what was asked for while it was being scanned', async () => {
    const subject = scanner(0);
    work = async () => {
      if (scanned.length === 1) subject.request('pvc-1');
      return result();
    };
    subject.request('pvc-1');
    expect(await drain(subject)).toEqual(['pvc-1', 'pvc-1']);
    expect(subject.status().requested).toEqual([]);
  });

  it("keeps the brick's flushed counter from before and after", async () => {
    work = async () => {
      const pv = brick.at('pvc-1');
      pv.disk.size = 7000n;
      return result();
    };
    const subject = scanner();
    subject.request('pvc-1');
    await subject.pass(signal);
    await subject.settled();
    expect(taken.get('pvc-1')).toMatchObject({
      diskBytes: 8192n,
      expectedCounter: 5000n,
      counterBefore: 5000n,
      counterAfter: 7000n,
      files: 3,
      incomplete: undefined,
    });
    // Each reading is flushed first.
    expect(brick.calls.filter((call) => call === 'statfs' || call === 'read')).toEqual([
      'statfs',
      'read',
      'statfs',
      'read',
    ]);
  });

  it("takes the brick's own word where it does not count on from what is on its disk", async () => {
    // As after a restart in which a client looked the PV up before anybody looked from the root.
    const { live, disk } = brick.at('pvc-1');
    if (live === undefined) throw new Error('not looked up');
    live.used = 0n;
    disk.size = 50_000n;
    const subject = scanner();
    subject.request('pvc-1');
    await subject.pass(signal);
    await subject.settled();
    expect(taken.get('pvc-1')).toMatchObject({ counterBefore: 0n, counterAfter: 0n, expectedCounter: 5000n });
    // Once the brick shows what it has flushed, that is known to the byte.
    live.used = 50_000n;
    subject.request('pvc-1');
    await subject.pass(signal);
    await subject.settled();
    expect(taken.get('pvc-1')).toMatchObject({ counterBefore: 50_000n, counterAfter: 50_000n });
  });

  it('does without the counter when the brick is down, and does not compare two processes', async () => {
    const subject = scanner();
    brick.isUp = false;
    subject.request('pvc-1');
    await drain(subject);
    expect(taken.get('pvc-1')?.counterBefore).toBeUndefined();
    expect(taken.get('pvc-1')?.diskBytes).toBe(8192n);
    brick.isUp = true;
    work = async () => {
      brick.generation += 1;
      return result();
    };
    subject.request('pvc-2');
    await subject.pass(signal);
    await subject.settled();
    expect(taken.get('pvc-2')).toMatchObject({ counterBefore: undefined, counterAfter: undefined });
  });

  it('scans again when the brick process may be another', async () => {
    const subject = scanner();
    await drain(subject);
    brick.generation += 1;
    // But not in a row: each took 4 ms.
    expect(await drain(subject)).toEqual([]);
    await clock.advance(80);
    expect(await drain(subject)).toEqual(['pvc-1', 'pvc-2', 'pvc-3']);
  });

  it('scans again, once, when the brick begins to count a PV', async () => {
    const subject = scanner();
    uncounted.add('pvc-2');
    await drain(subject);
    expect(taken.get('pvc-2')).toMatchObject({ counted: false, counterAfter: undefined });
    uncounted.clear();
    await clock.advance(80);
    expect(await drain(subject)).toEqual(['pvc-2']);
    await clock.advance(80);
    expect(await drain(subject)).toEqual([]);
  });

  it('takes requests first, each once, and only for PVs that exist', async () => {
    const subject = scanner();
    subject.request('pvc-3');
    subject.request('pvc-2');
    subject.request('pvc-3');
    expect(wakes).toBe(3);
    expect(refusal(() => subject.request('pvc-9'))).toBe('NotFound');
    expect(subject.status().requested).toEqual(['pvc-3', 'pvc-2']);
    expect(await drain(subject)).toEqual(['pvc-3', 'pvc-2', 'pvc-1']);
    expect(subject.status().requested).toEqual([]);
  });

  it('only scans on request when the interval is 0', async () => {
    const subject = scanner(0);
    expect(await drain(subject)).toEqual([]);
    subject.request('pvc-2');
    expect(await drain(subject)).toEqual(['pvc-2']);
  });

  it('says why a scan failed, tries the others, and that one again after a minute', async () => {
    work = async (path) => {
      if (path.endsWith('pvc-1')) throw new AgentError('BrickIo', 'EIO');
      return path.endsWith('pvc-2') ? undefined : result({ unreadable: 3, unreadableWhy: 'EACCES' });
    };
    const subject = scanner();
    expect(await drain(subject)).toEqual(['pvc-1', 'pvc-2', 'pvc-3']);
    expect(subject.status().failed.map(({ pv }) => pv)).toEqual(['pvc-1', 'pvc-2']);
    expect(taken.get('pvc-3')?.incomplete).toBe('EACCES, and 2 more directories');
    work = async () => result();
    expect(await drain(subject)).toEqual([]);
    await clock.advance(60_000);
    expect(await drain(subject)).toEqual(['pvc-1', 'pvc-2']);
    expect(subject.status().failed).toEqual([]);
  });

  it('comes back from a pass while a scan runs, and tells how far it is', async () => {
    const subject = scanner();
    await drain(subject);
    let finish: (value: ScanResult) => void = () => undefined;
    work = async (_path, { onProgress }) => {
      onProgress({ ...newTotals(), files: 1, diskBytes: 4096 });
      return await new Promise<ScanResult>((resolve) => {
        finish = resolve;
      });
    };
    subject.request('pvc-1');
    await subject.pass(signal);
    await subject.pass(signal);
    await clock.advance(1000);
    expect(subject.status().running).toMatchObject({
      pv: 'pvc-1',
      files: 1,
      diskBytes: 4096,
      filesPerSecond: 1,
      totalFiles: 3,
      etaMs: 2000,
    });
    finish(result());
    await subject.settled();
    expect(subject.status().running).toBeUndefined();
  });

  it('scans nothing of a brick that is not proven ours, and gives up a scan when that is lost', async () => {
    const subject = scanner();
    fence = { open: false, reason: 'gone' };
    expect(await drain(subject)).toEqual([]);
    expect(refusal(() => subject.request('pvc-1'))).toBe('BrickFenced');
    fence = { open: true };
    work = async (_path, options) =>
      await new Promise((_resolve, reject) => {
        options.signal.addEventListener('abort', () => reject(new AgentError('Aborted', 'given up')));
      });
    await subject.pass(signal);
    await clock.advance(0);
    fence = { open: false, reason: 'gone' };
    await subject.pass(signal);
    await subject.settled();
    expect(subject.status()).toEqual({ running: undefined, requested: [], failed: [], cancelled: [] });
    expect(taken.size).toBe(0);
  });

  describe('a scan that is cancelled', () => {
    /** Scans that end only when they are given up. */
    function endless(): void {
      work = async (_path, options) =>
        await new Promise((_resolve, reject) => {
          const giveUp = (): void => reject(new AgentError('Aborted', 'given up'));
          if (options.signal.aborted) giveUp();
          options.signal.addEventListener('abort', giveUp);
        });
    }

    it('ends, leaves what was measured before, and is not begun again by itself until the interval is over', async () => {
      const subject = scanner();
      await drain(subject);
      const before = taken.get('pvc-1');
      endless();
      subject.request('pvc-1');
      await subject.pass(signal);
      subject.request('pvc-1');
      expect(await subject.cancel('pvc-1')).toBe(true);
      const at = clock.now();
      expect(subject.isPending('pvc-1')).toBe(false);
      expect(subject.status()).toEqual({
        running: undefined,
        requested: [],
        failed: [],
        cancelled: [{ pv: 'pvc-1', at }],
      });
      expect(taken.get('pvc-1')).toBe(before);
      expect(await subject.cancel('pvc-1')).toBe(false);
      work = async () => result();
      age('pvc-1', 7 * HOUR);
      expect(await drain(subject)).toEqual([]);
      await clock.advance(6 * HOUR);
      expect(await drain(subject)).toContain('pvc-1');
      expect(subject.status().cancelled).toEqual([]);
    });

    it('that was the first of its PV stays away, too', async () => {
      const subject = scanner();
      endless();
      await subject.pass(signal);
      await subject.cancel('pvc-1');
      work = async () => result();
      expect(await drain(subject)).toEqual(['pvc-2', 'pvc-3']);
    });

    it('begins again when it is asked for, or when the brick may be another process', async () => {
      const subject = scanner();
      subject.request('pvc-3');
      expect(await subject.cancel('pvc-3')).toBe(true);
      subject.request('pvc-3');
      expect(subject.isCancelled('pvc-3')).toBe(false);
      expect(await drain(subject)).toEqual(['pvc-3', 'pvc-1', 'pvc-2']);
      subject.request('pvc-2');
      await subject.cancel('pvc-2');
      expect(subject.isCancelled('pvc-2')).toBe(true);
      brick.generation += 1;
      await clock.advance(80);
      expect(await drain(subject)).toContain('pvc-2');
    });

    it('while it waits for its turn leaves the one that runs', async () => {
      const subject = scanner(0);
      endless();
      subject.request('pvc-1');
      subject.request('pvc-2');
      await subject.pass(signal);
      await subject.cancel('pvc-2');
      expect(subject.status()).toMatchObject({ running: { pv: 'pvc-1' }, requested: ['pvc-1'] });
      await subject.cancel('pvc-1');
    });

    it('at its end is done', async () => {
      const subject = scanner(0);
      let finish: (value: ScanResult) => void = () => undefined;
      work = async () => await new Promise<ScanResult>((resolve) => (finish = resolve));
      subject.request('pvc-1');
      await subject.pass(signal);
      await clock.advance(0);
      const cancelled = subject.cancel('pvc-1');
      finish(result());
      await cancelled;
      expect(subject.status().cancelled).toEqual(taken.has('pvc-1') ? [] : [{ pv: 'pvc-1', at: clock.now() }]);
    });

    it('must be of a PV that is there, and is forgotten with it', async () => {
      const subject = scanner(0);
      await expect(subject.cancel('pvc-9')).rejects.toMatchObject({ code: 'NotFound' });
      expect(await subject.cancel('pvc-1')).toBe(false);
      subject.request('pvc-1');
      await subject.cancel('pvc-1');
      for (const path of brick.directories.keys()) if (path.endsWith('pvc-1')) brick.directories.delete(path);
      await clock.advance(10_000);
      await drain(subject);
      expect(subject.status().cancelled).toEqual([]);
    });
  });
});
