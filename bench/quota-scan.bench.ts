/** Measuring a brick of 300,000 files with their gfid handles, warm: scan threads at full speed against `du -s` of the same PVs. */
import { execFile } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { ScanWorker } from '../src/brick/scan/client.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { pvPath } from '../test/lab/pv.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const PVS = 30;
const DIRECTORIES = 10;
const FILES = 1000;
/** One in so many files has content, so that making the tree does not take minutes. */
const WITH_CONTENT = 20;
const ROUNDS = 5;
const DEADLINE_MS = 60_000;
/** Goal for the main thread's p99 while scans run, in milliseconds. */
const DELAY_BUDGET_MS = 10;

const run = promisify(execFile);

export async function quotaScan300k(): Promise<BenchLine[]> {
  const brick = mkdtempSync(`${os.tmpdir()}/gba-bench-scan-`);
  try {
    const paths = Array.from({ length: PVS }, (_, index) => pvPath(`pvc-bench-${index}`));
    makeFiles(brick, paths);
    const one = new Scans(brick, 1);
    const two = new Scans(brick, 2);
    const expected = await du(brick, paths);
    const peer: number[] = [];
    const single: number[] = [];
    const double: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    // The first round warms caches and compilers.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const duMs = await timed(async () => await du(brick, paths));
      delay.enable();
      const singleMs = await timed(async () => await one.run(paths, expected));
      const doubleMs = await timed(async () => await two.run(paths, expected));
      delay.disable();
      if (round === 0) {
        delay.reset();
        continue;
      }
      peer.push(duMs);
      single.push(singleMs);
      double.push(doubleMs);
    }
    await Promise.all([one.stop(), two.stop()]);
    return [
      benchLine('quota.scan-300k', median(double), median(peer), 'ms', 'du -s of the same PVs'),
      benchLine('quota.scan-300k-one-thread', median(single), median(peer), 'ms', 'du -s of the same PVs'),
      benchLine('quota.scan-delay-p99', delay.percentile(99) / 1e6, DELAY_BUDGET_MS, 'ms', 'goal of the event loop'),
    ];
  } finally {
    rmSync(brick, { recursive: true, force: true });
  }
}

/** Some scan threads that share a list of PVs. */
class Scans {
  readonly #workers: ScanWorker[];
  readonly #place: string;

  constructor(brickPath: string, threads: number) {
    const { dev, ino } = statSync(brickPath, { bigint: true });
    this.#place = `${dev}:${ino}`;
    const options = { brickPath, deadlineMs: DEADLINE_MS, clock: systemClock, log: silentLog };
    this.#workers = Array.from({ length: threads }, () => new ScanWorker(options));
  }

  async run(paths: readonly string[], expectedBytes: number): Promise<void> {
    const queue = paths.values();
    const { signal } = new AbortController();
    let bytes = 0;
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (const path of queue) {
          const result = await worker.scan(path, { place: this.#place, duty: 1, signal });
          bytes += result?.diskBytes ?? 0;
        }
      }),
    );
    if (bytes !== expectedBytes) throw new Error(`scanned ${bytes} bytes, du says ${expectedBytes}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => await worker.stop()));
  }
}

function makeFiles(brick: string, paths: readonly string[]): void {
  let number = 0;
  for (const path of paths) {
    for (let directory = 0; directory < DIRECTORIES; directory += 1) {
      const dir = `${brick}/${path}/dir-${directory}`;
      const handles = `${brick}/.glusterfs/${number % 97}/${directory}`;
      mkdirSync(dir, { recursive: true });
      mkdirSync(handles, { recursive: true });
      for (let file = 0; file < FILES; file += 1) {
        const name = `${dir}/file-of-some-name-${file}`;
        closeSync(openSync(name, 'w'));
        if (file % WITH_CONTENT === 0) writeFileSync(name, 'x'.repeat(file));
        else if (file % WITH_CONTENT === 1) truncateSync(name, 1_000_000);
        linkSync(name, `${handles}/${number}`);
        number += 1;
      }
    }
  }
}

async function du(brick: string, paths: readonly string[]): Promise<number> {
  const { stdout } = await run('du', ['-s', '--block-size=1', ...paths.map((path) => `${brick}/${path}`)]);
  return stdout.split('\n').reduce((sum, line) => sum + Number(line.split('\t')[0]), 0);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

if (import.meta.main) for (const line of await quotaScan300k()) console.log(JSON.stringify(line));
