import { sharedPause, type Clock } from './clock.ts';
import { errorMessage, isAgentError, toAgentError, type AgentError } from './errors.ts';
import type { Log } from './log.ts';

/** What a loop says of itself; shown in metrics and by /readyz. Times are wall-clock milliseconds. */
export interface LoopStats {
  name: string;
  runs: number;
  failures: number;
  /** Passes that took longer than the pause between two: what the loop keeps right was late. */
  overruns: number;
  lastSuccessAt: number | undefined;
  lastDurationMs: number | undefined;
  lastError: string | undefined;
}

export interface LoopOptions {
  name: string;
  /** Pause between the end of one pass and the start of the next, in milliseconds; up to half a second less, so that loops wake up together. */
  intervalMs: number;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  /** The first pass waits for it; must settle when the signal fires, and never rejects. Default: at once. */
  begin?: Promise<void> | undefined;
  /** One level-based pass: looks at what is, and moves it towards what should be. */
  pass: (signal: AbortSignal) => Promise<void>;
}

/**
 * Runs a pass again and again until the signal fires. A failed pass is logged here, once (again only when its message
 * changes), and the next one runs as usual: passes are level-based, so nothing has to be remembered between them.
 */
export class Loop {
  readonly stats: LoopStats;
  readonly #options: LoopOptions;
  readonly #done: Promise<void>;
  #wake: (() => void) | undefined;
  #woken = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.stats = {
      name: options.name,
      runs: 0,
      failures: 0,
      overruns: 0,
      lastSuccessAt: undefined,
      lastDurationMs: undefined,
      lastError: undefined,
    };
    this.#done = this.#run();
  }

  /** Starts the next pass now, or right after the one that is running. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves when the signal has fired and the running pass has ended. Never rejects. */
  async stopped(): Promise<void> {
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal, begin } = this.#options;
    if (begin !== undefined) await begin;
    while (!signal.aborted) {
      this.#woken = false;
      await this.#pass();
      if (!this.#woken) await this.#pause();
    }
  }

  async #pass(): Promise<void> {
    const { clock, log, name, pass, signal, intervalMs } = this.#options;
    const start = clock.monotonic();
    this.stats.runs += 1;
    try {
      await pass(signal);
      this.stats.lastSuccessAt = clock.now();
      if (this.stats.lastError !== undefined) log.info({ loop: name }, 'loop recovered');
      this.stats.lastError = undefined;
    } catch (error) {
      if (signal.aborted && isAgentError(error, 'Aborted')) return;
      this.stats.failures += 1;
      this.#logFailure(toAgentError(error));
    } finally {
      const durationMs = clock.monotonic() - start;
      this.stats.lastDurationMs = durationMs;
      if (durationMs > intervalMs) this.stats.overruns += 1;
    }
  }

  #logFailure(error: AgentError): void {
    const message = errorMessage(error);
    if (message === this.stats.lastError) return;
    this.stats.lastError = message;
    this.#options.log.error({ loop: this.#options.name, code: error.code, err: error }, message);
  }

  async #pause(): Promise<void> {
    const { clock, intervalMs, signal } = this.#options;
    const pause = new AbortController();
    const stop = (): void => pause.abort();
    this.#wake = stop;
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (!signal.aborted) await clock.sleep(sharedPause(intervalMs, clock.monotonic()), pause.signal);
    } catch (error) {
      if (!isAgentError(error, 'Aborted')) throw error;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener('abort', stop);
    }
  }
}
