import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BrickWorker } from '../../../src/brick/worker/client.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let worker: BrickWorker;

beforeEach(() => {
  brick = new TemporaryDirectory('worker');
  worker = new BrickWorker({ brickPath: brick.path, deadlineMs: 5_000, clock: systemClock, log: silentLog });
});
afterEach(async () => {
  await worker.stop();
  brick[Symbol.dispose]();
});

describe('BrickWorker', () => {
  it('answers pipelined calls, each with its own output', async () => {
    brick.mkdir('subvol/ab/cd/pvc-1');
    const [facts, reads, inventory] = await Promise.all([
      worker.call('facts', {}),
      worker.call('readQuotas', { paths: ['subvol/ab/cd/pvc-1', 'subvol/none'], closely: false }),
      worker.call('inventory', { readKadalu: true, known: undefined }),
    ]);
    expect(facts.directoryError).toBeUndefined();
    expect(reads.map(({ kind }) => kind)).toEqual(['present', 'missing']);
    expect(inventory.inventory?.places).toHaveLength(1);
  });

  it('carries errors across by their code', async () => {
    brick[Symbol.dispose]();
    await expect(worker.call('healIndex', { processKey: undefined })).rejects.toMatchObject({ code: 'BrickIo' });
    expect((await worker.call('facts', {})).directoryError).toBe('does not exist');
  });

  it('gives up on a signal and goes on working', async () => {
    await expect(worker.call('facts', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'Aborted' });
    expect(await worker.call('facts', {})).toBeDefined();
  });

  // A real hang, without any test-only switch: Kadalu's file is a FIFO's... the reader of a pipe that nobody writes would
  // block, so the inventory must not open it at all.
  it('is not caught by a FIFO in the place of an info file', async () => {
    brick.mkdir('info/subvol/ab/cd');
    execFileSync('mkfifo', [`${brick.path}/info/subvol/ab/cd/pvc-1.json`]);
    const { inventory } = await worker.call('inventory', { readKadalu: true, known: undefined });
    expect(inventory?.refusals).toEqual([{ file: 'info/subvol/ab/cd/pvc-1.json', reason: 'is not a regular file' }]);
  });

  it('bounds its queue', async () => {
    const calls = Array.from({ length: 100 }, async () => worker.call('facts', {}));
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(64);
  });
});
