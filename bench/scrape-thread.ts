/** Scrapes a listener again and again, as Prometheus does, and tells how long each took. */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

/** Between two scrapes, in milliseconds: a scrape meets an agent at rest, not one that still cleans up after the last. */
const PAUSE_MS = 20;

const { port, scrapes, path = '/metrics' }: { port: number; scrapes: number; path?: string } = workerData;

async function once(): Promise<{ ms: number; body: Buffer }> {
  const start = performance.now();
  return await new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        else resolve({ ms: performance.now() - start, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const times: number[] = [];
let last: Buffer = Buffer.alloc(0);
for (let n = 0; n < scrapes; n += 1) {
  const { ms, body } = await once();
  times.push(ms);
  last = body;
  await delay(PAUSE_MS);
}
const series = last.toString('latin1').match(/^[^#\n]/gm)?.length ?? 0;
parentPort?.postMessage({ times, series, bytes: last.length });
