import { request as httpRequest } from 'node:http';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';

/** A command waits this long for the agent, in milliseconds; a change may take 15 s by itself. */
const REQUEST_TIMEOUT_MS = 20_000;
/** 10,000 PVs are some 12 MB of JSON; more than this is not an answer of ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface Answer {
  status: number;
  body: unknown;
}

/** Talks to the agent in this pod over its unix socket. */
export class AgentClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async get(path: string): Promise<unknown> {
    return (await this.request('GET', path)).body;
  }

  /**
   * @param timeoutMs of silence; for what takes long by itself
   * @throws AgentError `RpcDisconnected` when no agent answers on the socket, `Timeout`, or what the agent's problem+json
   *   says, with its reason in the message
   */
  async request(method: string, path: string, body?: unknown, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Answer> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const { status, text } = await this.#exchange(method, path, payload, timeoutMs);
    const parsed = parse(text);
    if (status < 400) return { status, body: parsed };
    throw new AgentError(status === 404 ? 'NotFound' : 'BadRequest', problemText(parsed, status));
  }

  async #exchange(
    method: string,
    path: string,
    payload: string | undefined,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    return await new Promise((resolve, reject) => {
      const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
      const request = httpRequest({ socketPath: this.#socketPath, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) request.destroy(new AgentError('RpcProtocol', 'the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
      });
      request.setTimeout(timeoutMs, () => {
        request.destroy(new AgentError('Timeout', `the agent did not answer within ${timeoutMs / 1000} s`));
      });
      request.on('error', (error) => reject(this.#explain(error)));
      request.end(payload);
    });
  }

  #explain(error: Error): AgentError {
    if (error instanceof AgentError) return error;
    const code = errnoOf(error);
    const why =
      code === 'ENOENT'
        ? 'there is no such socket; is the agent running, and is --socket-path the same as its own?'
        : code === 'EACCES'
          ? 'permission denied; the socket is for the user that runs the agent'
          : errorMessage(error);
    return new AgentError('RpcDisconnected', `no agent on ${this.#socketPath}: ${why}`, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new AgentError('RpcProtocol', 'the answer is not JSON', { cause });
  }
}

function problemText(body: unknown, status: number): string {
  if (typeof body === 'object' && body !== null && 'detail' in body && 'reason' in body) {
    return `${String(body.reason)}: ${String(body.detail)}`;
  }
  return `the agent answered ${status}`;
}
