/** Resident memory of the agent with 1,000 PVs: it is paid once for every brick of a cluster. */
import { setTimeout as delay } from 'node:timers/promises';
import { Check } from 'typebox/value';
import { scanStatusSchema } from '../src/agent/http/schemas.ts';
import { startAgent, type LabAgent } from '../test/lab/agent.ts';
import { Lab } from '../test/lab/lab.ts';
import { createPv } from '../test/lab/pv.ts';
import { waitFor } from '../test/lab/wait.ts';
import { liveLimits, memoryMb } from './agent-facts.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const PVS = 1_000;
const BUDGET_MB = 90;
/** The first scans of all PVs are done, and their thread has ended (10 s without work). */
const QUIET_LOOKS = 13;
/** Every loop passes and Prometheus scrapes, as in any minute of its life. */
const IDLE_SECONDS = 45;
const SCRAPE_EVERY_SECONDS = 15;
const PV_BYTES = 1024 ** 3;

export async function agentMemory(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-memory' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  const client = await volume.mount();
  for (let n = 0; n < PVS; n += 1) await createPv(client, `pvc-bench-${n}`, PV_BYTES);
  const agent = await startAgent(lab, volume, volume.brick(0), { bundle: true });
  await waitFor(`${PVS} live limits`, async () => (await liveLimits(agent)) === PVS, { timeoutMs: 120_000 });
  await scansDone(agent);
  const samples: number[] = [];
  for (let second = 0; second < IDLE_SECONDS; second += 1) {
    if (second % SCRAPE_EVERY_SECONDS === 0) await agent.ops('/metrics');
    await delay(1_000);
    samples.push(await memoryMb(agent.pid, 'VmRSS'));
  }
  const peakMb = await memoryMb(agent.pid, 'VmHWM');
  return [
    benchLine('agent.memory-1000-pvs', median(samples), BUDGET_MB, 'MB', 'budget, median resident while idle'),
    benchLine('agent.scraped-memory-1000-pvs', Math.max(...samples), BUDGET_MB, 'MB', 'budget, highest while idle'),
    benchLine('agent.peak-memory-1000-pvs', peakMb, BUDGET_MB, 'MB', 'budget, highest since the start'),
  ];
}

/** Between two scans there is always a moment without one: so quiet is only what stays quiet. */
async function scansDone(agent: LabAgent): Promise<void> {
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    await delay(1_000);
    const { json } = await agent.api('GET', '/v1/scan');
    if (!Check(scanStatusSchema, json)) throw new Error(`not a status of scans: ${JSON.stringify(json)}`);
    quiet = json.running === null && json.requested.length === 0 ? quiet + 1 : 0;
  }
}

if (import.meta.main) for (const line of await agentMemory()) console.log(JSON.stringify(line));
