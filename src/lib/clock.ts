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

/** Pauses end on multiples of it, in monotonic milliseconds. */
const GRID_MS = 500;
/** Shorter pauses are as they are asked for. */
const GRID_FROM_MS = 2_000;
/** A timer may fire this much early, in milliseconds; the pause after it is still a whole one. */
const EARLY_MS = 20;

/**
 * A pause of that length or a little less, that ends when others end: a process that wakes up finds its caches cold, and to wake up for one loop
 * after the other is a quarter of what an idle agent costs (measured).
 *
 * @param now monotonic milliseconds
 */
export function sharedPause(ms: number, now: number): number {
  if (ms < GRID_FROM_MS) return ms;
  return Math.ceil(Math.floor((now + ms + EARLY_MS) / GRID_MS) * GRID_MS - now);
}
