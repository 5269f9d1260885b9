/**
 * What a thousand questions for the backlog and its objects cost the brick's process in memory. `glfsheal` makes it grow with every
 * poll, until the kernel kills it; the agent reads the index and the counters beside it.
 */
import { writeFile } from 'node:fs/promises';
import { startAgent, type LabAgent } from '../test/lab/agent.ts';
import { pendingOn } from '../test/lab/inspect.ts';
import { Lab } from '../test/lab/lab.ts';
import { memoryKib } from './agent-facts.ts';
import { benchLine, type BenchLine } from './line.ts';

const FILES = 200;
const POLLS = 1_000;
/** Before the first measurement: connections are made and buffers have their size. */
const WARM_UP = 50;
/** Growth of the brick's process, in KiB: a few pages of its allocator. */
const BUDGET_KIB = 1_024;

export async function healPolls(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-heal-polls' });
  const volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  const client = await volume.mount();
  await volume.brick(2).kill('SIGKILL');
  for (let index = 0; index < FILES; index += 1) await writeFile(`${client.path}/file-${index}`, 'x');
  await client.unmount();
  const brick = volume.brick(0);
  const pending = await pendingOn(brick);
  if (pending < FILES) throw new Error(`${pending} entries are pending, not ${FILES}`);
  // Looks by itself ten times a second, too.
  const env = { BRICK_AGENT_HEAL_INTERVAL_MS: '100' };
  const agent = await startAgent(lab, volume, brick, { bundle: true, env });
  await poll(agent, WARM_UP, pending);
  const before = await memoryKib(brick.pid, 'VmRSS');
  await poll(agent, POLLS, pending);
  const growth = (await memoryKib(brick.pid, 'VmRSS')) - before;
  return [benchLine('heal.brick-memory-1k-polls', growth, BUDGET_KIB, 'KiB', 'budget, growth of the brick')];
}

/** The count and all objects, with paths and blame. */
async function poll(agent: LabAgent, times: number, pending: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await agent.api('GET', '/v1/heal');
    const { text } = await agent.api('GET', '/v1/heal/entries.ndjson');
    const listed = text.split('\n').length - 1;
    if (listed < pending) throw new Error(`listed ${listed}, not ${pending}`);
  }
}

if (import.meta.main) for (const line of await healPolls()) console.log(JSON.stringify(line));
