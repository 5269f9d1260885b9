/** Wires the quota of a stopped brick together, for the commands that run where no agent does. */
import { ScanWorker } from '../brick/scan/client.ts';
import { BrickWorker } from '../brick/worker/client.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { layoutOf } from '../quota/layout.ts';
import { MEASURE_WIDTH, settleOffline, type MeasurePv, type OfflineReport } from '../quota/offline.ts';
import { BrickMonitor } from './brick-monitor.ts';
import type { Config } from './config/load.ts';
import { createCommandLogger } from './logger.ts';
import { WorkerQuotaBackend } from './quota-adapters.ts';
import { QuotaFileSource } from './quota-file-source.ts';
import { assertBrickStopped } from './stopped-brick.ts';

export interface OfflineRun {
  /** Whether to put right what is wrong, or only to look. */
  write: boolean;
  /** Milliseconds for the measuring. */
  deadlineMs: number;
}

/**
 * @throws AgentError `Conflict` while the brick runs, `BrickFenced` when the directory is not proven to be the brick,
 *   `ConfigInvalid` when the quota file cannot be used (there is no last good one here), `Timeout`, `BrickHung`
 */
export async function runOffline(config: Config, { write, deadlineMs }: OfflineRun): Promise<OfflineReport> {
  await assertBrickStopped(config);
  const log = createCommandLogger(config.logLevel === 'info' ? 'warn' : config.logLevel, { brick: config.brickPath });
  const clock = systemClock;
  const { brickPath, volumeId, brickMount, brickDeadlineMs } = config;
  const worker = new BrickWorker({ brickPath, deadlineMs: brickDeadlineMs, clock, log });
  const monitor = new BrickMonitor({ worker, brickPath, volumeId, brickMount, clock, log, onFenceChange: () => {} });
  const scanners = new Scanners(config, () => monitor.place, clock, log);
  const { signal } = new AbortController();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  try {
    await monitor.pass(signal);
    if (!monitor.fence.open) throw new AgentError('BrickFenced', monitor.fence.reason);
    const layout = layoutOf(config.volumeType, config.brickIndex, config.disperseData);
    const readKadalu = config.kadaluInfo === 'on' && layout.dataFragments === 1 && !layout.isArbiter;
    const report = await settleOffline({
      backend: new WorkerQuotaBackend(worker, readKadalu, () => monitor.place),
      measure: scanners.measure,
      layout,
      quotaFile: await readQuotaFile(config.quotaFile, log, signal),
      clock,
      write,
      deadline: deadline.signal,
      signal,
    });
    // A brick that was started meanwhile may have read half of it, and has counted since.
    await assertBrickStopped(config);
    return report;
  } finally {
    clearTimeout(timer);
    await Promise.all([worker.stop(), scanners.stop()]);
  }
}

async function readQuotaFile(path: string | undefined, log: Log, signal: AbortSignal) {
  if (path === undefined) return undefined;
  const source = new QuotaFileSource(path, log);
  const content = await source.read(signal);
  if (source.error !== undefined) throw new AgentError('ConfigInvalid', `quotaFile ${path}: ${source.error}`);
  return content;
}

/** One scan thread for each PV that is measured at the same time. */
class Scanners {
  readonly #free: ScanWorker[] = [];
  readonly #all: ScanWorker[];
  readonly #place: () => string | undefined;

  constructor(config: Config, place: () => string | undefined, clock: Clock, log: Log) {
    const { brickPath, brickDeadlineMs: deadlineMs } = config;
    this.#all = Array.from({ length: MEASURE_WIDTH }, () => new ScanWorker({ brickPath, deadlineMs, clock, log }));
    this.#free.push(...this.#all);
    this.#place = place;
  }

  readonly measure: MeasurePv = async (path, signal) => {
    const [scanner, place] = [this.#free.pop(), this.#place()];
    if (scanner === undefined || place === undefined) throw new AgentError('Internal', `no scanner for ${path}`);
    try {
      // No client waits for the disk of a stopped brick: all of the time is worked.
      const result = await scanner.scan(path, { place, duty: 1, signal });
      if (result === undefined) return undefined;
      const { counterBytes, files, unreadable, unreadableWhy } = result;
      const incomplete = unreadable === 0 ? undefined : `${unreadable} directories unreadable: ${unreadableWhy}`;
      return { counterBytes: BigInt(counterBytes), files, incomplete };
    } finally {
      this.#free.push(scanner);
    }
  };

  async stop(): Promise<void> {
    await Promise.all(this.#all.map(async (scanner) => await scanner.stop()));
  }
}
