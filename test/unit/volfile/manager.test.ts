import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { VolfileManager } from '../../../src/volfile/manager.ts';
import { HISTORY_LENGTH, type VolfileStatus } from '../../../src/volfile/status.ts';
import { heapInUse } from '../../support/heap.ts';
import { FakeGluster, sha } from './fake-gluster.ts';
import { edit, sample } from './samples.ts';

const A = sample('replica-brick.vol');
const B = edit(A, 'thread-count 16', 'thread-count 32');

const SWAPS = 1000;

let dir: string;
let gluster: FakeGluster;
let stop: AbortController;
let generation = 0;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'manager-'));
  gluster = new FakeGluster(Date.now());
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  gluster.dispose();
  rmSync(dir, { recursive: true, force: true });
});

function swap(text: string): void {
  generation += 1;
  const name = `..${generation}`;
  mkdirSync(join(dir, name));
  writeFileSync(join(dir, name, 'brick.vol'), text);
  symlinkSync(name, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  // As kubelet does.
  rmSync(join(dir, `..${generation - 1}`), { recursive: true, force: true });
  gluster.writeFile(text);
}

function newManager(onChange: (status: VolfileStatus) => void): VolfileManager {
  return new VolfileManager({
    dir,
    targets: [
      {
        process: 'brick',
        file: 'brick.vol',
        pidFile: gluster.pidFile,
        logFile: gluster.logFile,
        socket: gluster.socket,
      },
    ],
    glusterVersion: () => '11',
    clock: systemClock,
    log: silentLog,
    signal: stop.signal,
    onChange,
    system: gluster.system,
  });
}

describe('VolfileManager', () => {
  it('sees a swap by itself, gets it in, tells of it, and stops', async () => {
    gluster.start(1000, A);
    swap(A);
    const onChange = vi.fn<(status: VolfileStatus) => void>();
    const manager = newManager(onChange);
    expect(manager.status()).toMatchObject([{ outcome: 'Pending', reason: 'NotLookedYet' }]);
    await manager.refresh();
    expect(manager.status()).toMatchObject([{ outcome: 'Unchanged', reason: 'AlreadyLoaded' }]);
    swap(B);
    await vi.waitFor(() => expect(manager.status()[0]?.outcome).toBe('Applied'), { timeout: 15_000, interval: 20 });
    expect(onChange.mock.lastCall?.[0].reason).toBe('ValuesSeen');
    expect(manager.loops().map(({ name }) => name)).toEqual(['volfile-watch', 'volfile']);
    stop.abort();
    await manager.stopped();
    swap(A);
    expect(manager.status()[0]?.outcome).toBe('Applied');
  });

  it('outlives a storm of swaps: the last one wins, a burst costs a few signals, nothing is kept or left open', async () => {
    gluster.start(1000, A);
    swap(A);
    const manager = newManager(() => undefined);
    await manager.refresh();
    const openBefore = readdirSync('/proc/self/fd').length;
    const storm = async (swaps: number): Promise<void> => {
      for (let round = 1; round <= swaps; round += 1) {
        swap(edit(A, 'thread-count 16', `thread-count ${1 + (round % 15)}`));
        // As fast as any event can be seen, and sometimes faster.
        if (round % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      swap(B);
      await vi.waitFor(() => expect(manager.status()[0]).toMatchObject({ wantedHash: sha(B), runningHash: sha(B) }), {
        timeout: 30_000,
        interval: 20,
      });
    };
    // What is kept by intention, the history above all, is full by then.
    await storm(SWAPS / 4);
    const heapBefore = await heapInUse();
    await storm(SWAPS);
    // One file kept for each swap would be above 1 MB.
    expect((await heapInUse()) - heapBefore).toBeLessThan(500_000);
    // Unchanged where the signal for an older one has brought it in already.
    expect(['Applied', 'Unchanged']).toContain(manager.status()[0]?.outcome);
    expect(gluster.loaded).toBe(B);
    expect(gluster.hups.length).toBeLessThan(SWAPS / 20);
    expect(manager.status()[0]?.history.length).toBeLessThanOrEqual(HISTORY_LENGTH);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(openBefore + 2);
    stop.abort();
    await manager.stopped();
  }, 60_000);

  it('does not signal twice when asked twice at once', async () => {
    gluster.start(1000, A);
    swap(A);
    const manager = newManager(() => undefined);
    await manager.refresh();
    swap(B);
    await Promise.all([manager.refresh(), manager.refresh(), manager.refresh()]);
    expect(manager.status()).toMatchObject([{ outcome: 'Applied' }]);
    expect(gluster.hups).toHaveLength(2);
    stop.abort();
    await manager.stopped();
  });

  it('reports a directory that is not there', async () => {
    rmSync(dir, { recursive: true });
    const manager = newManager(() => undefined);
    await manager.refresh();
    expect(manager.status()).toMatchObject([{ outcome: 'Rejected', reason: 'FileUnreadable' }]);
    stop.abort();
    await manager.stopped();
  });
});
