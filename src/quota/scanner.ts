import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { sharedBigint } from '../lib/shared-bigint.ts';
import type { ScanResult } from '../brick/scan/messages.ts';
import type { ScanTotals } from '../brick/scan/tree.ts';
import { shownUsage, type QuotaStatfs } from './live-limit.ts';
import type { Fence, QuotaBackend, QuotaBrick, Targets } from './ports.ts';
import type { UsageScan } from './usage.ts';

/**
 * Part of the time that a scan works. Half leaves the disk to the brick as often as not; with a warm cache 10 million files still
 * take about a minute and a half (measured: some 4 µs a file).
 */
const DUTY = 0.5;
/** Before a PV whose scan failed is tried again, in milliseconds. */
const RETRY_MS = 60_000;
/** A PV is not scanned again before this many times as long as its last scan took, however often the brick restarts. */
const GAP = 20;
/** PVs that have become due since are found after this, in milliseconds, however long the line is. */
const PLAN_MS = 10_000;
/** A scan that is cancelled ends within milliseconds; longer than this, in milliseconds, nobody waits for a disk that does not answer. */
const END_MS = 10_000;
/** Times that the brick's answer may differ from what it has flushed before the answer is believed. */
const LOOKS = 3;

export interface ScanPort {
  /** @returns undefined when there is no such directory */
  scan(
    path: string,
    options: { duty: number; signal: AbortSignal; onProgress: (totals: ScanTotals) => void },
  ): Promise<ScanResult | undefined>;
}

export interface ScanTarget {
  pv: string;
  path: string;
  /** Undefined while the running brick is not known to count the PV. */
  gfid: Gfid | undefined;
  /** The running brick shows less than stands on its disk: it may have forgotten what it had counted. */
  isShort: boolean;
  /** The last scan. */
  last: UsageScan | undefined;
}

export interface ScanProgress {
  pv: string;
  /** Wall-clock milliseconds. */
  startedAt: number;
  files: number;
  diskBytes: number;
  filesPerSecond: number;
  /** From the number of files of the scan before; undefined without one. */
  totalFiles: number | undefined;
  etaMs: number | undefined;
}

export interface ScanStatus {
  running: ScanProgress | undefined;
  /** PVs that somebody asked for and that are not done. */
  requested: string[];
  /** PVs whose last scan failed, and why. */
  failed: { pv: string; message: string }[];
  /** PVs whose last scan somebody cancelled: wall-clock milliseconds. */
  cancelled: { pv: string; at: number }[];
}

export interface ScannerOptions {
  port: ScanPort;
  backend: QuotaBackend;
  brick: QuotaBrick;
  fence: () => Fence;
  targets: Targets<ScanTarget>;
  take: (target: ScanTarget, scan: UsageScan) => void;
  clock: Clock;
  log: Log;
  /** Between two scans of a PV, in milliseconds; 0: only on request. */
  intervalMs: number;
  /** Asks for the next pass; a scan of that PV was asked for, or has ended. */
  wake: (pv: string) => void;
}

interface Running {
  target: ScanTarget;
  startedAt: number;
  startedMonotonic: number;
  totals: ScanTotals | undefined;
  /** Asked for since it began. */
  again: boolean;
  cancelled: boolean;
  stop: AbortController;
  done: Promise<void>;
}

/**
 * Decides which PV is scanned next: those that somebody asked for; then, of those that are due, whose usage the brick seems to
 * have forgotten, and the least recently scanned. One at a time. A pass only starts a scan and comes back: a scan may take hours.
 * Those that are due stand in a line, since a scan of an empty PV takes less time than to look at 10,000 PVs.
 */
