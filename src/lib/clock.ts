import { setTimeout as delay } from 'node:timers/promises';
import { AgentError } from './errors.ts';

/** Time as a dependency, so that loops and state machines can be tested without waiting. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch, for people and records; may jump. */
  now(): number;
  /** Monotonic time in milliseconds from an arbitrary start, for durations; never jumps. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with an AgentError `Aborted` when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch (cause) {
      throw new AgentError('Aborted', 'sleep was interrupted', { cause });
    }
  },
};
