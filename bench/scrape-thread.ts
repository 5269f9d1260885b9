/**
 * Scrapes a listener again and again, as Prometheus does, and tells how long each took. All are read into one and the same piece of memory: a scraper that
 * has its garbage collected in the middle would be counted as a slow agent.
 */
import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

/** Between two scrapes, in milliseconds: a scrape meets an agent at rest, not one that still cleans up after the last. */
const PAUSE_MS = 20;
const OK = 'HTTP/1.1 200 ';

const { port, scrapes, path = '/metrics' }: { port: number; scrapes: number; path?: string } = workerData;
const memory = Buffer.alloc(256 * 1024);

/** From the first byte of the connection to the last. @returns milliseconds */
async function once(): Promise<number> {
  const start = performance.now();
  return await new Promise((resolve, reject) => {
    let status = '';
    const callback = (bytes: number): boolean => {
      if (status.length < OK.length) status += memory.toString('latin1', 0, Math.min(bytes, OK.length));
      return true;
    };
    const socket = connect({ host: '127.0.0.1', port, onread: { buffer: memory, callback } });
    socket.on('end', () => {
      if (status.startsWith(OK)) resolve(performance.now() - start);
      else reject(new Error(`answered ${status}`));
    });
    socket.on('error', reject);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  });
}

async function body(): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    }).on('error', reject);
  });
}

const times: number[] = [];
for (let n = 0; n < scrapes; n += 1) {
  times.push(await once());
  await delay(PAUSE_MS);
}
const last = await body();
const series = last.toString('latin1').match(/^[^#\n]/gm)?.length ?? 0;
parentPort?.postMessage({ times, series, bytes: last.length });
