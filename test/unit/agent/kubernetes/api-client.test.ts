import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesApi, type ApiRequest, type ApiResult } from '../../../../src/agent/kubernetes/api-client.ts';
import { eventBody } from '../../../../src/agent/kubernetes/event-body.ts';
import { Authority, skipsOpenssl } from '../../../support/certificates.ts';
import { failure, FakeKube, POD, respond } from '../../../support/fake-kube.ts';
import { TemporaryDirectory } from '../../../support/temporary.ts';

const PATH = '/apis/events.k8s.io/v1/namespaces/gluster/events';
/** Enough for a loopback on a busy machine; a hang is found after it. */
const DEADLINE_MS = 1_500;

const EVENT = eventBody(POD, {
  name: 'pool1-0.abc',
  event: { reason: 'BrickFenced', note: 'nothing is written' },
  at: 0,
  series: undefined,
});

describe.skipIf(skipsOpenssl)('KubernetesApi', () => {
  let directory: TemporaryDirectory;
  let kube: FakeKube;

  beforeEach(async () => {
    directory = new TemporaryDirectory('kube');
    kube = await FakeKube.start(directory.path);
  });
  afterEach(async () => {
    await kube.stop();
    directory[Symbol.dispose]();
  });

  const api = (change: { port?: number; host?: string } = {}): KubernetesApi =>
    new KubernetesApi(
      { host: kube.host, port: kube.port, serviceAccountDir: kube.serviceAccountDir, ...change },
      DEADLINE_MS,
    );
  const create = async (request: Partial<ApiRequest> = {}, signal = new AbortController().signal): Promise<ApiResult> =>
    await api().send({ method: 'POST', path: PATH, body: EVENT, ...request }, signal);

  it('creates an event with the token of the service account, over TLS that its authority vouches for', async () => {
    expect(await create()).toMatchObject({ kind: 'Answered', status: 201 });
    expect(kube.events.get('pool1-0.abc')).toMatchObject({ reason: 'BrickFenced', type: 'Warning' });
    expect(kube.requests).toMatchObject([{ method: 'POST', url: PATH, token: 'token-1' }]);
  });

  it('patches with a merge patch', async () => {
    await create();
    const body = { series: { count: 2, lastObservedTime: '2026-01-02T03:04:05.000000Z' } };
    expect(await create({ method: 'PATCH', path: `${PATH}/pool1-0.abc`, body })).toMatchObject({ status: 200 });
    expect(kube.events.get('pool1-0.abc')?.series?.count).toBe(2);
  });

  it('reads the token anew each time, as the kubelet renews it', async () => {
    kube.token = 'token-2';
    expect(await create()).toMatchObject({ status: 401, message: 'Unauthorized' });
    kube.mountToken('token-2\n');
    expect(await create()).toMatchObject({ status: 201 });
  });

  it('reads the authority anew each time', async () => {
    const mine = join(kube.serviceAccountDir, 'ca.crt');
    writeFileSync(mine, new Authority(directory.path, 'another').cert);
    expect(await create()).toMatchObject({ kind: 'NoAnswer', message: expect.stringMatching(/certificate/) });
    expect(kube.requests).toEqual([]);
  });

  it.each(['token', 'ca.crt'])('says which file is missing: %s', async (name) => {
    rmSync(join(kube.serviceAccountDir, name));
    const path = join(kube.serviceAccountDir, name);
    expect(await create()).toEqual({ kind: 'NoCredentials', message: `${path}: ENOENT` });
    writeFileSync(path, ' \n');
    expect(await create()).toEqual({ kind: 'NoCredentials', message: `${path}: it is empty` });
  });

  it.each([
    ['two lines in the token', 'token', 'a\nb'],
    ['no certificate', 'ca.crt', 'garbage'],
  ])('does not fail of %s', async (_what, name, content) => {
    writeFileSync(join(kube.serviceAccountDir, name), content);
    const result = await create();
    expect(result.kind).toBe('NoAnswer');
    expect(JSON.stringify(result)).not.toContain('token-1');
  });

  it.each([400, 403, 404, 409, 422, 500, 503])('gives back what a %i says', async (status) => {
    kube.whim = (_request, response) => respond(response, status, failure('no\u001b[31m'));
    const expected = { kind: 'Answered', status, message: 'no?[31m', retryAfterMs: undefined };
    expect(await create()).toEqual(expected);
  });

  it.each([
    ['7', 7_000],
    ['999999', 300_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
  ])('takes Retry-After: %s', async (header, retryAfterMs) => {
    kube.whim = (_request, response) => respond(response, 429, {}, { 'retry-after': header });
    expect(await create()).toMatchObject({ status: 429, retryAfterMs });
  });

  it('gives up a server that hangs', async () => {
    kube.whim = () => true;
    expect(await create()).toEqual({ kind: 'NoAnswer', message: `no answer within ${DEADLINE_MS} ms` });
  });

  it('takes the status of an answer whose text never ends', async () => {
    kube.whim = (_request, response) => {
      response.writeHead(201);
      response.write('{');
      return true;
    };
    expect(await create()).toMatchObject({ kind: 'Answered', status: 201, message: '' });
  });

  it('reads no more than a bounded part of a huge answer', async () => {
    let sent = 0;
    kube.whim = (_request, response) => {
      response.writeHead(500);
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const pump = (): void => {
        // 256 MiB, if anybody would read them.
        while (sent < 4096 && !response.destroyed) {
          sent += 1;
          if (!response.write(chunk)) {
            response.once('drain', pump);
            return;
          }
        }
      };
      pump();
      return true;
    };
    expect(await create()).toMatchObject({ kind: 'Answered', status: 500, message: '' });
    expect(sent).toBeLessThan(256);
  });

  it('does not fail of garbage in place of an answer', async () => {
    kube.whim = (_request, response) => {
      response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
      return true;
    };
    expect(await create()).toMatchObject({ kind: 'NoAnswer', message: expect.stringContaining('Parse Error') });
    kube.whim = (_request, response) => respond(response, 403, ['no Status']);
    expect(await create()).toMatchObject({ kind: 'Answered', status: 403, message: '' });
  });

  it('does not fail where nobody listens', async () => {
    const { port } = kube;
    await kube.stop();
    const result = await api({ port }).send({ method: 'POST', path: PATH, body: {} }, new AbortController().signal);
    expect(result).toMatchObject({ kind: 'NoAnswer', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('ends with its signal', async () => {
    kube.whim = () => true;
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    expect((await create({}, stop.signal)).kind).toBe('NoAnswer');
  });
});
