import { Check } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiServer } from '../../../../src/agent/http/api-server.ts';
import { scanStatusSchema } from '../../../../src/agent/http/schemas.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import { AgentError } from '../../../../src/lib/errors.ts';
import { FakeServices, silentPino } from '../../../support/fake-api.ts';

let services: FakeServices;
let server: Server;

beforeEach(async () => {
  services = new FakeServices();
  server = await createApiServer({ services, log: silentPino, version: '1.2.3', token: undefined });
});
afterEach(async () => server.close());

describe('scans over the API', () => {
  it('takes a request for one and says how far they are', async () => {
    const answer = await server.inject({ method: 'POST', url: '/v1/quotas/pvc-2/scan' });
    expect(answer.statusCode).toBe(202);
    expect(services.scans.requested).toEqual(['pvc-2']);
    const status: unknown = (await server.inject({ method: 'GET', url: '/v1/scan' })).json();
    expect(Check(scanStatusSchema, status)).toBe(true);
    expect(status).toEqual(services.scans.status());
  });

  it('gives one up, whether it is there or not, and says so in the log once', async () => {
    services.scans.requested.push('pvc-2');
    for (const at of ['first', 'again']) {
      const answer = await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-2/scan' });
      expect(answer.statusCode, at).toBe(200);
      expect(Check(scanStatusSchema, answer.json())).toBe(true);
      expect(answer.json()).toEqual(services.scans.status());
    }
    expect(services.scans.cancelled).toEqual(['pvc-2']);
    services.scans.failure = new AgentError('Timeout', 'no');
    expect((await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-2/scan' })).statusCode).toBe(504);
  });

  it.each([
    ['NotFound', 404],
    ['BrickFenced', 503],
  ] as const)('answers %s with %i', async (code, status) => {
    services.scans.failure = new AgentError(code, 'no');
    expect((await server.inject({ method: 'POST', url: '/v1/quotas/pvc-9/scan' })).statusCode).toBe(status);
  });
});
