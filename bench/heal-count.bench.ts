/** How many entries wait for heal, with 10,000 of them: the agent's count against glfsheal, which opens a client and reads them all. */
import { writeFile } from 'node:fs/promises';
import { BrickWorker } from '../src/brick/worker/client.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { Lab } from '../test/lab/lab.ts';
import { pendingOn } from '../test/lab/inspect.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const FILES = 10_000;
/** Writers at a time: a FUSE client answers them together. */
const WRITERS = 16;
const COUNTS = 20;
/** It takes some ten seconds. */
const PEER_COUNTS = 1;
const DEADLINE_MS = 30_000;

export async function healCount(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-heal' });
  const volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  const client = await volume.mount();
  await volume.brick(2).kill('SIGKILL');
  await writeFiles(client.path);
  const brick = volume.brick(0);
  const pending = await pendingOn(brick);
  if (pending < FILES) throw new Error(`${pending} entries are pending, not ${FILES}`);

  const worker = new BrickWorker({
    brickPath: brick.path,
    deadlineMs: DEADLINE_MS,
    clock: systemClock,
    log: silentLog,
  });
  const count = async (): Promise<number> => {
    const start = performance.now();
    const { xattrop } = await worker.call('healIndex', { processKey: 'bench' });
    if (xattrop.entries !== pending) throw new Error(`counted ${xattrop.entries}, not ${pending}`);
    return performance.now() - start;
  };
  const first = await count();
  const next: number[] = [];
  while (next.length < COUNTS) next.push(await count());
  await worker.stop();

  const peer: number[] = [];
  while (peer.length < PEER_COUNTS) {
    const start = performance.now();
    const { stdout, stderr } = await lab.glfsheal(volume, 'info-summary');
    if (!stdout.includes(`heal pending: ${pending}`)) throw new Error(`glfsheal: ${stdout}${stderr}`);
    peer.push(performance.now() - start);
  }
  return [
    benchLine('heal.count-10k', median(next), median(peer), 'ms', 'glfsheal info-summary'),
    benchLine('heal.first-count-10k', first, median(peer), 'ms', 'glfsheal info-summary'),
  ];
}

async function writeFiles(dir: string): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < FILES) {
      next += 1;
      await writeFile(`${dir}/file-${next}`, 'x');
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

if (import.meta.main) for (const line of await healCount()) console.log(JSON.stringify(line));
