/** An API server of Kubernetes as far as Events go, over HTTPS with an authority of its own; it refuses what a real one would, and does what a test says. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { Authority } from './certificates.ts';
import { refusalsOfEvent, refusalsOfPatch } from './event-schema.ts';

export const POD = {
  name: 'pool1-0',
  namespace: 'gluster',
  uid: '0b7f4f0e-41a7-4b39-9d0a-0f1e6f6f4a11',
  node: 'node-a',
};

export interface SeenEvent {
  type: string;
  reason: string;
  note: string;
  action: string;
  metadata: { name: string; namespace: string };
  regarding: { name: string; uid: string };
  series?: { count: number; lastObservedTime: string };
}

export interface SeenRequest {
  method: string;
  url: string;
  contentType: string | undefined;
  token: string | undefined;
  body: unknown;
}

/** In place of an answer of its own. @returns whether it has taken the request */
export type Whim = (request: SeenRequest, response: ServerResponse) => boolean;

export class FakeKube {
  readonly host = '127.0.0.1';
  readonly port: number;
  /** As it is mounted into a pod. */
  readonly serviceAccountDir: string;
  readonly requests: SeenRequest[] = [];
  /** By name. */
  readonly events = new Map<string, SeenEvent>();
  token = 'token-1';
  whim: Whim | undefined;
  readonly #server: Server;

  private constructor(server: Server, serviceAccountDir: string) {
    this.#server = server;
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new TypeError('it does not listen');
    this.port = address.port;
    this.serviceAccountDir = serviceAccountDir;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(dir: string): Promise<FakeKube> {
    const authority = new Authority(dir, 'kubernetes');
    const server = createServer(authority.issue());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const account = join(dir, 'serviceaccount');
    mkdirSync(account);
    writeFileSync(join(account, 'ca.crt'), authority.cert);
    const fake = new FakeKube(server, account);
    fake.mountToken(fake.token);
    return fake;
  }

  mountToken(token: string): void {
    writeFileSync(join(this.serviceAccountDir, 'token'), token);
  }

  /** What a pod has in its environment for it. */
  get environment(): Record<string, string> {
    return {
      BRICK_AGENT_KUBERNETES_EVENTS: 'on',
      POD_NAME: POD.name,
      POD_NAMESPACE: POD.namespace,
      POD_UID: POD.uid,
      KUBERNETES_SERVICE_HOST: this.host,
      KUBERNETES_SERVICE_PORT: String(this.port),
      BRICK_AGENT_SERVICE_ACCOUNT_DIR: this.serviceAccountDir,
    };
  }

  reasons(): string[] {
    return [...this.events.values()].map(({ reason }) => reason);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const body = parse(await read(incoming));
    const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
    const request = { method, url, contentType: headers['content-type'], token, body };
    this.requests.push(request);
    if (this.whim?.(request, response) === true) return;
    const [status, answer] = this.#answer(request);
    respond(response, status, answer);
  }

  #answer({ method, url, contentType, token, body }: SeenRequest): [status: number, body: unknown] {
    if (token !== this.token) return [401, failure('Unauthorized')];
    const { pathname, searchParams } = new URL(url, 'https://kubernetes');
    const [, namespace = '', name] =
      /^\/apis\/events\.k8s\.io\/v1\/namespaces\/([^/]+)\/events(?:\/([^/]+))?$/.exec(pathname) ?? [];
    const isDry = searchParams.get('dryRun') === 'All';
    if (method === 'POST' && name === undefined && contentType === 'application/json') {
      return this.#create(namespace, body, isDry);
    }
    if (method === 'PATCH' && name !== undefined && contentType === 'application/merge-patch+json') {
      return this.#patch(name, body);
    }
    return [404, failure('the server could not find the requested resource')];
  }

  #create(namespace: string, body: unknown, isDry: boolean): [status: number, body: unknown] {
    const problems = refusalsOfEvent(body, namespace);
    if (problems.length > 0) return [422, failure(problems.join('; '))];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was just checked
    const event = body as SeenEvent;
    const { name } = event.metadata;
    if (this.events.has(name)) return [409, failure(`events.events.k8s.io "${name}" already exists`)];
    if (!isDry) this.events.set(name, structuredClone(event));
    return [201, event];
  }

  #patch(name: string, body: unknown): [status: number, body: unknown] {
    const event = this.events.get(name);
    if (event === undefined) return [404, failure(`events.events.k8s.io "${name}" not found`)];
    const problems = refusalsOfPatch(body);
    if (problems.length > 0) return [422, failure(problems.join('; '))];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was just checked
    event.series = (body as Required<Pick<SeenEvent, 'series'>>).series;
    return [200, event];
  }
}

/** `metav1.Status`. */
export function failure(message: string): unknown {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message };
}

export function respond(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
  return true;
}

async function read(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
