/** What a scrape waits for the brick's own figures: its profile and its clients, over the management socket. */
import { systemClock } from '../src/lib/clock.ts';
import { ManagementClient } from '../src/rpc/management-client.ts';
import { Lab } from '../test/lab/lab.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const ASKS = 200;
/** A tenth of what a scrape may wait for them, in milliseconds. */
const BUDGET_MS = 10;

export async function metricsBrick(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-figures' });
  const counters = { 'debug/io-stats': { 'latency-measurement': 'on', 'count-fop-hits': 'on' } };
  const volume = await lab.volume({ name: 'vol1', type: 'replica', brickOptions: counters });
  await volume.start();
  await volume.mount();
  const { socket, name } = volume.brick(0);
  const client = new ManagementClient({ socketPath: socket, clock: systemClock });
  const times: number[] = [];
  while (times.length < ASKS) {
    const start = performance.now();
    const [{ fops }, clients] = await Promise.all([client.xlatorInfo(name), client.clients(name)]);
    times.push(performance.now() - start);
    if (fops.size === 0 || clients.length === 0) throw new Error('the brick told nothing');
  }
  client.close();
  return [benchLine('metrics.brick-figures', median(times), BUDGET_MS, 'ms', 'budget')];
}

if (import.meta.main) for (const line of await metricsBrick()) console.log(JSON.stringify(line));
