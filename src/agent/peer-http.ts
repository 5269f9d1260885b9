/** One question to the agent of another brick over its TCP API. */
import { request as httpRequest } from 'node:http';
import { AgentError } from '../lib/errors.ts';

/** 10,000 PVs are some 1 MB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** What a problem+json says, cut to what fits into a message. */
const MAX_DETAIL_LENGTH = 300;

export interface PeerQuestion {
  /** `host:port`. */
  address: string;
  path: string;
  /** Ours, which is the peer's too. */
  token: string;
  signal: AbortSignal;
  timeoutMs: number;
  /** Sent as JSON by POST; undefined: GET. */
  body?: unknown;
}

/**
 * @returns what the peer answered, parsed but not judged
 * @throws AgentError `Timeout`, `Aborted`, `RpcProtocol`, `RpcRejected` for any status but 2xx, or the system's error
 */
export async function askPeer(question: PeerQuestion): Promise<unknown> {
  const text = await exchange(question);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentError('RpcProtocol', 'its answer is not JSON', { cause });
  }
}

async function exchange({ address, path, token, signal, timeoutMs, body }: PeerQuestion): Promise<string> {
  return await new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const request = httpRequest(
      `http://${address}${path}`,
      // A connection that is kept is found dead only by the request on it; one every few seconds is cheap.
      { agent: false, method, headers, signal: AbortSignal.any([signal, timeout]) },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) request.destroy(new AgentError('RpcProtocol', 'its answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new AgentError('RpcRejected', refusal(status, text)));
        });
        response.on('error', reject);
      },
    );
    request.on('error', (cause) => {
      if (signal.aborted) reject(new AgentError('Aborted', 'given up', { cause }));
      else if (timeout.aborted) reject(new AgentError('Timeout', `no answer within ${timeoutMs} ms`, { cause }));
      else reject(cause);
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function refusal(status: number, text: string): string {
  if (status === 401) return 'it answers 401; is its token ours?';
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string') {
      return `it answers ${status}: ${body.detail.replaceAll(/\p{Cc}/gu, '?').slice(0, MAX_DETAIL_LENGTH)}`;
    }
  } catch {
    // No problem+json: the status says it all.
  }
  return `it answers ${status}; is its token ours?`;
}
