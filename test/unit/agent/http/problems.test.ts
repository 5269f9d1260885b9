/** How things that go wrong are told: always problem+json, with a word for programs and the id that the log has. */
import { beforeEach, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { createApiServer } from '../../../../src/agent/http/api-server.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import { AgentError, type ErrorCode } from '../../../../src/lib/errors.ts';
import { FakeServices } from '../../../support/fake-api.ts';

const PROBLEM = /^application\/problem\+json(; charset=utf-8)?$/;

let services: FakeServices;
let server: Server;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  services = new FakeServices();
  lines = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  server = await createApiServer({ services, log, version: '1.2.3', token: undefined });
  return async () => server.close();
});

async function failing(error: Error) {
  services.quotas.failure = error;
  return server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-1' });
}

describe('codes of the project', () => {
  const codes: [ErrorCode, number][] = [
    ['BadRequest', 422],
    ['NotFound', 404],
    ['Conflict', 409],
    ['ProcessUnproven', 409],
    ['VolfileInvalid', 422],
    ['Timeout', 504],
    ['Aborted', 503],
    ['BrickHung', 503],
    ['BrickFenced', 503],
    ['RpcDisconnected', 503],
    ['BrickIo', 502],
    ['RpcProtocol', 502],
    ['RpcRejected', 502],
    ['GlusterError', 502],
    ['NotSupported', 501],
    ['ConfigInvalid', 500],
  ];

  it.each(codes)('%s is %d', async (code, status) => {
    const reply = await failing(new AgentError(code, 'what happened'));
    expect(reply.statusCode).toBe(status);
    expect(reply.headers['content-type']).toMatch(PROBLEM);
    expect(reply.headers['retry-after']).toBe(status === 503 ? '5' : undefined);
    const body = reply.json();
    expect(body).toMatchObject({ type: 'about:blank', status, reason: code, detail: 'what happened' });
    expect(body.title).not.toBe('Error');
    expect(body.instance).toBe(reply.headers['x-request-id']);
  });

  it.each(codes.filter(([, status]) => status >= 500))(
    '%s is logged once, with the id of the request',
    async (code) => {
      const reply = await failing(new AgentError(code, 'what happened'));
      expect(lines.filter(({ level }) => level === 50)).toHaveLength(1);
      expect(lines[0]).toMatchObject({ reqId: reply.json().instance, reason: code });
    },
  );

  it('of the caller are not errors in the log', async () => {
    await failing(new AgentError('NotFound', 'x'));
    expect(lines).toEqual([]);
  });

  it('A bug says nothing to the caller, and everything to the log', async () => {
    const reply = await failing(new TypeError('secret detail of a bug'));
    expect(reply.statusCode).toBe(500);
    expect(reply.body).not.toContain('secret detail');
    expect(reply.json()).toMatchObject({ reason: 'Internal', title: 'Internal error' });
    expect(JSON.stringify(lines)).toContain('secret detail of a bug');
  });

  it('An error of another library with a status of its own is not believed when it blames the server', async () => {
    const reply = await failing(Object.assign(new Error('inner workings'), { statusCode: 503 }));
    expect(reply.json()).toMatchObject({ status: 500, reason: 'Internal' });
    expect(reply.body).not.toContain('inner workings');
  });
});

describe('requests that are wrong', () => {
  const put = { method: 'PUT', url: '/v1/quotas/pvc-1' } as const;

  it.each([
    ['a body that is too large', { ...put, payload: { limitBytes: 'x'.repeat(70_000) } }, 413, 'PayloadTooLarge'],
    [
      'a body of another type',
      { ...put, headers: { 'content-type': 'application/xml' }, payload: '<a/>' },
      415,
      'UnsupportedMediaType',
    ],
    [
      'a body of text',
      { ...put, headers: { 'content-type': 'text/plain' }, payload: '1Gi' },
      415,
      'UnsupportedMediaType',
    ],
    [
      'a form',
      { ...put, headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'limitBytes=1' },
      415,
      'UnsupportedMediaType',
    ],
    [
      'a body that is no JSON',
      { ...put, headers: { 'content-type': 'application/json' }, payload: '{"limitBytes":' },
      400,
      'BadRequest',
    ],
    ['an empty body', { ...put, headers: { 'content-type': 'application/json' } }, 400, 'BadRequest'],
    ['no body at all', put, 400, 'InvalidRequest'],
    ['an unknown path', { method: 'GET', url: '/v1/nope' }, 404, 'NotFound'],
    ['an unknown version', { method: 'GET', url: '/v2/status' }, 404, 'NotFound'],
    ['the root', { method: 'GET', url: '/' }, 404, 'NotFound'],
    ['a method that is not there', { method: 'PATCH', url: '/v1/quotas/pvc-1' }, 404, 'NotFound'],
    ['a list that is deleted', { method: 'DELETE', url: '/v1/quotas' }, 404, 'NotFound'],
    ['metrics, which are elsewhere', { method: 'GET', url: '/metrics' }, 404, 'NotFound'],
  ] as const)('%s', async (_what, request, status, reason) => {
    const reply = await server.inject(request);
    expect(reply.statusCode).toBe(status);
    expect(reply.headers['content-type']).toMatch(PROBLEM);
    expect(reply.json()).toMatchObject({
      type: 'about:blank',
      status,
      reason,
      instance: reply.headers['x-request-id'],
    });
    expect(services.quotas.calls).toEqual([]);
  });
});

describe('the id of a request', () => {
  it.each(['abc-123', 'trace:1.2_3', 'x'.repeat(64)])('%s is taken over', async (id) => {
    const reply = await server.inject({ url: '/v1/nope', headers: { 'x-request-id': id } });
    expect([reply.headers['x-request-id'], reply.json().instance]).toEqual([id, id]);
  });

  it.each(['', 'x'.repeat(65), 'a b', 'a"b', '{"a":1}', '<script>', 'ü', 'a,b', '$(id)'])('%s is not', async (id) => {
    const reply = await server.inject({ url: '/v1/nope', headers: { 'x-request-id': id } });
    expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is in the line that says who changed what', async () => {
    await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-1', headers: { 'x-request-id': 'who-1' } });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ audit: { action: 'RemoveQuota', pv: 'pvc-1', requestId: 'who-1' }, level: 30 });
  });
});
