/**
 * The agent's ops listener over thousands of PVs as they are in its memory, a process of its own: to be started with the flags of the agent's first line.
 * Tells its port; asked for it, what it took since it was asked last.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createOpsServer } from '../src/agent/http/ops-server.ts';
import { listenTcp } from '../src/agent/http/listen.ts';
import { silentLog } from '../src/lib/log.ts';
import { quotaCollector } from '../src/metrics/collectors/quota.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import { FakeDisruption, silentPino } from '../test/support/fake-api.ts';
import { fixedCollectors, pvState, scanned } from '../test/support/metric-sources.ts';

/** What the agent took. */
export interface Taken {
  /** CPU time of the thread that answers, in milliseconds; who else is busy on the machine does not change it much. */
  cpuMs: number;
  /** Delay of its event loop: 99 of 100 are shorter. */
  loopDelayP99Ms: number;
}

const LIMIT_BYTES = 1n << 30n;
/** Of the histogram of delays, in milliseconds: finer than what is looked for. */
const RESOLUTION_MS = 1;

const states = Array.from({ length: Number(process.argv[2]) }, (_, n) =>
  scanned(pvState(`pvc-${crypto.randomUUID()}`, LIMIT_BYTES + BigInt(n) * 4096n, true)),
);
const others = fixedCollectors().filter(({ name }) => name !== 'quota');
const quota = quotaCollector({ hasSynced: true, refusals: [], states: () => states });
const registry = new MetricsRegistry([...others, quota], { volume: 'pool1' }, silentLog);
const server = createOpsServer(
  {
    livez: [],
    readyz: [],
    page: undefined,
    preStop: async () => await new FakeDisruption().preStop(0),
    brick: { livez: [], readyz: [], startupz: [], shdLivez: [] },
    metrics: (request) => registry.render(request),
  },
  silentPino,
);
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let cpu = process.threadCpuUsage();
process.on('message', () => {
  const { user, system } = process.threadCpuUsage(cpu);
  const loopDelayP99Ms = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
  process.send?.({ cpuMs: (user + system) / 1000, loopDelayP99Ms } satisfies Taken);
  delay.reset();
  cpu = process.threadCpuUsage();
});
process.on('disconnect', () => process.exit());
process.send?.(await listenTcp(server, 'opsListen', '127.0.0.1:0'));
