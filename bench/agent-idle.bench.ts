/**
 * What the agent costs while nothing happens: all its loops over 1,000 PVs, and Prometheus every 15 s. The brick has a file system of its own, as it
 * should have: on one that others write to, nothing tells that this brick is at rest.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseStatLine } from '../src/process/stat-line.ts';
import { startAgent } from '../test/lab/agent.ts';
import { Disk } from '../test/lab/disk.ts';
import { Lab } from '../test/lab/lab.ts';
import { createPv } from '../test/lab/pv.ts';
import { waitFor } from '../test/lab/wait.ts';
import { liveLimits } from './agent-facts.ts';
import { benchLine, type BenchLine } from './line.ts';

const PVS = 1_000;
const BUDGET_PERCENT = 1;
const PV_BYTES = 1024 ** 3;
/** The audits of the start are over by then, the last of them a minute after the first. In milliseconds. */
const SETTLE_MS = 75_000;
const SCRAPE_INTERVAL_MS = 15_000;
/** In five minutes there is one audit. */
const SCRAPES = 20;
const DISK_MIB = 400;
/** USER_HZ. */
const TICKS_PER_SECOND = 100;

export async function agentIdle(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-idle' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await Disk.mount(lab, volume.brick(0).path, 'ext4', DISK_MIB);
  await volume.brick(0).prepare();
  await volume.start();
  const client = await volume.mount();
  for (let n = 0; n < PVS; n += 1) await createPv(client, `pvc-bench-${n}`, PV_BYTES);
  const agent = await startAgent(lab, volume, volume.brick(0), {
    bundle: true,
    // Each PV is scanned once after the start and then every six hours; quota.scan has what that takes.
    env: { BRICK_AGENT_QUOTA_SCAN_INTERVAL_MS: '0' },
  });
  await waitFor(`${PVS} live limits`, async () => (await liveLimits(agent)) === PVS, { timeoutMs: 120_000 });
  await delay(SETTLE_MS);
  const start = performance.now();
  const before = await cpuSeconds(agent.pid);
  for (let n = 0; n < SCRAPES; n += 1) {
    await agent.ops('/metrics');
    await delay(SCRAPE_INTERVAL_MS);
  }
  const share = (await cpuSeconds(agent.pid)) - before;
  const percent = (100 * share) / ((performance.now() - start) / 1000);
  return [benchLine('agent.idle-cpu-1000-pvs', percent, BUDGET_PERCENT, '% of a core', 'budget')];
}

async function cpuSeconds(pid: number): Promise<number> {
  const line = parseStatLine(await readFile(`/proc/${pid}/stat`, 'latin1'));
  if (line === undefined) throw new Error(`/proc/${pid}/stat cannot be read`);
  return line.cpuTicks / TICKS_PER_SECOND;
}

if (import.meta.main) for (const line of await agentIdle()) console.log(JSON.stringify(line));
