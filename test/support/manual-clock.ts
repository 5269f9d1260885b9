import type { Clock } from '../../src/lib/clock.ts';
import { AgentError } from '../../src/lib/errors.ts';

/** Time that moves only when a test says so. */
export class ManualClock implements Clock {
  #now: number;
  readonly #sleepers: { at: number; wake: () => void }[] = [];

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (signal?.aborted) {
        reject(new AgentError('Aborted', 'sleep was interrupted'));
        return;
      }
      this.#sleepers.push({ at: this.#now + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(new AgentError('Aborted', 'sleep was interrupted')), {
        once: true,
      });
    });
  }

  /** Moves time on and lets everything that was due run. */
  async advance(ms: number): Promise<void> {
    this.#now += ms;
    for (const sleeper of this.#sleepers.filter(({ at }) => at <= this.#now)) {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      sleeper.wake();
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
