/** Lets works that share a key run one after the other, in the order in which they came; others run beside them. */
import { AgentError } from './errors.ts';

export class KeyTurns<Key> {
  /** Fulfilled when the last work with that key is over. */
  readonly #last = new Map<Key, Promise<void>>();

  /**
   * @param work ends some time: there is no deadline here
   * @throws AgentError `Aborted` when `signal` fires before it is its turn; or what `work` throws
   */
  async run<T>(keys: readonly Key[], work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    // All places are taken at once, so that no two works wait for each other.
    const before = new Set(keys.flatMap((key) => this.#last.get(key) ?? []));
    const over = Promise.withResolvers<void>();
    for (const key of keys) this.#last.set(key, over.promise);
    const turn = before.size === 0 ? undefined : Promise.all(before);
    try {
      if (turn !== undefined) await orAborted(turn, signal);
      return await work();
    } finally {
      // One that was given up in the line still stands between those before and those behind it.
      void Promise.resolve(turn).then(() => this.#end(keys, over));
    }
  }

  #end(keys: readonly Key[], over: PromiseWithResolvers<void>): void {
    for (const key of keys) if (this.#last.get(key) === over.promise) this.#last.delete(key);
    over.resolve();
  }
}

async function orAborted(turn: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new AgentError('Aborted', 'given up while others had their turn'));
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([turn, aborted.promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
