/** What the kubelet and Prometheus see. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createOpsServer } from '../../../../src/agent/http/ops-server.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import type { CheckResult } from '../../../../src/agent/health.ts';
import type { ScrapeRequest } from '../../../../src/metrics/registry.ts';
import { FakeDisruption, silentPino } from '../../../support/fake-api.ts';

const PROBLEM = /^application\/problem\+json(; charset=utf-8)?$/;

let results: Record<string, CheckResult>;
let metrics: () => string;
let requests: ScrapeRequest[];
let server: Server;
let disruption: FakeDisruption;

beforeEach(() => {
  disruption = new FakeDisruption();
  results = { disk: { ok: true }, identity: { ok: true }, process: { ok: true }, statfs: { ok: true } };
  requests = [];
  metrics = () => 'gluster_brick_up{volume="pool1"} 1\n';
  server = opsServer(async function* (request) {
    requests.push(request);
    yield await Promise.resolve(metrics());
  });
  return async () => server.close();
});

function opsServer(render: (request: ScrapeRequest) => AsyncIterable<string>): Server {
  const check = (name: string) => ({ name, check: () => results[name] ?? { ok: false } });
  return createOpsServer(
    {
      livez: [{ name: 'ping', check: () => ({ ok: true }) }],
      readyz: [check('disk'), check('identity')],
      preStop: async () => await disruption.preStop(60_000),
      brick: {
        livez: [check('process')],
        readyz: [check('statfs'), check('process')],
        startupz: [check('answered')],
        shdLivez: [],
      },
      page: undefined,
      metrics: render,
    },
    silentPino,
  );
}

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
    const { statusCode, body } = await server.inject('/readyz?exclude=nonsense&exclude=disk');
    expect(statusCode).toBe(503);
    // A name that is mistyped leaves nothing out, and who looks must see why.
    expect(body).toContain('\nwarn: no such check to leave out: "nonsense"\nreadyz check failed\n');
    expect((await server.inject('/readyz?exclude=disk')).body).not.toContain('warn:');
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

  it('come as OpenMetrics to who asks for it, as Prometheus 2.42 does', async () => {
    const accept =
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const reply = await server.inject({ url: '/metrics', headers: { accept } });
    expect(reply.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(requests).toEqual([{ format: 'openmetrics', budgetMs: 8_000 }]);
  });

  it.each([
    ['5', 4_000],
    ['0.5', 400],
    ['0', 8_000],
    ['-1', 8_000],
    ['1e9', 8_000],
    ['', 8_000],
  ])('have the time that Prometheus gives: %s s', async (seconds, budgetMs) => {
    await server.inject({ url: '/metrics', headers: { 'x-prometheus-scrape-timeout-seconds': seconds } });
    expect(requests).toEqual([{ format: 'text', budgetMs }]);
  });

  it('are not made for more than four at a time, and again when those have theirs', async () => {
    const gate = Promise.withResolvers<void>();
    server = opsServer(async function* () {
      await gate.promise;
      yield 'a 1\n';
    });
    const first = Array.from({ length: 4 }, async () => await server.inject('/metrics'));
    await vi.waitFor(async () => expect((await server.inject('/metrics')).statusCode).toBe(503));
    gate.resolve();
    expect((await Promise.all(first)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    for (let n = 0; n < 9; n += 1) await server.inject({ method: 'HEAD', url: '/metrics' });
    expect((await server.inject('/metrics')).statusCode).toBe(200);
  });

  it('are made no faster than they are taken, and are bytes', async () => {
    const [pieces, length] = [200, 256 * 1024];
    let made = 0;
    server = opsServer(async function* () {
      for (; made < pieces; made += 1) {
        yield '\u{ff}'.repeat(length);
        await new Promise(setImmediate);
      }
    });
    const port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    // What the kernel takes of it without a reader.
    await vi.waitFor(() => expect(made).toBeGreaterThan(0));
    for (let before = -1; before !== made;) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(made).toBeLessThan(pieces / 2);
    let bytes = 0;
    for await (const chunk of socket) bytes += chunk.length;
    // And the head, and the length of each piece.
    expect(Math.floor(bytes / length)).toBe(pieces);
  });

  it('that fail in the middle break the connection off: half of them must not look whole', async () => {
    server = opsServer(async function* () {
      yield 'a 1\n';
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const reply = await fetch(`${url}/metrics`);
    await expect(reply.text()).rejects.toThrow('terminated');
  });

  it('of a scraper that goes away in the middle leave nothing behind', async () => {
    let ended = 0;
    server = opsServer(async function* () {
      try {
        for (;;) {
          yield 'a'.repeat(65_536);
          await new Promise(setImmediate);
        }
      } finally {
        ended += 1;
      }
    });
    const port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
    for (let n = 1; n <= 6; n += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
      await vi.waitFor(() => expect(ended).toBe(n));
    }
  });
});

describe('the hook of a brick that is stopped', () => {
  it('is 200 when it is safe and all is flushed', async () => {
    disruption.verdict = 'Safe';
    const { statusCode, body } = await server.inject('/brick/pre-stop');
    expect([statusCode, body]).toEqual([200, 'Safe after 5 ms; usage of 3 PVs flushed, of 0 not\n']);
  });

  it.each(['Unsafe', 'Unknown'] as const)('is an event of the kubelet when it is %s', async (verdict) => {
    disruption.verdict = verdict;
    const { statusCode, body } = await server.inject('/brick/pre-stop');
    expect(statusCode).toBe(503);
    expect(body).toContain('OwnBacklog: other bricks are still healed from this one');
  });
});
