/** The least HTTP client that reaches a unix socket as well as a port; fetch cannot do the former. */
import http from 'node:http';
import https from 'node:https';

export interface HttpReply {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The parsed body when it is JSON (application/json, application/problem+json), else undefined. */
  json: unknown;
}

export interface HttpRequest {
  method: string;
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  target: { socketPath: string } | { host: string; port: number };
  /** PEM: HTTPS in place of HTTP. */
  tls?: { ca: string; cert?: string; key?: string };
  /** Default 20 s: longer than any deadline of the agent. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;

export async function request(options: HttpRequest): Promise<HttpReply> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  return await new Promise((resolve, reject) => {
    const call = (options.tls === undefined ? http : https).request(
      {
        ...options.target,
        ...options.tls,
        method: options.method,
        path: options.path,
        agent: false,
        signal: AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /^application\/([a-z.]+\+)?json/.test(response.headers['content-type'] ?? '');
          const json: unknown = isJson ? JSON.parse(text) : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    call.once('error', reject);
    call.end(body);
  });
}
