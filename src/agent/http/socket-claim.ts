/**
 * The unix socket of an agent, taken before there is an API on it: who has it is the one agent of its brick, and may begin to work while the API is
 * still made.
 */
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createConnection } from 'node:net';
import path from 'node:path';
import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import { problem } from './errors.ts';

/** A socket file whose owner does not answer within this time is left over, in milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
/** The API of an agent that starts is there within a tenth of it. */
const RETRY_AFTER_SECONDS = '1';

export class SocketClaim {
  readonly http: HttpServer;
  #closed: Promise<void> | undefined;

  private constructor(http: HttpServer) {
    this.http = http;
  }

  /**
   * Binds a socket that only its owner may open (0600). One that another agent answers on is not taken away. Until an API is put in their place by
   * {@link serve}, requests are told to come again.
   *
   * @throws AgentError `ConfigInvalid` naming the option
   */
  static async bind(option: string, socketPath: string): Promise<SocketClaim> {
    const http = createServer(starting);
    try {
      await mkdir(path.dirname(socketPath), { recursive: true, mode: 0o700 });
      await removeStale(option, socketPath);
      await listen(http, socketPath);
      await chmod(socketPath, 0o600);
    } catch (cause) {
      http.close();
      if (cause instanceof AgentError) throw cause;
      const why = errnoOf(cause) ?? errorMessage(cause);
      throw new AgentError('ConfigInvalid', `${option} ${socketPath}: cannot listen (${why})`, { cause });
    }
    return new SocketClaim(http);
  }

  /** From now on requests are this listener's. */
  serve(listener: RequestListener): void {
    this.http.off('request', starting);
    this.http.on('request', listener);
  }

  /** Takes no more connections and removes the socket's file. @returns when the last connection has ended; never rejects */
  async close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => void this.http.close(() => resolve()));
    await this.#closed;
  }
}

function starting(...[, response]: Parameters<RequestListener>): void {
  const body = problem(503, 'Starting', 'the agent is starting; its API is there in a moment', '');
  response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': RETRY_AFTER_SECONDS });
  response.end(JSON.stringify(body));
}

/** The mode is right from the first moment: the file is made by the call itself, under a mask that is back before anything else of the process runs. */
async function listen(http: HttpServer, socketPath: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  http.once('error', reject);
  http.once('listening', resolve);
  const before = process.umask(0o177);
  try {
    http.listen({ path: socketPath });
  } finally {
    process.umask(before);
  }
  await promise;
  http.off('error', reject);
}

async function removeStale(option: string, socketPath: string): Promise<void> {
  const entry = await lstat(socketPath).catch(() => undefined);
  if (entry === undefined) return;
  if (!entry.isSocket()) {
    throw new AgentError('ConfigInvalid', `${option} ${socketPath}: exists and is not a socket; give another path`);
  }
  if (await answers(socketPath)) {
    throw new AgentError('ConfigInvalid', `${option} ${socketPath}: another agent is running on it`);
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
