/** The API over TCP: nobody without the token learns anything, nor makes the agent work for long. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { pino } from 'pino';
import { createApiServer, readToken } from '../../../../src/agent/http/api-server.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import { AgentError } from '../../../../src/lib/errors.ts';
import { FakeServices } from '../../../support/fake-api.ts';
import { TemporaryDirectory } from '../../../support/temporary.ts';

const PROBLEM = /^application\/problem\+json(; charset=utf-8)?$/;

const TOKEN = 'correct-horse-battery-staple';

let services: FakeServices;
let server: Server;
let log: string;

beforeEach(async () => {
  services = new FakeServices();
  log = '';
  const logger = pino({ level: 'debug' }, { write: (line) => (log += line) });
  server = await createApiServer({ services, log: logger, version: '1.2.3', token: TOKEN });
  return async () => server.close();
});

const withToken = { authorization: `Bearer ${TOKEN}` };

describe('the token', () => {
  it('opens the API', async () => {
    expect((await server.inject({ url: '/v1/status', headers: withToken })).statusCode).toBe(200);
    const put = { method: 'PUT', url: '/v1/quotas/pvc-free', payload: { limitBytes: '1Gi' } } as const;
    expect((await server.inject({ ...put, headers: withToken })).statusCode).toBe(201);
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['another token', 'Bearer wrong-horse-battery-staple'],
    ['a token that is longer', `Bearer ${TOKEN}x`],
    ['a token that is shorter', `Bearer ${TOKEN.slice(0, -1)}`],
    ['another case', `Bearer ${TOKEN.toUpperCase()}`],
    ['no token', 'Bearer'],
    ['no scheme', TOKEN],
    ['another scheme', `Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`],
    ['two tokens', `Bearer wrong, Bearer ${TOKEN}`],
  ])('%s is refused', async (_what, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    for (const request of [
      { method: 'GET', url: '/v1/status' },
      { method: 'DELETE', url: '/v1/quotas/pvc-1' },
      { method: 'PUT', url: '/v1/quotas/pvc-1', payload: { limitBytes: '1Gi' } },
      { method: 'GET', url: '/v1/nope' },
      { method: 'GET', url: '/v1/nope', headers: { ...headers, 'x-request-id': 'mine' } },
    ] as const) {
      const reply = await server.inject({ headers, ...request });
      expect(reply.statusCode).toBe(401);
      expect(reply.headers['content-type']).toMatch(PROBLEM);
      expect(reply.headers['www-authenticate']).toBe('Bearer');
      expect(reply.json()).toMatchObject({ status: 401, reason: 'Unauthorized' });
      expect(reply.json().instance).toBe(reply.headers['x-request-id']);
    }
    expect(services.quotas.calls).toEqual([]);
  });

  it('is asked for before the body is read', async () => {
    const put = { method: 'PUT', url: '/v1/quotas/pvc-1' } as const;
    const reply = await server.inject({ ...put, payload: { limitBytes: 'x'.repeat(100_000) } });
    expect(reply.statusCode).toBe(401);
  });

  it('is in no answer and in no line of the log, right or wrong', async () => {
    const wrong = 'a-wrong-token-of-somebody-else';
    const replies = [
      await server.inject({ url: '/v1/status', headers: withToken }),
      await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-1', headers: withToken }),
      await server.inject({ url: '/v1/nope', headers: withToken }),
      await server.inject({ url: '/v1/status', headers: { authorization: `Bearer ${wrong}` } }),
    ];
    services.quotas.failure = new Error('a bug');
    replies.push(await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-1', headers: withToken }));
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 404, 401, 500]);
    const said = replies.map(({ body, headers }) => body + JSON.stringify(headers)).join('') + log;
    expect(said).toContain('a bug');
    expect(said).not.toContain(TOKEN);
    expect(said).not.toContain(wrong);
  });
});

describe('the rate limit', () => {
  const LIMIT = 200;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    return () => vi.useRealTimers();
  });

  async function statusesOf(times: number, request: { url: string; headers?: Record<string, string> }) {
    const statuses: number[] = [];
    for (let n = 0; n < times; n += 1) statuses.push((await server.inject(request)).statusCode);
    return statuses;
  }

  it.each(['/v1/version', '/v1/nope'])('ends the guessing of tokens at %s, until the next second', async (url) => {
    expect(new Set(await statusesOf(LIMIT, { url }))).toEqual(new Set([401]));
    expect(await statusesOf(2, { url })).toEqual([429, 429]);
    expect(await statusesOf(1, { url, headers: withToken })).toEqual([429]);
    vi.advanceTimersByTime(1001);
    expect(await statusesOf(1, { url })).toEqual([401]);
  });

  it('is a problem that says when to come again', async () => {
    await statusesOf(LIMIT, { url: '/v1/version', headers: withToken });
    const reply = await server.inject({ url: '/v1/version', headers: withToken });
    expect(reply.headers['content-type']).toMatch(PROBLEM);
    expect(reply.headers['retry-after']).toBe('1');
    expect(reply.json()).toMatchObject({ status: 429, reason: 'TooManyRequests', title: 'Too many requests' });
  });

  it('is a smaller one for volfiles, which take time to judge', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      const request = { method: 'POST', url: '/v1/volfiles/plan', payload: { files: {} }, headers: withToken } as const;
      statuses.push((await server.inject(request)).statusCode);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await statusesOf(1, { url: '/v1/version', headers: withToken })).toEqual([200]);
  });

  it('counts each address for itself', async () => {
    await statusesOf(LIMIT + 1, { url: '/v1/version' });
    const other = await server.inject({ url: '/v1/version', headers: withToken, remoteAddress: '10.0.0.2' });
    expect(other.statusCode).toBe(200);
  });

  it('is not there on the unix socket', async () => {
    server = await createApiServer({ services, log: pino({ level: 'silent' }), version: '1', token: undefined });
    expect(new Set(await statusesOf(LIMIT + 1, { url: '/v1/version' }))).toEqual(new Set([200]));
  });
});

describe('the token file', () => {
  it('is one line, whatever the white space around it', () => {
    using directory = new TemporaryDirectory('token');
    expect(readToken(directory.write('token', `${TOKEN}\n`))).toBe(TOKEN);
  });

  it.each([
    ['short', 'x'.repeat(15)],
    ['empty', ''],
    ['two lines', `${TOKEN}\n${TOKEN}\n`],
    ['huge', 'x'.repeat(5000)],
  ])('that is %s is refused without showing it', (_what, content) => {
    using directory = new TemporaryDirectory('token');
    const file = directory.write('token', content);
    // The whole message, so nothing of the content can be in it.
    expect(() => readToken(file)).toThrow(
      new AgentError(
        'ConfigInvalid',
        `apiTokenFile ${file}: must hold one line of 16 to 4096 characters without spaces; \`openssl rand -hex 32\` makes one`,
      ),
    );
  });

  it.each(['', '/missing'])('that cannot be read is named (%s)', (below) => {
    using directory = new TemporaryDirectory('token');
    expect(() => readToken(`${directory.path}${below}`)).toThrow(/cannot be read \((EISDIR|ENOENT)\)/);
  });
});
