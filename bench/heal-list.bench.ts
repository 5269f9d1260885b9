/** What waits for heal, with paths and blame, 10,000 objects on each of two bricks: the agents' lists against `glfsheal info`. */
import { writeFile } from 'node:fs/promises';
import { HealEntryReader } from '../src/agent/heal-entry-reader.ts';
import { entryView, replicaSetOf } from '../src/agent/heal-insight.ts';
import { describeEntry } from '../src/heal/entry.ts';
import { PAGE_ENTRIES } from '../src/heal/pv-tally.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import type { Brick } from '../test/lab/brick.ts';
import { pendingOn } from '../test/lab/inspect.ts';
import { Lab } from '../test/lab/lab.ts';
import { benchLine, type BenchLine } from './line.ts';

const FILES = 10_000;
/** Writers at a time: a FUSE client answers them together. */
const WRITERS = 16;
const VOLUME = 'vol1';
/** Longer than any page takes, in milliseconds. */
const DEADLINE_MS = 60_000;

export async function healList(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-heal-list' });
  const volume = await lab.volume({ name: VOLUME, type: 'replica', bricks: 3 });
  await volume.start();
  const client = await volume.mount();
  await volume.brick(2).kill('SIGKILL');
  await writeFiles(client.path);
  const survivors = [volume.brick(0), volume.brick(1)];
  const pending = await pendingOn(volume.brick(0));
  if (pending < FILES) throw new Error(`${pending} entries are pending, not ${FILES}`);

  const start = performance.now();
  const counts = await Promise.all(survivors.map(list));
  const ours = performance.now() - start;
  if (counts.some((count) => count !== pending)) throw new Error(`listed ${counts.join(' and ')}, not ${pending}`);

  const peerStart = performance.now();
  const { stdout, stderr } = await lab.glfsheal(volume);
  const peer = performance.now() - peerStart;
  const totals = [...stdout.matchAll(/^Number of entries: (\d+)$/gm)].map((match) => Number(match[1]));
  if (totals.length < 2 || totals.some((total) => total !== pending))
    throw new Error(`glfsheal: ${totals.join(' and ')} ${stderr}`);
  return [benchLine('heal.list-10k', ours, peer, 'ms', 'glfsheal info')];
}

/** As one agent does it, with the start of its thread, up to the text of the answer. @returns entries with a path and a blame */
async function list(brick: Brick): Promise<number> {
  const reader = new HealEntryReader({ brickPath: brick.path, clock: systemClock, log: silentLog });
  const set = replicaSetOf({ volume: VOLUME, volumeType: 'Replica3', brickIndex: brick.index });
  let listed = 0;
  let bytes = 0;
  for (let after: string | undefined; ;) {
    const request = { index: 'xattrop' as const, after, limit: PAGE_ENTRIES };
    const page = await reader.page(request, AbortSignal.timeout(DEADLINE_MS));
    for (const entry of page?.entries ?? []) {
      const described = describeEntry(entry, set);
      if (described.paths.length > 0 && described.blames.length > 0) listed += 1;
      bytes += JSON.stringify(entryView(described, undefined)).length;
    }
    after = page?.next;
    if (after === undefined) break;
  }
  await reader.stop();
  return bytes > 0 ? listed : 0;
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

if (import.meta.main) for (const line of await healList()) console.log(JSON.stringify(line));
