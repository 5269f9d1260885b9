import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { isAgentError } from './errors.ts';

export interface RecentOptions<T> {
  /** Named in errors. */
  what: string;
  ask: (signal: AbortSignal) => Promise<T>;
  clock: Clock;
  signal: AbortSignal;
  /** An answer this young is not asked for again. All in milliseconds. */
  reuseMs: number;
  /** Longest that `refresh` waits. */
  waitMs: number;
  /** Longest that one question stays open. */
  deadlineMs: number;
  /** An older answer is none. */
  staleMs: number;
  /** Once for each question that failed; not for a shutdown. */
  onFailure: (error: unknown) => void;
}

/**
 * The last answer of somebody who may be slow or gone, for those who cannot wait for him. One question is open at a time, and
 * who did not answer in time once is asked without waiting until he answers.
 */
export class Recent<T> {
  readonly #options: RecentOptions<T>;
  #answer: { value: T; at: number } | undefined;
  #open: Promise<void> | undefined;
  #isSlow = false;

  constructor(options: RecentOptions<T>) {
    this.#options = options;
  }

  /** Undefined: there is none that is young enough. */
  get value(): T | undefined {
    const { clock, staleMs } = this.#options;
    const answer = this.#answer;
    return answer === undefined || clock.monotonic() - answer.at > staleMs ? undefined : answer.value;
  }

  /** Asks unless there is a young answer or an open question. Never rejects. */
  async refresh(): Promise<void> {
    const { clock, reuseMs, waitMs } = this.#options;
    const answer = this.#answer;
    if (this.#open === undefined && answer !== undefined && clock.monotonic() - answer.at < reuseMs) return;
    this.#open ??= this.#ask();
    if (this.#isSlow) return;
    const open = this.#open;
    const done = new AbortController();
    const late = clock.sleep(waitMs, done.signal).then(
      () => (this.#isSlow = true),
      // Answered in time.
      () => undefined,
    );
    await Promise.race([open, late]);
    done.abort();
  }

  async #ask(): Promise<void> {
    const { what, ask, clock, signal, deadlineMs, onFailure } = this.#options;
    try {
      const value = await withDeadline(deadlineMs, what, ask, signal);
      this.#answer = { value, at: clock.monotonic() };
      this.#isSlow = false;
    } catch (error) {
      // Who refuses at once is no burden to wait for.
      this.#isSlow = isAgentError(error, 'Timeout');
      if (!isAgentError(error, 'Aborted')) onFailure(error);
    } finally {
      this.#open = undefined;
    }
  }
}
