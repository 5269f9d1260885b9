/**
 * The heal count must cost the same with a million entries as with a thousand, and listing them must not cost memory. The indices
 * are made by hand, each of several base files, as ext4 allows a file 65,000 links.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { HealEntryReader } from '../src/agent/heal-entry-reader.ts';
import { entryView } from '../src/agent/heal-insight.ts';
import { BrickWorker } from '../src/brick/worker/client.ts';
import { describeEntry } from '../src/heal/entry.ts';
import { PAGE_ENTRIES } from '../src/heal/pv-tally.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const FEW = 1_000;
const MANY = 1_000_000;
/** The same number for both, so that the stats cost the same. */
const BASES = 17;
const COUNTS = 200;
const DEADLINE_MS = 60_000;
/** Growth of the process while it lists all, in MiB. */
const MEMORY_BUDGET = 64;
const MIB = 1024 ** 2;

export async function healFlat(): Promise<BenchLine[]> {
  const dir = fs.mkdtempSync(`${os.tmpdir()}/gba-bench-`);
  try {
    makeIndex(`${dir}/few`, FEW);
    makeIndex(`${dir}/many`, MANY);
    const few = await countMs(`${dir}/few`, FEW);
    const many = await countMs(`${dir}/many`, MANY);
    const growth = await listAll(`${dir}/many`);
    return [
      benchLine('heal.count-flat', many, few, 'ms', 'our count of 1,000 entries'),
      benchLine('heal.list-1m-memory', growth, MEMORY_BUDGET, 'MiB', 'budget'),
    ];
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

function makeIndex(brick: string, entries: number): void {
  for (const type of ['dirty', 'entry-changes'])
    fs.mkdirSync(`${brick}/.glusterfs/indices/${type}`, { recursive: true });
  const directory = `${brick}/.glusterfs/indices/xattrop`;
  fs.mkdirSync(directory);
  const perBase = Math.ceil(entries / BASES);
  let base = '';
  for (let index = 0; index < entries; index += 1) {
    if (index % perBase === 0) {
      base = `${directory}/xattrop-${randomUUID()}`;
      fs.writeFileSync(base, '');
    }
    fs.linkSync(base, `${directory}/${randomUUID()}`);
  }
}

async function countMs(brickPath: string, entries: number): Promise<number> {
  const worker = new BrickWorker({ brickPath, deadlineMs: DEADLINE_MS, clock: systemClock, log: silentLog });
  const times: number[] = [];
  // The first look finds the bases, which costs time by the number of entries.
  for (let look = 0; look <= COUNTS; look += 1) {
    const start = performance.now();
    const { xattrop } = await worker.call('healIndex', { processKey: 'bench' });
    if (look > 0) times.push(performance.now() - start);
    if (xattrop.entries !== entries) throw new Error(`counted ${xattrop.entries}, not ${entries}`);
  }
  await worker.stop();
  return median(times);
}

/** To the text of every line, which is then dropped, as a stream does. */
async function listAll(brickPath: string): Promise<number> {
  const before = process.memoryUsage.rss();
  const reader = new HealEntryReader({ brickPath, clock: systemClock, log: silentLog });
  let listed = 0;
  let bytes = 0;
  let peak = before;
  for (let after: string | undefined; ;) {
    const request = { index: 'xattrop' as const, after, limit: PAGE_ENTRIES };
    const page = await reader.page(request, AbortSignal.timeout(DEADLINE_MS));
    for (const entry of page?.entries ?? [])
      bytes += JSON.stringify(entryView(describeEntry(entry, undefined), undefined)).length;
    listed += page?.entries.length ?? 0;
    peak = Math.max(peak, process.memoryUsage.rss());
    after = page?.next;
    if (after === undefined) break;
  }
  await reader.stop();
  if (listed !== MANY || bytes < listed) throw new Error(`listed ${listed}, not ${MANY}`);
  return (peak - before) / MIB;
}

if (import.meta.main) for (const line of await healFlat()) console.log(JSON.stringify(line));
