/** Opening the stream socket that a connection speaks over, with a time-out and a way to give up. */
import { connect, type Socket } from 'node:net';
import { AgentError, errnoOf } from '../lib/errors.ts';

/** Finds a peer that vanished without a word; the kernel's default of two hours is too long. */
const KEEP_ALIVE_MS = 30_000;

export type RpcAddress = { path: string } | { host: string; port: number };

/**
 * @param timeoutMs milliseconds
 * @param adopt takes the socket over in the turn in which it connects, so that no event of it goes unheard
 * @throws AgentError `RpcDisconnected` when nothing listens, `Timeout`, `Aborted`
 */
export async function openSocket<T>(
  address: RpcAddress,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  adopt: (socket: Socket) => T,
): Promise<T> {
  const name = addressName(address);
  return await new Promise<T>((resolve, reject) => {
    if (signal?.aborted) {
      reject(new AgentError('Aborted', `connecting to ${name}: given up`));
      return;
    }
    const socket = connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('connect', onConnect);
    };
    const fail = (error: AgentError): void => {
      settle();
      // A socket that is being destroyed may still report an error; nobody is interested any more.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new AgentError('Aborted', `connecting to ${name}: given up`));
    const timer = setTimeout(
      () => fail(new AgentError('Timeout', `connecting to ${name}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    const onError = (cause: Error): void => {
      fail(disconnected(name, `cannot connect (${errnoOf(cause) ?? cause.message})`, cause));
    };
    const onConnect = (): void => {
      if (isSelfConnected(socket)) {
        fail(disconnected(name, 'cannot connect (nobody listens)'));
        return;
      }
      settle();
      resolve(adopt(socket));
    };
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}

export function addressName(address: RpcAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

/** @param name of the address; @param cause an AgentError's message is repeated, since it says more than ours */
export function disconnected(name: string, why: string, cause?: Error): AgentError {
  const because = cause instanceof AgentError ? `: ${cause.message}` : '';
  return new AgentError('RpcDisconnected', `${name}: ${why}${because}`, cause === undefined ? {} : { cause });
}

/**
 * When nobody listens on a local port of the ephemeral range, TCP may connect a socket to itself. It would keep the brick from
 * taking its port, and answer nothing.
 */
function isSelfConnected(socket: Socket): boolean {
  return (
    socket.localPort !== undefined &&
    socket.localPort === socket.remotePort &&
    socket.localAddress === socket.remoteAddress
  );
}
