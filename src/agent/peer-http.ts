/** One question to the agent of another brick over its TCP API. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { AgentError } from '../lib/errors.ts';
import type { TlsKeeper } from './tls/keeper.ts';
import { peerTrouble } from './tls/trouble.ts';

/** 10,000 PVs are some 1 MB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** What a problem+json says, cut to what fits into a message. */
const MAX_DETAIL_LENGTH = 300;

/** How the peers are asked; all in the same way. */
export interface PeerAccess {
  /** Ours, which is the peers' too. */
  token: string;
  /** Undefined: by plain HTTP. With it never so, whatever a peer speaks. */
  tls: TlsKeeper | undefined;
}

export interface PeerQuestion {
  /** `host:port`. */
  address: string;
  path: string;
  access: PeerAccess;
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

async function exchange({ address, path, access, signal, timeoutMs, body }: PeerQuestion): Promise<string> {
  return await new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const headers = {
      authorization: `Bearer ${access.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const options = { method, headers, signal: AbortSignal.any([signal, timeout]) };
    const request = send(access, `${address}${path}`, options, (response) => {
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
    });
    request.on('error', (cause) => {
      if (signal.aborted) reject(new AgentError('Aborted', 'given up', { cause }));
      else if (timeout.aborted) reject(new AgentError('Timeout', `no answer within ${timeoutMs} ms`, { cause }));
      else reject(peerTrouble(cause, access.tls !== undefined));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface RequestOptions {
  method: string;
  headers: Record<string, string>;
  signal: AbortSignal;
}

function send(
  { tls }: PeerAccess,
  place: string,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  // A connection that is kept is found dead only by the request on it; one every few seconds is cheap.
  if (tls === undefined) return httpRequest(`http://${place}`, { ...options, agent: false }, onResponse);
  const { request } = process.getBuiltinModule('node:https');
  // Said in words, since an environment variable of Node's could say otherwise.
  const secure = { secureContext: tls.client, rejectUnauthorized: true };
  return request(`https://${place}`, { ...options, ...secure, agent: false }, onResponse);
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
