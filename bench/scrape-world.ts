/** An agent of thousands of PVs with the flags that it is shipped with; a thread of this process plays Prometheus. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Taken } from './scrape-agent.ts';

const WARM_UP = 20;

export interface ScrapeTimes {
  p50Ms: number;
  p99Ms: number;
  /** Delay of the event loop of the one who answers. */
  loopDelayP99Ms: number;
  /** CPU time of the thread that answers, by scrape. */
  cpuMs: number;
  series: number;
  bytes: number;
}

export async function scrapePvs(pvs: number, scrapes: number): Promise<ScrapeTimes> {
  const agent = await startAgent(pvs);
  try {
    const port = await told<number>(agent);
    await scrape(port, WARM_UP);
    await taken(agent);
    const { times, series, bytes } = await scrape(port, scrapes);
    const { cpuMs, loopDelayP99Ms } = await taken(agent);
    const sorted = times.toSorted((a, b) => a - b);
    const percentile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
    return {
      p50Ms: percentile(0.5),
      p99Ms: percentile(0.99),
      loopDelayP99Ms,
      cpuMs: cpuMs / scrapes,
      series,
      bytes,
    };
  } finally {
    agent.kill();
  }
}

async function startAgent(pvs: number): Promise<ChildProcess> {
  const [firstLine = ''] = (await readFile(new URL('../src/main.ts', import.meta.url), 'utf8')).split('\n');
  const interpreter = firstLine.replace('#!/usr/bin/env -S ', '');
  const script = fileURLToPath(new URL('scrape-agent.ts', import.meta.url));
  return spawn('env', ['-S', `${interpreter} ${script} ${pvs}`], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** What it took since it was asked last. */
async function taken(agent: ChildProcess): Promise<Taken> {
  const answer = told<Taken>(agent);
  agent.send('taken');
  return await answer;
}

/** @throws when it ends instead */
async function told<T>(agent: ChildProcess): Promise<T> {
  const ended = once(agent, 'exit').then(() => {
    throw new Error('the agent has ended');
  });
  const [message] = await Promise.race([once(agent, 'message'), ended]);
  return message;
}

export interface Scraped {
  times: number[];
  series: number;
  bytes: number;
}

/** From another thread: what reads must not hold up what writes. */
export async function scrape(port: number, scrapes: number): Promise<Scraped> {
  const worker = new Worker(new URL('scrape-thread.ts', import.meta.url), { workerData: { port, scrapes } });
  return await new Promise<Scraped>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
