/** What waits for heal, with paths and blame, 10,000 objects on each of two bricks: the agents' streams against `glfsheal info`. */
import { writeFile } from 'node:fs/promises';
import { Check } from 'typebox/value';
import { healEntrySchema, healSchema } from '../src/agent/http/schemas.ts';
import { startAgent, type LabAgent } from '../test/lab/agent.ts';
import { pendingOn } from '../test/lab/inspect.ts';
import { Lab } from '../test/lab/lab.ts';
import { waitFor } from '../test/lab/wait.ts';
import { benchLine, type BenchLine } from './line.ts';

const FILES = 10_000;
/** Writers at a time: a FUSE client answers them together. */
const WRITERS = 16;
/** Longer than any list takes, in milliseconds. */
const DEADLINE_MS = 60_000;

export async function healList(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-heal-list' });
  const volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  const client = await volume.mount();
  await volume.brick(2).kill('SIGKILL');
  await writeFiles(client.path);
  const survivors = [volume.brick(0), volume.brick(1)];
  const pending = await pendingOn(volume.brick(0));
  if (pending < FILES) throw new Error(`${pending} entries are pending, not ${FILES}`);
  const agents: LabAgent[] = [];
  for (const brick of survivors) agents.push(await startAgent(lab, volume, brick, { bundle: true }));
  // They have looked at the backlog that they found, as any agent has before somebody asks.
  for (const agent of agents)
    await waitFor('its first look', async () => await hasLooked(agent), { timeoutMs: 60_000 });

  const start = performance.now();
  const lists = await Promise.all(agents.map(list));
  const ours = performance.now() - start;
  for (const text of lists) {
    const listed = blamedWithPath(text);
    if (listed !== pending) throw new Error(`listed ${listed} with path and blame, not ${pending}`);
  }

  const peerStart = performance.now();
  const { stdout, stderr } = await lab.glfsheal(volume);
  const peer = performance.now() - peerStart;
  const totals = [...stdout.matchAll(/^Number of entries: (\d+)$/gm)].map((match) => Number(match[1]));
  if (totals.length < 2 || totals.some((total) => total !== pending))
    throw new Error(`glfsheal: ${totals.join(' and ')} ${stderr}`);
  return [benchLine('heal.list-10k', ours, peer, 'ms', 'glfsheal info')];
}

async function hasLooked(agent: LabAgent): Promise<boolean> {
  const { json } = await agent.api('GET', '/v1/heal');
  return Check(healSchema, json) && json.oldest !== null;
}

async function list(agent: LabAgent): Promise<string> {
  const { text } = await agent.api('GET', '/v1/heal/entries.ndjson', undefined, { timeoutMs: DEADLINE_MS });
  return text;
}

function blamedWithPath(text: string): number {
  const lines = text.trimEnd().split('\n');
  return lines.filter((line) => {
    const entry: unknown = JSON.parse(line);
    return Check(healEntrySchema, entry) && entry.paths.length > 0 && entry.blames.length > 0;
  }).length;
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
