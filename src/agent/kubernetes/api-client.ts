/**
 * One request to the API server of the cluster, as a pod makes it: by HTTPS, with the service account's token and authority. Both files are read for each
 * request, since the kubelet renews them; a connection is used once, since events are rare.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, errorMessage } from '../../lib/errors.ts';

/** From the first byte of the connection to the last of the answer, in milliseconds. */
const DEADLINE_MS = 10_000;
/** An Event is some 2 KB; an answer that is longer is read no further. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** A token is some 1 KB; an authority, or a few, some more. */
const MAX_FILE_BYTES = 64 * 1024;
/** What the server says, cut to what fits into a message. */
const MAX_DETAIL_LENGTH = 300;
/** A server that asks for more patience than this is asked again all the same; in milliseconds. */
const MAX_RETRY_AFTER_MS = 300_000;

export interface ApiServer {
  /** A name or an address, IPv6 without brackets. */
  host: string;
  port: number;
  /** Has `token` and `ca.crt`. */
  serviceAccountDir: string;
}

export interface ApiRequest {
  method: 'POST' | 'PATCH';
  path: string;
  body: unknown;
}

export type ApiResult =
  | {
      kind: 'Answered';
      status: number;
      /** What the server says, empty where that is nothing. */
      message: string;
      /** Milliseconds; undefined: it did not say. */
      retryAfterMs: number | undefined;
    }
  /** `NoCredentials`: the files are not there; nothing was sent. `NoAnswer`: whether it was carried out is not known. */
  | { kind: 'NoCredentials' | 'NoAnswer'; message: string };

export class KubernetesApi {
  readonly #server: ApiServer;
  readonly #deadlineMs: number;

  constructor(server: ApiServer, deadlineMs: number = DEADLINE_MS) {
    this.#server = server;
    this.#deadlineMs = deadlineMs;
  }

  /** Never rejects. @param signal ends it early; then nobody asks what came of it */
  async send(request: ApiRequest, signal: AbortSignal): Promise<ApiResult> {
    const { serviceAccountDir: dir } = this.#server;
    let token: string;
    let ca: string;
    try {
      [token, ca] = await Promise.all([readText(join(dir, 'token')), readText(join(dir, 'ca.crt'))]);
    } catch (error) {
      return { kind: 'NoCredentials', message: errorMessage(error) };
    }
    try {
      return await this.#exchange(request, token.trim(), ca, signal);
    } catch (error) {
      return { kind: 'NoAnswer', message: errorMessage(error) };
    }
  }

  async #exchange({ method, path, body }: ApiRequest, token: string, ca: string, signal: AbortSignal) {
    const { host, port } = this.#server;
    const payload = JSON.stringify(body);
    // Loaded with the first event, not with the agent.
    const { request } = process.getBuiltinModule('node:https');
    const timeout = AbortSignal.timeout(this.#deadlineMs);
    return await new Promise<ApiResult>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        'content-length': Buffer.byteLength(payload),
        'user-agent': 'gluster-brick-agent',
      };
      // Said in words, since an environment variable of Node's could say otherwise.
      const secure = { ca, rejectUnauthorized: true };
      const options = { host, port, method, path, headers, agent: false, ...secure };
      let settle: (() => void) | undefined;
      const outgoing = request({ ...options, signal: AbortSignal.any([signal, timeout]) }, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const status = response.statusCode ?? 0;
        // The status says what came of it, whatever becomes of the text.
        settle = (): void => {
          const retryAfterMs = retryAfter(response.headers['retry-after']);
          resolve({ kind: 'Answered', status, message: detailOf(Buffer.concat(chunks).toString()), retryAfterMs });
        };
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
          else {
            settle?.();
            outgoing.destroy();
          }
        });
        response.on('end', settle);
        response.on('error', settle);
      });
      outgoing.on('error', (cause) => {
        settle?.();
        const late = timeout.aborted && !signal.aborted;
        reject(late ? new Error(`no answer within ${this.#deadlineMs} ms`, { cause }) : describe(cause));
      });
      outgoing.end(payload);
    });
  }
}

/** Codes of OpenSSL and Node in words. */
function describe(cause: Error): Error {
  const code = errnoOf(cause);
  return cause.message !== '' && code !== undefined && !cause.message.includes(code)
    ? new Error(`${cause.message} (${code})`, { cause })
    : cause;
}

/** @throws Error that names the file */
async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(MAX_FILE_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_FILE_BYTES, 0);
    const text = buffer.toString('latin1', 0, bytesRead);
    if (text.trim() === '') throw new Error('it is empty');
    return text;
  } catch (cause) {
    throw new Error(`${path}: ${errnoOf(cause) ?? errorMessage(cause)}`, { cause });
  }
}

/** `metav1.Status` has a message; whatever else comes is not shown. */
function detailOf(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body.message.replaceAll(/\p{Cc}/gu, '?').slice(0, MAX_DETAIL_LENGTH);
    }
  } catch {
    // No Status: the status code says it all.
  }
  return '';
}

/** Seconds, as API servers write it; a date is not taken. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1000, MAX_RETRY_AFTER_MS);
}
