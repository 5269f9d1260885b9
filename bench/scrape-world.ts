/** The agent's ops listener over thousands of PVs as they are in its memory; a thread of its own plays Prometheus. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { createOpsServer } from '../src/agent/http/ops-server.ts';
import { listenTcp } from '../src/agent/http/listen.ts';
import { silentLog } from '../src/lib/log.ts';
import { quotaCollector } from '../src/metrics/collectors/quota.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import type { PvState } from '../src/quota/pv-state.ts';
import { FakeDisruption, silentPino } from '../test/support/fake-api.ts';
import { fixedCollectors, pvState, scanned } from '../test/support/metric-sources.ts';

const LIMIT_BYTES = 1n << 30n;
const WARM_UP = 20;
/** Of the histogram of delays, in milliseconds: finer than what is looked for. */
const RESOLUTION_MS = 1;

export interface ScrapeTimes {
  p50Ms: number;
  p99Ms: number;
  /** Delay of the event loop of the one who answers. */
  loopDelayP99Ms: number;
  /** CPU time of the thread that answers, by scrape; who else is busy on the machine does not change it much. */
  cpuMs: number;
  series: number;
  bytes: number;
}

export async function scrapePvs(pvs: number, scrapes: number): Promise<ScrapeTimes> {
  const states: PvState[] = [];
  for (let n = 0; n < pvs; n += 1) {
    states.push(scanned(pvState(`pvc-${crypto.randomUUID()}`, LIMIT_BYTES + BigInt(n) * 4096n, true)));
  }
  const others = fixedCollectors().filter(({ name }) => name !== 'quota');
  const quota = quotaCollector({ hasSynced: true, refusals: [], states: () => states });
  const registry = new MetricsRegistry([...others, quota], { volume: 'pool1' }, silentLog);
  const probes = { livez: [], readyz: [], startupz: [], shdLivez: [] };
  const server = createOpsServer(
    {
      livez: [],
      readyz: [],
      page: undefined,
      preStop: async () => await new FakeDisruption().preStop(0),
      brick: probes,
      metrics: (request) => registry.render(request),
    },
    silentPino,
  );
  const port = await listenTcp(server, 'opsListen', '127.0.0.1:0');
  try {
    await scrape(port, WARM_UP);
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    const cpu = process.threadCpuUsage();
    const { times, series, bytes } = await scrape(port, scrapes);
    const { user, system } = process.threadCpuUsage(cpu);
    delay.disable();
    const sorted = times.toSorted((a, b) => a - b);
    const percentile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
    const lateMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    return {
      p50Ms: percentile(0.5),
      p99Ms: percentile(0.99),
      loopDelayP99Ms: lateMs(delay.percentile(99)),
      cpuMs: (user + system) / 1000 / scrapes,
      series,
      bytes,
    };
  } finally {
    await server.close();
  }
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
