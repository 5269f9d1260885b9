import { AgentError } from './errors.ts';

/**
 * Runs `work` with a deadline.
 *
 * @param ms deadline in milliseconds
 * @param what named in the error, e.g. "STATFS on /bricks/a"
 * @param parent aborting it aborts the work as well
 * @throws AgentError `Timeout` when the deadline passes, `Aborted` when the parent fires; the signal given to `work` is
 *   aborted in both cases, so that it can release what it holds.
 */
export async function withDeadline<T>(
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  return await new Promise<T>((resolve, reject) => {
    const fail = (error: AgentError): void => {
      cleanup();
      controller.abort(error);
      reject(error);
    };
    const timer = setTimeout(() => fail(new AgentError('Timeout', `${what}: no answer within ${ms} ms`)), ms);
    const onAbort = (): void => fail(new AgentError('Aborted', `${what}: given up`, { cause: parent?.reason }));
    const cleanup = (): void => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', onAbort);
    };
    if (parent?.aborted) {
      onAbort();
      return;
    }
    parent?.addEventListener('abort', onAbort, { once: true });
    work(controller.signal).then(
      (value) => {
        cleanup();
        resolve(value);
      },
      (error: unknown) => {
        cleanup();
        reject(error instanceof Error ? error : new AgentError('Internal', String(error)));
      },
    );
  });
}
