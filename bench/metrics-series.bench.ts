/** What a series costs in a scrape: of our 10,000 PVs, and of the exporter that runs on every node anyway. */
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { waitFor } from '../test/lab/wait.ts';
import { benchLine, median, type BenchLine } from './line.ts';
import { scrape, scrapePvs } from './scrape-world.ts';

const TOOLS = path.resolve(import.meta.dirname, '../.cache/bin');
const PEER = 'prometheus-node-exporter';
const PEER_PORT = 19_100;
const SCRAPES = 100;
const MICROSECONDS = 1_000;

export async function metricsSeries(): Promise<BenchLine[]> {
  const { p50Ms, series } = await scrapePvs(10_000, SCRAPES);
  const exporter = spawn(PEER, [`--web.listen-address=127.0.0.1:${PEER_PORT}`], {
    env: { ...process.env, PATH: `${process.env['PATH']}:${TOOLS}` },
    stdio: 'ignore',
  });
  try {
    await once(exporter, 'spawn');
    await waitFor(PEER, async () => await answers());
    const { times, series: peerSeries } = await scrape(PEER_PORT, SCRAPES);
    const perSeries = (ms: number, count: number): number => (ms * MICROSECONDS) / count;
    const name = `${PEER}, ${peerSeries} series of its own`;
    return [benchLine('metrics.series', perSeries(p50Ms, series), perSeries(median(times), peerSeries), 'µs', name)];
  } finally {
    exporter.kill();
  }
}

async function answers(): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: PEER_PORT, path: '/' }, (response) => {
      response.resume();
      resolve(true);
    });
    sent.on('error', reject);
    sent.end();
  });
}

if (import.meta.main) for (const line of await metricsSeries()) console.log(JSON.stringify(line));
