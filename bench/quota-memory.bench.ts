/** Resident memory of the agent as it is shipped, with 10,000 PVs in force on a running brick. */
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { mapPool } from '../src/lib/pool.ts';
import { startAgent } from '../test/lab/agent.ts';
import { Lab } from '../test/lab/lab.ts';
import { pvPath } from '../test/lab/pv.ts';
import { waitFor } from '../test/lab/wait.ts';
import { liveLimits, memoryMb } from './agent-facts.ts';
import { benchLine, type BenchLine } from './line.ts';
import { LIMIT_BYTES, pvNames } from './quota-world.ts';

const PVS = 10_000;
const BUDGET_MB = 128;
const IDLE_MS = 10_000;
/** FUSE calls under way at a time, while the PVs are made. */
const WIDTH = 4;

export async function quotaMemory10k(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-quota-memory' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  const client = await volume.mount();
  const pvs = pvNames(PVS);
  await mapPool(pvs, WIDTH, async (pv) => await mkdir(`${client.path}/${pvPath(pv)}`, { recursive: true }));
  const quotaFile = `${volume.dir}/quotas.yaml`;
  await writeFile(quotaFile, `quotas:\n${pvs.map((pv) => `- {pv: ${pv}, limit: ${LIMIT_BYTES}}\n`).join('')}`);
  const env = { BRICK_AGENT_QUOTA_FILE: quotaFile };
  const agent = await startAgent(lab, volume, volume.brick(0), { bundle: true, env, waitReady: false });
  await waitFor(`${PVS} live limits`, async () => (await liveLimits(agent)) === PVS, {
    timeoutMs: 180_000,
    intervalMs: 2_000,
  });
  await delay(IDLE_MS);
  return [benchLine('quota.memory-10k-pvs', await memoryMb(agent.pid, 'VmRSS'), BUDGET_MB, 'MB', 'budget, resident')];
}

if (import.meta.main) for (const line of await quotaMemory10k()) console.log(JSON.stringify(line));
