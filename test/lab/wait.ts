/** Waiting for a state of the outside world, with an error that says what was seen last. */
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { AgentError, errorMessage } from '../../src/lib/errors.ts';

export interface WaitOptions {
  /** Default 30 s: longer than anything a healthy volume takes (clients reconnect within 4 s). */
  timeoutMs?: number;
  /** Default 50 ms. */
  intervalMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_INTERVAL_MS = 50;

/**
 * Calls `look` until it returns something truthy, and returns that. An exception counts as "not yet".
 *
 * @throws AgentError `Timeout` naming `what` and the last value or error
 */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<Awaited<T>>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const start = performance.now();
  for (;;) {
    let last: string;
    try {
      const value = await look();
      if (value) return value;
      last = inspect(value);
    } catch (error) {
      last = errorMessage(error);
    }
    if (performance.now() - start > timeoutMs) {
      throw new AgentError('Timeout', `waited ${timeoutMs} ms for ${what}; last seen: ${last}`);
    }
    await delay(options.intervalMs ?? DEFAULT_INTERVAL_MS);
  }
}
