import type { Worker } from 'node:worker_threads';

/** A thread that is not in a system call ends within milliseconds; a busy machine gets this long. */
const END_DEADLINE_MS = 1_000;

/**
 * Ends a worker thread.
 *
 * @returns false when it does not end: a system call on the brick holds it, and nothing but the end of the process gets it out.
 *   `process.exit()` is no such end, it waits for the thread.
 */
export async function endThread(worker: Worker): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), END_DEADLINE_MS);
  worker.unref();
  void worker.terminate().then(() => resolve(true));
  const hasEnded = await promise;
  clearTimeout(timer);
  return hasEnded;
}
