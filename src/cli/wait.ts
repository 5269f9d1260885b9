/** Waiting for work of the agent that may take hours. The work is the agent's: it goes on whatever becomes of the command that waits, unless that takes it back. */
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError } from '../lib/errors.ts';
import { formatDuration } from '../lib/units.ts';

/** Pause between two looks, in milliseconds. */
const POLL_MS = 250;
/** Work in which nothing has moved for so long waits for something that no answer tells, a fenced brick for example; in milliseconds. */
const STALL_MS = 120_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `done`: it is over. `mark` changes with whatever moves. */
export type Look<T> = { done: T } | { mark: string };

export interface Patience {
  /** Longest to wait, in milliseconds; 0: for as long as anything moves. */
  timeoutMs: number;
  pollMs?: number;
  stallMs?: number;
  /** Before the process ends by a signal, or an error is thrown: what is shown of the progress ends here. */
  leave?: () => void;
  /** After Ctrl-C, before the process ends: takes back what the command has begun, and says so. A second Ctrl-C does not wait for it. */
  takeBack?: () => Promise<void>;
  /** Ends the process by that signal, for its caller to see. */
  endBy?: (signal: NodeJS.Signals) => void;
}

/**
 * @param look its signal aborts when nobody waits any more
 * @throws AgentError `Timeout` when the time is over or nothing moves, `Aborted` after a signal, and what `look` throws
 */
export async function waitWhile<T>(look: (signal: AbortSignal) => Promise<Look<T>>, patience: Patience): Promise<T> {
  const { leave, takeBack, endBy = (signal: NodeJS.Signals) => void process.kill(process.pid, signal) } = patience;
  const stop = new AbortController();
  const interrupted = Promise.withResolvers<never>();
  let by: NodeJS.Signals | undefined;
  const take = (signal: NodeJS.Signals): void => {
    by = signal;
    stop.abort();
    interrupted.reject(new AgentError('Aborted', `ended by ${signal}; the agent goes on`));
  };
  for (const signal of SIGNALS) process.once(signal, take);
  try {
    return await Promise.race([looks(look, patience, stop.signal), interrupted.promise]);
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, take);
    leave?.();
    // Not when its terminal or its pod goes away: then nobody has said that it is not wanted.
    if (by === 'SIGINT') await takeBack?.();
    if (by !== undefined) endBy(by);
  }
}

async function looks<T>(
  look: (signal: AbortSignal) => Promise<Look<T>>,
  patience: Patience,
  signal: AbortSignal,
): Promise<T> {
  const { timeoutMs, pollMs = POLL_MS, stallMs = STALL_MS } = patience;
  const started = performance.now();
  let mark: string | undefined;
  let movedAt = started;
  for (;;) {
    const seen = await look(signal);
    if ('done' in seen) return seen.done;
    const now = performance.now();
    if (seen.mark !== mark) {
      mark = seen.mark;
      movedAt = now;
    }
    if (timeoutMs > 0 && now - started >= timeoutMs) {
      throw new AgentError('Timeout', `not done after ${formatDuration(timeoutMs)}; the agent goes on with it`);
    }
    if (now - movedAt >= stallMs) {
      const what = `nothing has moved for ${formatDuration(stallMs)}; the agent goes on when it can`;
      throw new AgentError('Timeout', `${what} (brick-agent doctor may tell what it waits for)`);
    }
    await delay(pollMs, undefined, { signal });
  }
}
