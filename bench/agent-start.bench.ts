/** From the start of the process to /readyz 200: brick proven ours, connected, every PV looked at once. */
import { startAgent } from '../test/lab/agent.ts';
import { Lab } from '../test/lab/lab.ts';
import { createPv } from '../test/lab/pv.ts';
import { waitFor } from '../test/lab/wait.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const STARTS = 5;
const BUDGET_MS = 500;
const PVS = 10;
const PV_BYTES = 1024 ** 3;
/** Each answer takes a millisecond of the start that is measured: asked every 2 ms, an agent was ready 35 ms later. */
const ASK_EVERY_MS = 10;

export async function agentStart(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-start' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  const client = await volume.mount();
  for (let n = 0; n < PVS; n += 1) await createPv(client, `pvc-bench-${n}`, PV_BYTES);
  const times: number[] = [];
  while (times.length < STARTS) {
    const start = performance.now();
    const agent = await startAgent(lab, volume, volume.brick(0), { bundle: true, waitReady: false });
    const ready = async (): Promise<boolean> => (await agent.ops('/readyz')).status === 200;
    await waitFor('/readyz 200', ready, { intervalMs: ASK_EVERY_MS });
    times.push(performance.now() - start);
    await agent.stop();
  }
  return [benchLine('agent.start-to-ready', median(times), BUDGET_MS, 'ms', 'budget')];
}

if (import.meta.main) for (const line of await agentStart()) console.log(JSON.stringify(line));
