import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import path from 'node:path';
import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import type { Server } from './server.ts';

/** A socket file whose owner does not answer within this time is left over, in milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;

/**
 * Listens on `host:port`; IPv6 addresses stand in brackets.
 *
 * @returns the port that was bound, for `host:0`
 * @throws AgentError `ConfigInvalid` naming the option, e.g. when the port is taken
 */
export async function listenTcp(server: Server, option: string, address: string): Promise<number> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  try {
    await server.listen({ host, port: Number(address.slice(at + 1)) });
  } catch (cause) {
    throw new AgentError(
      'ConfigInvalid',
      `${option} ${address}: cannot listen (${errnoOf(cause) ?? errorMessage(cause)})`,
      {
        cause,
      },
    );
  }
  const bound = server.server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

/**
 * Listens on a unix socket that only its owner may open (0600). A socket that another agent answers on is not taken away.
 *
 * @throws AgentError `ConfigInvalid`
 */
export async function listenUnix(server: Server, option: string, socketPath: string): Promise<void> {
  try {
    await mkdir(path.dirname(socketPath), { recursive: true, mode: 0o700 });
    await removeStale(socketPath);
    // The mode is right from the first moment: the socket is made under this mask, and only then opened to its owner.
    const before = process.umask(0o177);
    try {
      await server.listen({ path: socketPath });
    } finally {
      process.umask(before);
    }
    await chmod(socketPath, 0o600);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    const why = errnoOf(cause) ?? errorMessage(cause);
    throw new AgentError('ConfigInvalid', `${option} ${socketPath}: cannot listen (${why})`, { cause });
  }
}

async function removeStale(socketPath: string): Promise<void> {
  const entry = await lstat(socketPath).catch(() => undefined);
  if (entry === undefined) return;
  if (!entry.isSocket()) {
    throw new AgentError('ConfigInvalid', `socketPath ${socketPath}: exists and is not a socket; give another path`);
  }
  if (await answers(socketPath)) {
    throw new AgentError('ConfigInvalid', `socketPath ${socketPath}: another agent is running on it`);
  }
  await unlink(socketPath);
}

async function answers(socketPath: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection(socketPath);
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