export class UsageScanner {
  readonly #options: ScannerOptions;
  readonly #requested = new Set<string>();
  readonly #failed = new Map<string, { at: number; message: string }>();
  /** Until they are scanned again; wall-clock milliseconds, and the brick's connection at that time. */
  readonly #cancelled = new Map<string, { at: number; generation: number }>();
  /** Due when it was made, the next one last. */
  #line: string[] = [];
  #plannedAt = Number.NEGATIVE_INFINITY;
  #running: Running | undefined;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  async pass(signal: AbortSignal): Promise<void> {
    const { fence } = this.#options;
    if (this.#running !== undefined) {
      if (!fence().open) this.#running.stop.abort();
      return;
    }
    if (!fence().open || signal.aborted) return;
    const target = this.#next();
    if (target !== undefined) this.#start(target, signal);
  }

  /**
   * Scans a PV before all that nobody asked for. Asking again while it waits changes nothing; while it is being scanned, it is
   * scanned once more, since what that scan has passed may have changed since.
   *
   * @throws AgentError `NotFound`, `BrickFenced`
   */
  request(pv: string): void {
    if (this.#options.targets.get(pv) === undefined) {
      throw new AgentError('NotFound', `no PV "${pv}" to scan on this brick`);
    }
    const fence = this.#options.fence();
    if (!fence.open) throw new AgentError('BrickFenced', `the brick is fenced: ${fence.reason}`);
    if (this.#running?.target.pv === pv) this.#running.again = true;
    this.#requested.add(pv);
    this.#cancelled.delete(pv);
    this.#options.wake(pv);
  }

  /**
   * Gives up the scan of a PV that runs or waits for its turn; what was measured before stays. By itself the PV is scanned again when
   * the interval is over, or when the brick may be another process. Resolves when that scan runs no more.
   *
   * @returns false when there was none
   * @throws AgentError `NotFound`; `Timeout` when the disk keeps the scan from ending
   */
  async cancel(pv: string): Promise<boolean> {
    const wasAsked = this.#requested.delete(pv);
    const running = this.#running?.target.pv === pv ? this.#running : undefined;
    if (running === undefined && !wasAsked) {
      if (this.#options.targets.get(pv) !== undefined) return false;
      throw new AgentError('NotFound', `no PV "${pv}" to scan on this brick`);
    }
    const { clock, brick, wake } = this.#options;
    this.#cancelled.set(pv, { at: clock.now(), generation: brick.generation });
    wake(pv);
    if (running === undefined) return true;
    running.again = false;
    running.cancelled = true;
    running.stop.abort();
    await withDeadline(END_MS, `the end of the scan of ${pv}`, async () => await running.done);
    return true;
  }

  /** Whether the last one that ran or waited was cancelled. */
  isCancelled(pv: string): boolean {
    return this.#cancelled.has(pv);
  }

  /** Whether a scan of it runs or waits for its turn. */
  isPending(pv: string): boolean {
    return this.#requested.has(pv) || this.#running?.target.pv === pv;
  }

  status(): ScanStatus {
    const running = this.#running === undefined ? undefined : this.#progress(this.#running);
    const requested = [...this.#requested];
    const failed = [...this.#failed].map(([pv, { message }]) => ({ pv, message }));
    return { running, requested, failed, cancelled: [...this.#cancelled].map(([pv, { at }]) => ({ pv, at })) };
  }

  /** Resolves when no scan runs any more. Never rejects. */
  async settled(): Promise<void> {
    await this.#running?.done;
  }

  #next(): ScanTarget | undefined {
    const { targets } = this.#options;
    for (const pv of this.#requested) {
      const target = targets.get(pv);
      if (target !== undefined) return target;
      this.#requested.delete(pv);
    }
    const isOld = this.#options.clock.monotonic() - this.#plannedAt >= PLAN_MS;
    if (isOld || this.#line.length === 0) this.#plan();
    for (let pv = this.#line.pop(); pv !== undefined; pv = this.#line.pop()) {
      const target = targets.get(pv);
      if (target !== undefined && this.#isDue(target)) return target;
    }
    return undefined;
  }

  #plan(): void {
    const { targets, clock } = this.#options;
    this.#plannedAt = clock.monotonic();
    for (const memory of [this.#failed, this.#cancelled]) {
      for (const pv of memory.keys()) if (targets.get(pv) === undefined) memory.delete(pv);
    }
    const due = targets.all().filter((target) => this.#isDue(target));
    // Those with equal times in the order in which they came: the line is taken from its end.
    this.#line = due
      .toReversed()
      .sort(byTurn)
      .map(({ pv }) => pv);
  }

  #isDue({ pv, last, gfid }: ScanTarget): boolean {
    const { intervalMs, clock, brick } = this.#options;
    if (intervalMs === 0) return false;
    const failed = this.#failed.get(pv);
    if (failed !== undefined && clock.monotonic() - failed.at < RETRY_MS) return false;
    const cancelled = this.#cancelled.get(pv);
    if (cancelled?.generation === brick.generation && clock.now() - cancelled.at < intervalMs) return false;
    if (last === undefined) return true;
    const ageMs = clock.now() - last.at;
    if (ageMs < GAP * last.durationMs) return false;
    // The counter can be compared from now on; a new brick process starts from what was flushed last, and whether that was all
    // only a scan can tell.
    const isNews = gfid !== undefined && (!last.counted || last.brickGeneration !== brick.generation);
    return isNews || ageMs >= intervalMs;
  }

  #start(target: ScanTarget, signal: AbortSignal): void {
    const { clock, log, wake } = this.#options;
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort, { once: true });
    const running: Running = {
      target,
      startedAt: clock.now(),
      startedMonotonic: clock.monotonic(),
      totals: undefined,
      again: false,
      cancelled: false,
      stop,
      done: Promise.resolve(),
    };
    this.#running = running;
    running.done = this.#run(running, stop.signal)
      .then(
        () => {
          this.#failed.delete(target.pv);
          // Also of one that was at its end when somebody cancelled it.
          this.#cancelled.delete(target.pv);
        },
        (error: unknown) => {
          if (stop.signal.aborted && isAgentError(error, 'Aborted')) return;
          const message = errorMessage(error);
          if (this.#failed.get(target.pv)?.message !== message) log.warn({ pv: target.pv, err: error }, 'scan failed');
          this.#failed.set(target.pv, { at: clock.monotonic(), message });
        },
      )
      .finally(() => {
        signal.removeEventListener('abort', abort);
        if (!running.again) this.#requested.delete(target.pv);
        this.#running = undefined;
        wake(target.pv);
      });
  }

  async #run(running: Running, signal: AbortSignal): Promise<void> {
    const { port, take, clock, log, brick } = this.#options;
    const { target } = running;
    const counterBefore = await this.#counter(target, signal);
    const generation = brick.generation;
    const result = await port.scan(target.path, {
      duty: DUTY,
      signal,
      onProgress: (totals) => {
        running.totals = totals;
      },
    });
    if (result === undefined) throw new AgentError('NotFound', `${target.path} is not on this brick`);
    const counterAfter = await this.#counter(target, signal);
    // Two processes' counters are no two readings of one.
    const sameProcess = brick.generation === generation;
    const scan: UsageScan = {
      at: clock.now(),
      diskBytes: sharedBigint(BigInt(result.diskBytes)),
      expectedCounter: sharedBigint(BigInt(result.counterBytes)),
      counterBefore: sameProcess ? counterBefore : undefined,
      counterAfter: sameProcess ? counterAfter : undefined,
      files: result.files,
      directories: result.directories,
      durationMs: result.durationMs,
      incomplete: incompleteWhy(result),
      counted: target.gfid !== undefined,
      brickGeneration: generation,
    };
    log.debug({ pv: target.pv, files: scan.files, ms: Math.round(scan.durationMs) }, 'PV scanned');
    take(target, scan);
  }

  /**
   * The counter after a flush, to the byte where brick and disk agree; undefined where the brick keeps none or does not answer.
   *
   * A brick that was restarted may have begun to count at 0 (a client's look-up by the parent's gfid came before any from the
   * root, measured on 11.1), and leaves the disk as it is until the PV is written: then what it shows is its counter.
   */
  async #counter({ gfid, path }: ScanTarget, signal: AbortSignal): Promise<bigint | undefined> {
    const { brick, backend } = this.#options;
    if (gfid === undefined || !brick.isUp || brick.hasSimpleQuota === false) return undefined;
    for (let look = 1; ; look += 1) {
      const statfs = await this.#statfs(gfid, signal);
      if (statfs?.simpleQuota !== true) return undefined;
      const [read] = await backend.read([path], signal);
      if (read?.kind !== 'present' || read.quota.sizeBytes === 'Malformed') return undefined;
      // A brick that has counted nothing yet writes nothing.
      const onDisk = sharedBigint(read.quota.sizeBytes ?? 0n);
      const shown = shownUsage(statfs);
      if (shown === undefined || shown === roundedDown(onDisk, statfs.blockSize)) return onDisk;
      // Somebody else may have flushed between the two.
      if (look === LOOKS) return shown;
    }
  }

  async #statfs(gfid: Gfid, signal: AbortSignal): Promise<QuotaStatfs | undefined> {
    try {
      return await this.#options.brick.statfs(gfid, signal);
    } catch (error) {
      // The scan is worth its time without the brick's word.
      if (isAgentError(error, 'RpcDisconnected', 'GlusterError', 'Timeout')) return undefined;
      throw error;
    }
  }

  #progress({ target, startedAt, startedMonotonic, totals }: Running): ScanProgress {
    const seconds = (this.#options.clock.monotonic() - startedMonotonic) / 1000;
    const files = totals?.files ?? 0;
    const filesPerSecond = seconds > 0 ? files / seconds : 0;
    const totalFiles = target.last?.files;
    const isKnown = totalFiles !== undefined && filesPerSecond > 0;
    return {
      pv: target.pv,
      startedAt,
      files,
      diskBytes: totals?.diskBytes ?? 0,
      filesPerSecond,
      totalFiles,
      etaMs: isKnown ? (Math.max(0, totalFiles - files) / filesPerSecond) * 1000 : undefined,
    };
  }
}

function roundedDown(bytes: bigint, blockSize: bigint): bigint {
  return bytes - (bytes % blockSize);
}

/** The one whose turn is first comes last. */
function byTurn(a: ScanTarget, b: ScanTarget): number {
  if (a.isShort !== b.isShort) return a.isShort ? 1 : -1;
  return scannedAt(a) === scannedAt(b) ? 0 : scannedAt(b) - scannedAt(a);
}

function scannedAt({ last }: ScanTarget): number {
  return last?.at ?? Number.NEGATIVE_INFINITY;
}

function incompleteWhy({ unreadable, unreadableWhy }: ScanTotals): string | undefined {
  if (unreadable === 0) return undefined;
  return unreadable === 1 ? unreadableWhy : `${unreadableWhy}, and ${unreadable - 1} more directories`;
}
