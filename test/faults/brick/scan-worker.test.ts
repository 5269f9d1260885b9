import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScanWorker } from '../../../src/brick/scan/client.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const PV = 'subvol/ab/cd/pvc-1';

let brick: TemporaryDirectory;
let worker: ScanWorker;
let place: string;
let signal: AbortSignal;

beforeEach(() => {
  brick = new TemporaryDirectory('scan-worker');
  brick.mkdir(PV);
  const { dev, ino } = fs.statSync(brick.path, { bigint: true });
  place = `${dev}:${ino}`;
  signal = new AbortController().signal;
  worker = new ScanWorker({ brickPath: brick.path, deadlineMs: 5_000, clock: systemClock, log: silentLog });
});
afterEach(async () => {
  await worker.stop();
  brick[Symbol.dispose]();
});

function fill(files: number): void {
  for (let index = 0; index < files; index += 1) brick.write(`${PV}/${index % 7}/${index}`, 'x');
}

describe('ScanWorker', () => {
  it('measures in its thread', async () => {
    fill(20);
    const result = await worker.scan(PV, { place, duty: 1, signal });
    const du = execFileSync('du', ['-s', '--block-size=1', `${brick.path}/${PV}`], { encoding: 'utf8' });
    expect(result).toMatchObject({ diskBytes: Number(du.split('\t')[0]), files: 20, directories: 8, unreadable: 0 });
  });

  it('says when there is no such directory, and refuses a path out of the brick or another brick', async () => {
    expect(await worker.scan('subvol/none', { place, duty: 1, signal })).toBeUndefined();
    await expect(worker.scan('../x', { place, duty: 1, signal })).rejects.toMatchObject({ code: 'BadRequest' });
    await expect(worker.scan('.glusterfs', { place, duty: 1, signal })).rejects.toMatchObject({ code: 'BadRequest' });
    await expect(worker.scan(PV, { place: '1:2', duty: 1, signal })).rejects.toMatchObject({ code: 'BrickFenced' });
  });

  it('refuses a PV that is a symlink', async () => {
    fs.symlinkSync('/', `${brick.path}/subvol/ab/cd/pvc-link`);
    await expect(worker.scan('subvol/ab/cd/pvc-link', { place, duty: 1, signal })).rejects.toMatchObject({
      code: 'BrickIo',
    });
  });

  it('rests between slices, reports, ends in a pause when told to, and is free for the next scan then', async () => {
    fill(6000);
    const controller = new AbortController();
    // So little work per second that only the abort can end it in this test's time.
    const options = { place, duty: 0.000_1, signal: controller.signal, onProgress: () => controller.abort() };
    await expect(worker.scan(PV, { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'Aborted',
    });
    const scan = worker.scan(PV, options);
    await expect(worker.scan(PV, { place, duty: 1, signal })).rejects.toMatchObject({ code: 'Conflict' });
    setTimeout(() => controller.abort(), 300);
    await expect(scan).rejects.toMatchObject({ code: 'Aborted' });
    expect(await worker.scan(PV, { place, duty: 1, signal })).toMatchObject({ files: 6000 });
  });

  it('ends a scan when it is stopped', async () => {
    fill(6000);
    const scan = worker.scan(PV, { place, duty: 0.000_1, signal });
    const [outcome] = await Promise.all([
      scan.then(
        () => 'done',
        (error: unknown) => error,
      ),
      worker.stop(),
    ]);
    expect(outcome).toMatchObject({ code: 'Aborted' });
    await expect(worker.scan(PV, { place, duty: 1, signal })).rejects.toMatchObject({ code: 'Aborted' });
  });
});
