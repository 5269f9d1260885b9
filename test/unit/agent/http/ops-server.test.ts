/** What the kubelet and Prometheus see. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createOpsServer } from '../../../../src/agent/http/ops-server.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import type { CheckResult } from '../../../../src/agent/health.ts';
import { silentPino } from '../../../support/fake-api.ts';

const PROBLEM = /^application\/problem\+json(; charset=utf-8)?$/;

let results: Record<string, CheckResult>;
let metrics: () => string;
let server: Server;

beforeEach(() => {
  results = { disk: { ok: true }, identity: { ok: true }, process: { ok: true }, statfs: { ok: true } };
  metrics = () => 'gluster_brick_up{volume="pool1"} 1\n';
  const check = (name: string) => ({ name, check: () => results[name] ?? { ok: false } });
  server = createOpsServer(
    {
      livez: [{ name: 'ping', check: () => ({ ok: true }) }],
      readyz: [check('disk'), check('identity')],
      brick: {
        livez: [check('process')],
        readyz: [check('statfs'), check('process')],
        startupz: [check('answered')],
        shdLivez: [],
      },
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: metrics() }),
    },
    silentPino,
  );
  return async () => server.close();
});

describe('probes', () => {
  it.each(['/livez', '/readyz', '/livez/', '/livez/ping', '/readyz/disk'])(
    '%s is 200 while all is well',
    async (url) => {
      const reply = await server.inject(url);
      expect(reply.statusCode).toBe(200);
      expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8');
    },
  );

  it('say ok in a word, and everything when asked', async () => {
    expect((await server.inject('/readyz')).body).toBe('ok');
    for (const url of ['/readyz?verbose', '/readyz?verbose=1']) {
      expect((await server.inject(url)).body).toBe('[+]disk ok\n[+]identity ok\nreadyz check passed\n');
    }
  });

  it('fail with the reason of each check that fails, asked or not', async () => {
    results['disk'] = { ok: false, reason: 'hangs since 03:04' };
    const reply = await server.inject('/readyz');
    expect(reply.statusCode).toBe(503);
    expect(reply.body).toBe('[-]disk failed: hangs since 03:04\n[+]identity ok\nreadyz check failed\n');
    expect((await server.inject('/livez')).statusCode).toBe(200);
  });

  it('leave out what is excluded, once or many times', async () => {
    results = { disk: { ok: false }, identity: { ok: false } };
    expect((await server.inject('/readyz?exclude=disk')).statusCode).toBe(503);
    expect((await server.inject('/readyz?exclude=disk&exclude=identity')).statusCode).toBe(200);
    expect((await server.inject('/readyz?exclude=disk&verbose')).body).not.toContain('disk');
    expect((await server.inject('/readyz?exclude=nonsense')).statusCode).toBe(503);
  });

  it('answer for one check alone', async () => {
    results['disk'] = { ok: false, reason: 'hangs' };
    expect((await server.inject('/readyz/identity')).statusCode).toBe(200);
    const reply = await server.inject('/readyz/disk');
    expect([reply.statusCode, reply.body]).toEqual([503, '[-]disk failed: hangs\nreadyz check failed\n']);
  });

  it.each([
    '/livez/nope',
    '/livez/disk',
    '/readyz/ping',
    '/healthz',
    '/livez/%00',
    '/v1/status',
    '/brick',
    '/brick/livez/nope',
  ])('%s is not there', async (url) => {
    const reply = await server.inject(url);
    expect(reply.statusCode).toBe(404);
    expect(reply.headers['content-type']).toMatch(PROBLEM);
  });

  it('take HEAD, and nothing that changes anything', async () => {
    expect((await server.inject({ method: 'HEAD', url: '/readyz' })).statusCode).toBe(200);
    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      expect((await server.inject({ method, url: '/readyz' })).statusCode).toBe(404);
    }
  });

  it('judge the brick and the self-heal daemon apart from the agent', async () => {
    results['process'] = { ok: true, reason: 'cannot be told' };
    results['statfs'] = { ok: false, reason: 'no answer' };
    const told = async (url: string): Promise<[number, string]> => {
      const { statusCode, body } = await server.inject(url);
      return [statusCode, body];
    };
    expect(await told('/readyz')).toEqual([200, 'ok']);
    expect(await told('/brick/livez')).toEqual([200, 'ok']);
    expect(await told('/brick/livez?verbose')).toEqual([
      200,
      '[+]process ok (cannot be told)\nbrick/livez check passed\n',
    ]);
    expect((await told('/brick/readyz'))[0]).toBe(503);
    expect((await told('/brick/readyz?exclude=statfs'))[0]).toBe(200);
    expect((await told('/brick/readyz/statfs'))[1]).toBe('[-]statfs failed: no answer\nbrick/readyz check failed\n');
    expect((await told('/brick/startupz'))[0]).toBe(503);
    expect(await told('/shd/livez')).toEqual([200, 'ok']);
  });

  it('survive a check that throws, as a failure of that check', async () => {
    Object.defineProperty(results, 'disk', {
      get: () => {
        throw new Error('bug');
      },
    });
    const reply = await server.inject('/readyz');
    expect(reply.statusCode).toBe(503);
    expect(reply.body).toContain('[-]disk failed: the check itself failed: bug');
    expect(reply.body).toContain('[+]identity ok');
  });

  it.each(['/readyz?verbose=123456789', `/readyz?exclude=${'x'.repeat(65)}`])('%s is refused', async (url) => {
    expect((await server.inject(url)).statusCode).toBe(400);
  });
});

describe('metrics', () => {
  it('come in the text format', async () => {
    const reply = await server.inject('/metrics');
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(reply.body).toBe('gluster_brick_up{volume="pool1"} 1\n');
  });

  it('answer HEAD without a body', async () => {
    const reply = await server.inject({ method: 'HEAD', url: '/metrics' });
    expect([reply.statusCode, reply.body]).toEqual([200, '']);
  });

  it('that cannot be rendered are an error, not an empty page', async () => {
    metrics = () => {
      throw new Error('bug');
    };
    expect((await server.inject('/metrics')).statusCode).toBe(500);
  });
});
