/**
 * The probes for the containers of brick and self-heal daemon. Loops do the asking; a probe's request is answered from what they
 * found, so that it takes no longer when the brick does.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID } from '../lib/gfid.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import type { ManagementClient } from '../rpc/management-client.ts';
import {
  judgeAnswers,
  judgeHealthCheck,
  judgeProcess,
  judgeStarted,
  judgeStatfs,
  type Patience,
  type StatfsResult,
} from './brick-probes.ts';
import type { HealthCheck } from './health.ts';
import type { ProcessMonitor } from './process-monitor.ts';
import { ProcessWatch } from './process-watch.ts';

/** Tries that fit into the time after which a process counts as dead; more than are needed, because some may prove nothing. */
const TRIES_PER_SPAN = 6;
/** Pause between two tries, in milliseconds, where the span allows it: the brick client's own. */
const TRY_INTERVAL_MS = 5_000;
/** Time-out of one try, in milliseconds, where the span allows it: the brick client's own. */
const TRY_TIMEOUT_MS = 2_000;
/**
 * The self-heal daemon waits for a frozen brick for twice its ping time-out of 42 s (82.5 s measured on 11.1), and nobody but
 * the heal waits for it: it gets this many times the brick's span.
 */
const SHD_PATIENCE = 3;
/** Passes that may be missed, each with its pause, before facts are stale. */
const STALE_PASSES = 3;

/** What the time for a verdict means for those who ask; all in milliseconds. */
export interface ProbeTimes {
  tryIntervalMs: number;
  tryTimeoutMs: number;
  processIntervalMs: number;
  brick: Patience;
  shd: Patience;
  statfsIntervalMs: number;
  /** For the disk's answer. */
  statfsDeadlineMs: number;
  statfsStaleMs: number;
}

/** @param statfsDeadlineMs for the disk's answer */
export function probeTimes(livenessMs: number, identityIntervalMs: number, statfsDeadlineMs: number): ProbeTimes {
  const share = Math.max(1, Math.floor(livenessMs / TRIES_PER_SPAN));
  const processIntervalMs = Math.min(identityIntervalMs, share);
  // A look at /proc may take some seconds where it is stuck.
  const staleMs = STALE_PASSES * (processIntervalMs + TRY_TIMEOUT_MS);
  return {
    tryIntervalMs: Math.min(TRY_INTERVAL_MS, share),
    tryTimeoutMs: Math.min(TRY_TIMEOUT_MS, share),
    processIntervalMs,
    brick: { spanMs: livenessMs, staleMs },
    shd: { spanMs: SHD_PATIENCE * livenessMs, staleMs },
    statfsIntervalMs: TRY_INTERVAL_MS,
    statfsDeadlineMs,
    statfsStaleMs: STALE_PASSES * TRY_INTERVAL_MS + statfsDeadlineMs,
  };
}

export interface BrickWatchOptions {
  clock: Clock;
  times: ProbeTimes;
  brick: Pick<BrickClient, 'statfs'>;
  shd: Pick<ManagementClient, 'null'>;
  processes: ProcessMonitor;
  diskHangs: () => boolean;
  /** The heal backlog is progressing. */
  heals: () => boolean;
  /** When the health check of this brick process last wrote, in wall-clock milliseconds. */
  healthCheckAt: () => number | undefined;
  /** An older one is a failure, in milliseconds. */
  healthCheckStaleMs: number;
}

export class BrickWatch {
  readonly brick: ProcessWatch;
  readonly shd: ProcessWatch;
  readonly #options: BrickWatchOptions;
  #statfs: StatfsResult | undefined;
  #writableBytes: bigint | undefined;
  #statfsAnswers = 0;

  constructor(options: BrickWatchOptions) {
    const { clock, diskHangs, heals } = options;
    this.#options = options;
    this.brick = new ProcessWatch({ clock, diskHangs, heals });
    this.shd = new ProcessWatch({ clock, diskHangs: () => false, heals });
  }

  /** How many STATFS the brick has answered since the agent's start. */
  get statfsAnswers(): number {
    return this.#statfsAnswers;
  }

  /** What the brick says is available, which is what is free less what it keeps back (`reserve`), where that is less; undefined: it has not answered lately. */
  get writableBytes(): bigint | undefined {
    return this.statfsCheck().check().ok ? this.#writableBytes : undefined;
  }

  async processPass(): Promise<void> {
    const { processes } = this.#options;
    await processes.pass();
    for (const view of processes.views) this[view.process].look(view);
  }

  /** A STATFS of the root, which the brick's io-threads take to its disk. Never rejects but for a shutdown. */
  async statfsPass(signal: AbortSignal): Promise<void> {
    const { brick, clock, times } = this.#options;
    let error: string | undefined;
    try {
      const { blockSize, available } = await brick.statfs(ROOT_GFID, {
        pid: PID.client,
        signal,
        timeoutMs: times.statfsDeadlineMs,
      });
      this.#statfsAnswers += 1;
      this.#writableBytes = blockSize * available;
    } catch (reason) {
      this.#writableBytes = undefined;
      if (isAgentError(reason, 'Aborted')) throw reason;
      error = errorMessage(reason);
    }
    this.#statfs = { at: clock.monotonic(), error };
  }

  /** Never rejects but for a shutdown: that the daemon does not answer is what this is to find out. */
  async shdPass(signal: AbortSignal): Promise<void> {
    const { shd, times } = this.#options;
    try {
      await withDeadline(times.tryTimeoutMs, 'asking the self-heal daemon', async (own) => await shd.null(own), signal);
      this.shd.note(undefined);
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.shd.note(error);
    }
  }

  brickLiveness(): HealthCheck[] {
    return liveness(this.brick, this.#options.times.brick, 'port');
  }

  brickStartup(): HealthCheck[] {
    return [{ name: 'answered', check: () => judgeStarted(this.brick.facts()) }];
  }

  shdLiveness(): HealthCheck[] {
    return liveness(this.shd, this.#options.times.shd, 'socket');
  }

  /** For readiness: the brick can write to its disk. */
  healthCheck(): HealthCheck {
    const { clock, healthCheckAt, healthCheckStaleMs } = this.#options;
    return { name: 'health-check', check: () => judgeHealthCheck(healthCheckAt(), clock.now(), healthCheckStaleMs) };
  }

  /** For readiness: the graph, its threads and the disk answer. */
  statfsCheck(): HealthCheck {
    const { clock, times } = this.#options;
    return { name: 'statfs', check: () => judgeStatfs(this.#statfs, clock.monotonic(), times.statfsStaleMs) };
  }
}

function liveness(watch: ProcessWatch, patience: Patience, listener: string): HealthCheck[] {
  return [
    { name: 'process', check: () => judgeProcess(watch.facts(), patience) },
    { name: listener, check: () => judgeAnswers(watch.facts(), patience) },
  ];
}
