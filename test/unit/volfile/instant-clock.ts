import type { Clock } from '../../../src/lib/clock.ts';
import { AgentError } from '../../../src/lib/errors.ts';

/** Time that passes exactly while somebody sleeps, and takes none. */
export class InstantClock implements Clock {
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new AgentError('Aborted', 'sleep was interrupted');
    this.time += ms;
    await Promise.resolve();
  }
}
