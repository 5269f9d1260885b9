/** What the kubelet does for a container: starts a process again whenever it has ended. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../../src/lib/errors.ts';
import type { Daemon } from './daemon.ts';
import type { ExitStatus } from './process.ts';

export interface SupervisorOptions {
  /** Between an end and the next start, in milliseconds; the kubelet's is none at first, and 10 s when that was no use. */
  pauseMs?: number;
}

/** Between two starts that come to nothing, in milliseconds. */
const RETRY_MS = 500;
/** One that ended sooner has never lived, even when it answered: 11.1 listens before it knows that it cannot. In milliseconds. */
const LIVED_MS = 5000;

/** A process of a lab may run for as long as its test. */
const FOREVER_MS = 2 ** 31 - 1;

export class Supervisor {
  /** How each process ended, in order. */
  readonly ends: ExitStatus[] = [];
  /** Wall-clock milliseconds from the end of a process until the next answered. */
  readonly gaps: { from: number; to: number }[] = [];
  /** Starts that came to nothing, by their reason. */
  readonly failures: string[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /** @param daemon has to run */
  constructor(daemon: Daemon, { pauseMs = 0 }: SupervisorOptions = {}) {
    this.#done = this.#run(daemon, pauseMs);
  }

  /** Starts nothing any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(daemon: Daemon, pauseMs: number): Promise<void> {
    const { signal } = this.#stop;
    const stopped = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    let startedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const end = await Promise.race([daemon.exited(FOREVER_MS), stopped]);
      if (end === undefined) return;
      const from = Date.now();
      this.ends.push(end);
      await delay(from - startedAt < LIVED_MS ? RETRY_MS : pauseMs);
      startedAt = Date.now();
      await this.#start(daemon);
      this.gaps.push({ from, to: Date.now() });
    }
  }

  async #start(daemon: Daemon): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await daemon.start();
        return;
      } catch (error) {
        this.failures.push(errorMessage(error));
        await delay(RETRY_MS);
      }
    }
  }
}
