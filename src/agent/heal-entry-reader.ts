/**
 * Reads the entries of the heal indices in a thread of its own, which is there only while somebody asks: to list a million names
 * takes a second, and the control worker's calls must not wait behind that.
 */
import { BrickWorker, type BrickWorkerOptions } from '../brick/worker/client.ts';
import type { HealPage } from '../brick/heal-entries.ts';
import type { BrickOps } from '../brick/worker/messages.ts';
import type { EntrySource, FoundObject } from '../heal/ports.ts';

/** A cold listing of ten million names on a slow disk; in milliseconds. */
const DEADLINE_MS = 60_000;
/** Somebody who pages by hand asks again within this, in milliseconds. */
const IDLE_MS = 60_000;

export class HealEntryReader implements EntrySource {
  readonly #options: BrickWorkerOptions;
  #worker: BrickWorker | undefined;
  #calls = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: Omit<BrickWorkerOptions, 'deadlineMs'>) {
    this.#options = { ...options, deadlineMs: DEADLINE_MS };
  }

  async page(request: BrickOps['healPage']['input'], signal: AbortSignal): Promise<HealPage | undefined> {
    return await this.#use(async (worker) => await worker.call('healPage', request, { signal }));
  }

  async object(wanted: BrickOps['healObject']['input'], signal: AbortSignal): Promise<FoundObject | undefined> {
    return await this.#use(async (worker) => await worker.call('healObject', wanted, { signal }));
  }

  /** Ends the thread. @returns false when a system call holds it */
  async stop(): Promise<boolean> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    return worker === undefined || (await worker.stop());
  }

  async #use<T>(work: (worker: BrickWorker) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#worker ??= new BrickWorker(this.#options);
    this.#calls += 1;
    try {
      return await work(this.#worker);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#rest();
    }
  }

  #rest(): void {
    this.#idle = setTimeout(() => {
      // A thread that hangs is kept: another one would hang as well.
      if (this.#calls === 0 && this.#worker?.hungSince === undefined) void this.stop();
    }, IDLE_MS);
    this.#idle.unref();
  }
}
