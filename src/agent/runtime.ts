/** What this process knows of itself, for metrics. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { RuntimeSnapshot } from '../metrics/collectors/runtime.ts';

/** How often the event loop is looked at, in milliseconds. Each look wakes the process: 10 ms cost 0.7 % of a core, 100 ms 0.1 %. */
const LAG_RESOLUTION_MS = 100;

export class RuntimeMonitor {
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #startTimeSeconds = (Date.now() - process.uptime() * 1000) / 1000;

  start(): void {
    this.#lag.enable();
  }

  stop(): void {
    this.#lag.disable();
  }

  /** Reads /proc/self, which is memory and never blocks; begins a new measurement of the event loop. */
  snapshot(): RuntimeSnapshot {
    const { user, system } = process.cpuUsage();
    const memory = process.memoryUsage();
    return {
      nodeVersion: process.version,
      startTimeSeconds: this.#startTimeSeconds,
      cpuSeconds: (user + system) / 1e6,
      residentBytes: memory.rss,
      virtualBytes: virtualBytes(),
      openFds: openFds(),
      maxFds: maxFds(),
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external,
      eventLoopLag: this.#takeLag(),
    };
  }

  #takeLag(): RuntimeSnapshot['eventLoopLag'] {
    const lag = this.#lag;
    if (lag.count === 0) return undefined;
    // The histogram holds the time between two looks; what is more than the pause between them is delay.
    const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1000);
    const taken = {
      meanSeconds: seconds(lag.mean),
      p99Seconds: seconds(lag.percentile(99)),
      maxSeconds: seconds(lag.max),
    };
    lag.reset();
    return taken;
  }
}

function virtualBytes(): number | undefined {
  const kib = /^VmSize:\s+(\d+) kB$/m.exec(readProc('status'))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

function maxFds(): number | undefined {
  const limit = /^Max open files\s+(\d+)/m.exec(readProc('limits'))?.[1];
  return limit === undefined ? undefined : Number(limit);
}

function openFds(): number | undefined {
  try {
    // One of them is the descriptor of the listing itself.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    // No /proc: not Linux. The series is left out.
    return undefined;
  }
}

function readProc(file: string): string {
  try {
    return readFileSync(`/proc/self/${file}`, 'utf8');
  } catch {
    return '';
  }
}
