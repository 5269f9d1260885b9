/** Every route of the API, without a port: what it answers, and that the answer is what its schema says. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import {
  disruptionSchema,
  peerHealSchema,
  peerObjectsSchema,
  preStopSchema,
  splitBrainSchema,
} from '../../../../src/agent/http/heal-schemas.ts';
import { createApiServer } from '../../../../src/agent/http/api-server.ts';
import { resolutionSchema } from '../../../../src/agent/http/resolve-schemas.ts';
import {
  healOperationSchema,
  healSchema,
  peerQuotasSchema,
  quotaListSchema,
  quotaViewSchema,
  statusSchema,
  versionSchema,
  volfileListSchema,
} from '../../../../src/agent/http/schemas.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import { AgentError } from '../../../../src/lib/errors.ts';
import {
  MAX_TEXT_LENGTH,
  volfilePlanListSchema,
  volfilePlanSchema,
} from '../../../../src/agent/http/volfile-plan-schemas.ts';
import { FakeServices, silentPino } from '../../../support/fake-api.ts';

const PROBLEM = /^application\/problem\+json(; charset=utf-8)?$/;

let services: FakeServices;
let server: Server;

beforeEach(async () => {
  services = new FakeServices();
  server = await createApiServer({ services, log: silentPino, version: '1.2.3', token: undefined });
  return async () => server.close();
});

describe('stopping a brick', () => {
  it('is claimed, released, and prepared, within bounds', async () => {
    const claim = await server.inject({ method: 'POST', url: '/v1/disruption', payload: { holdSeconds: 30 } });
    expect([claim.statusCode, Check(disruptionSchema, claim.json())]).toEqual([200, true]);
    expect((await server.inject({ method: 'DELETE', url: '/v1/disruption' })).statusCode).toBe(204);
    const stop = await server.inject({ method: 'POST', url: '/v1/pre-stop', payload: { waitSeconds: 60 } });
    expect([stop.statusCode, Check(preStopSchema, stop.json())]).toEqual([200, true]);
    expect(services.disruption.calls).toEqual(['claim 30000', 'release', 'preStop 60000']);
  });

  it.each([
    ['/v1/disruption', { holdSeconds: 0 }],
    ['/v1/disruption', { holdSeconds: 601 }],
    ['/v1/disruption', {}],
    ['/v1/pre-stop', { waitSeconds: -1 }],
    ['/v1/pre-stop', { waitSeconds: 5, force: true }],
  ])('%s refuses %o', async (url, payload) => {
    expect((await server.inject({ method: 'POST', url, payload })).statusCode).toBe(400);
    expect(services.disruption.calls).toEqual([]);
  });
});

describe('ending a split-brain', () => {
  const post = async (url: string, payload: object) => await server.inject({ method: 'POST', url, payload });
  const change = {
    gfid: '11111111-1111-4111-8111-111111111111',
    child: 'pool1-client-1',
    add: { data: -3, metadata: 0, entry: 0 },
    expected: { 'trusted.afr.pool1-client-1': '000000030000000000000000' },
  };

  it('shows a plan, and carries out the one that is named', async () => {
    const plan = await post('/v1/heal/resolve', { object: '/a', policy: 'majority' });
    expect([plan.statusCode, Check(resolutionSchema, plan.json()), plan.json().results]).toEqual([200, true, null]);
    const done = await post('/v1/heal/resolve', { pv: 'pvc-1', policy: 'source-brick', sourceBrick: 1, plan: 'x' });
    expect(done.json().results).toMatchObject([{ outcome: 'Healed' }]);
  });

  it('changes a row for a peer', async () => {
    expect((await post('/v1/peer/heal/changelog', change)).statusCode).toBe(200);
    expect(services.resolve.calls).toEqual([change]);
    expect((await post('/v1/peer/heal/crawl', {})).statusCode).toBe(200);
  });

  it.each<[string, object]>([
    ['/v1/heal/resolve', { object: '/a' }],
    ['/v1/heal/resolve', { object: '/a', policy: 'newest' }],
    ['/v1/heal/resolve', { object: '/a', policy: 'majority', sourceBrick: -1 }],
    ['/v1/heal/resolve', { object: '/a', policy: 'majority', force: true }],
    ['/v1/peer/heal/changelog', { ...change, child: 'a/b' }],
    ['/v1/peer/heal/changelog', { ...change, add: { data: 2, metadata: 0, entry: 0 } }],
    ['/v1/peer/heal/changelog', { ...change, add: { data: 0, metadata: 0, entry: -1 } }],
    ['/v1/peer/heal/changelog', { ...change, expected: { 'user.x': '00' } }],
    ['/v1/peer/heal/changelog', { ...change, expected: undefined }],
  ])('%s refuses what it does not know (case %#)', async (url, payload) => {
    expect((await post(url, payload)).statusCode).toBe(400);
    expect(services.resolve.calls).toEqual([]);
  });
});

describe('what agents ask one another', () => {
  const gfid = '11111111-1111-4111-8111-111111111111';
  const post = async (payload: object) =>
    await server.inject({ method: 'POST', url: '/v1/peer/heal/objects', payload });

  it('is answered in the order of the question, up to its bounds', async () => {
    // The longest names, all bytes of which take six characters.
    const names = Array.from({ length: 256 }, () => ({ parent: gfid, name: '\u0001'.repeat(255) }));
    const reply = await post({ gfids: Array.from({ length: 256 }, () => gfid), names });
    expect([reply.statusCode, Check(peerObjectsSchema, reply.json())]).toEqual([200, true]);
    expect(services.splitBrain.calls[0]?.names).toEqual(names);
  });

  it.each([
    { gfids: [gfid] },
    { gfids: ['../../etc'], names: [] },
    { gfids: [], names: [{ parent: gfid, name: 'a/b' }] },
    { gfids: [], names: [{ parent: gfid, name: '' }] },
    { gfids: [], names: [{ parent: gfid, name: '..' }] },
    { gfids: [], names: [{ parent: gfid, name: 'a\u0000' }] },
    { gfids: [], names: [{ parent: gfid, name: '\u0100' }] },
    { gfids: [], names: [{ parent: gfid, name: 'x'.repeat(256) }] },
    { gfids: Array.from({ length: 257 }, () => gfid), names: [] },
  ])('is refused when it is none (case %#)', async (payload) => {
    expect((await post(payload)).statusCode).toBe(400);
    expect(services.splitBrain.calls).toEqual([]);
  });
});

describe('volfiles that are judged by request', () => {
  const post = async (url: string, payload: object) =>
    await server.inject({ method: 'POST', url: `/v1/volfiles/${url}`, payload });
  const longest = '\n'.repeat(MAX_TEXT_LENGTH);

  it('are answered, up to their bounds', async () => {
    for (const body of [
      { old: longest, new: longest },
      { process: 'brick', new: '' },
      { old: '', new: '', role: 'auto', glusterVersion: '10' },
    ]) {
      const reply = await post('diff', body);
      expect([reply.statusCode, Check(volfilePlanSchema, reply.json())]).toEqual([200, true]);
    }
    const files = { 'a.vol': longest, 'b-1_2.VOL': longest };
    const reply = await post('plan', { files });
    expect([reply.statusCode, Check(volfilePlanListSchema, reply.json())]).toEqual([200, true]);
    expect(services.volfilePlans.calls.at(-1)).toEqual({ files });
  });

  it.each<[string, object, number]>([
    ['diff', {}, 400],
    ['diff', { old: 'x' }, 400],
    ['diff', { new: 5, old: '' }, 400],
    ['diff', { new: `${longest}x`, old: '' }, 400],
    ['diff', { new: '', process: 'glusterd' }, 400],
    ['diff', { new: '', old: '', path: '/etc/passwd' }, 400],
    ['diff', { new: longest, old: longest, role: longest }, 413],
    ['plan', {}, 400],
    ['plan', { files: { 'a/b.vol': '' } }, 400],
    ['plan', { files: { 'a.vol': null } }, 400],
    ['plan', { files: { 'a.vol': `${longest}x` } }, 400],
    ['plan', { files: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`${n}.vol`, ''])) }, 400],
  ])('are refused by %s where they are none (case %#)', async (url, payload, status) => {
    const reply = await post(url, payload);
    expect(reply.statusCode).toBe(status);
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(services.volfilePlans.calls).toEqual([]);
  });
});

describe('what is asked for', () => {
  it.each([
    ['/v1/version', versionSchema],
    ['/v1/status', statusSchema],
    ['/v1/quotas', quotaListSchema],
    ['/v1/quotas/pvc-1', quotaViewSchema],
    ['/v1/quotas/pvc-free', quotaViewSchema],
    ['/v1/heal', healSchema],
    ['/v1/volfiles', volfileListSchema],
    ['/v1/peer/quotas', peerQuotasSchema],
    ['/v1/disruption', disruptionSchema],
    ['/v1/peer/heal', peerHealSchema],
    ['/v1/heal/split-brain', splitBrainSchema],
  ])('GET %s', async (url, schema) => {
    const reply = await server.inject(url);
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(Check(schema, reply.json())).toBe(true);
  });

  it('keeps what is not known as null, and byte counts exact', async () => {
    services.quotas.limits.set('pvc-big', 2n ** 63n - 1n);
    expect((await server.inject('/v1/quotas/pvc-big')).json()).toMatchObject({
      spec: { limitBytes: '9223372036854775807' },
    });
    expect((await server.inject('/v1/heal')).json()).toMatchObject({ pending: { xattrop: 900, entryChanges: null } });
    expect((await server.inject('/v1/quotas/pvc-free')).json()).toMatchObject({
      spec: { limitBytes: null, source: null },
    });
  });

  it('shows everything that the fakes say, member by member', async () => {
    expect((await server.inject('/v1/status')).json()).toEqual(services.status());
    expect((await server.inject('/v1/volfiles')).json()).toEqual(services.volfileList);
    expect((await server.inject('/v1/quotas')).json()).toEqual({
      items: services.quotas.list(),
      refused: services.quotas.refusals,
      synced: true,
    });
  });

  it('shows an odd value of one PV as it is, and the others with it', async () => {
    const odd = services.quotas.list();
    const [first] = odd;
    if (first !== undefined) first.status.usedBytes = '-4096';
    services.quotas.list = () => odd;
    const reply = await server.inject('/v1/quotas');
    expect(reply.statusCode).toBe(200);
    expect(reply.json().items).toEqual(odd);
  });

  it('HEAD answers as GET without a body', async () => {
    const reply = await server.inject({ method: 'HEAD', url: '/v1/status' });
    expect([reply.statusCode, reply.body]).toEqual([200, '']);
  });
});

describe('setting a limit', () => {
  const put = async (pv: string, limitBytes: unknown) =>
    server.inject({ method: 'PUT', url: `/v1/quotas/${pv}`, payload: { limitBytes } });

  it('says 201 for the first and 200 for the next', async () => {
    expect((await put('pvc-free', '10Gi')).statusCode).toBe(201);
    const second = await put('pvc-free', '21474836480');
    expect(second.statusCode).toBe(200);
    expect(second.json()).toMatchObject({ pv: 'pvc-free', spec: { limitBytes: '21474836480' } });
    expect(services.quotas.calls).toEqual(['set pvc-free 10737418240', 'set pvc-free 21474836480']);
  });

  it.each(['0', '-1', '10 apples', '1.5', '9223372036854775808', '0x10', '1e3', 'NaN', '１０'])(
    'refuses the size %s with 422 and touches nothing',
    async (size) => {
      const reply = await put('pvc-1', size);
      expect(reply.statusCode).toBe(422);
      expect(reply.json()).toMatchObject({ status: 422, reason: 'BadRequest' });
      expect(services.quotas.calls).toEqual([]);
    },
  );

  it.each([
    ['a number', 10_737_418_240],
    ['nothing', ''],
    ['null', null],
    ['an object', {}],
    ['a list', ['1Gi']],
    ['a novel', '1'.repeat(33)],
  ])('refuses %s as a size with 400', async (_what, size) => {
    const reply = await put('pvc-1', size);
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ status: 400, reason: 'InvalidRequest' });
    expect(reply.json().detail).toContain('limitBytes');
    expect(services.quotas.calls).toEqual([]);
  });

  const putClaim = async (claim: unknown) =>
    server.inject({ method: 'PUT', url: '/v1/quotas/pvc-1', payload: { limitBytes: '1Gi', claim } });

  it('takes the claim that the PV is of, and null to forget it', async () => {
    for (const claim of [{ namespace: 'shop', name: 'data-db-0' }, null]) {
      expect((await putClaim(claim)).statusCode).toBe(200);
    }
    expect(services.quotas.calls).toEqual(['set pvc-1 1073741824 shop/data-db-0', 'set pvc-1 1073741824 unclaimed']);
  });

  it.each([
    [{ namespace: 'Shop', name: 'data' }, 422, 'claim: its namespace is no label of RFC 1123'],
    [{ namespace: 'shop', name: 'data_1' }, 422, 'claim: its name is no subdomain of RFC 1123'],
    [{ namespace: 'shop', name: 'data', uid: 'x' }, 422, 'no "uid"'],
    [{ namespace: 'shop' }, 400, 'body/claim'],
    ['shop/data', 400, 'body/claim'],
    [[], 400, 'body/claim'],
  ])('refuses the claim %j and touches nothing', async (claim, status, detail) => {
    const reply = await putClaim(claim);
    expect(reply.statusCode).toBe(status);
    expect(reply.json().detail).toContain(detail);
    expect(services.quotas.calls).toEqual([]);
  });

  it('refuses members that it does not know', async () => {
    const payload = { limitBytes: '1Gi', softLimitBytes: '1Mi' };
    const reply = await server.inject({ method: 'PUT', url: '/v1/quotas/pvc-1', payload });
    expect(reply.statusCode).toBe(400);
    expect(reply.json().detail).toBe('body/softLimitBytes is not known here');
    expect(services.quotas.calls).toEqual([]);
  });

  it('is 404 for a PV that is not here', async () => {
    const reply = await put('pvc-gone', '1Gi');
    expect(reply.json()).toMatchObject({ status: 404, reason: 'NotFound', detail: 'no PV "pvc-gone" on this brick' });
  });

  it('cannot be made to pollute prototypes', async () => {
    const reply = await server.inject({
      method: 'PUT',
      url: '/v1/quotas/pvc-1',
      headers: { 'content-type': 'application/json' },
      payload: '{"limitBytes":"1Gi","__proto__":{"x":1}}',
    });
    expect(reply.statusCode).toBe(400);
  });
});

describe('removing a limit', () => {
  it('is the same the second time', async () => {
    for (const _ of [1, 2]) {
      const reply = await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-1' });
      expect(reply.statusCode).toBe(200);
      expect(reply.json()).toMatchObject({ spec: { limitBytes: null } });
    }
  });

  it('is 404 for a PV that is not here', async () => {
    expect((await server.inject({ method: 'DELETE', url: '/v1/quotas/pvc-gone' })).statusCode).toBe(404);
  });
});

describe('names of PVs', () => {
  it.each(['a%2Fb', '..%2f..%2fetc', '%00', 'x%00y', '..', '%2e%2e', '%1b%5b2J', 'a%0ab', '%c2%9b', 'x'.repeat(256)])(
    '%s is refused',
    async (name) => {
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const payload = method === 'PUT' ? { payload: { limitBytes: '1Gi' } } : {};
        const reply = await server.inject({ method, url: `/v1/quotas/${name}`, ...payload });
        expect([400, 404]).toContain(reply.statusCode);
        expect(reply.headers['content-type']).toMatch(PROBLEM);
      }
      expect(services.quotas.calls).toEqual([]);
    },
  );

  it.each(['%zz', '%', '%e0%a4%a', '%ff'])('with a broken escape (%s) is refused as a problem', async (name) => {
    const reply = await server.inject(`/v1/quotas/${name}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toMatch(PROBLEM);
    expect(reply.headers['x-request-id']).toBe(reply.json().instance);
  });

  it('longer than any name is refused as a problem', async () => {
    const reply = await server.inject(`/v1/quotas/${'x'.repeat(3000)}`);
    expect(reply.statusCode).toBe(414);
    expect(reply.json()).toMatchObject({ status: 414, title: 'URI too long' });
  });

  it.each(['pvc-ünï', 'x'.repeat(255), 'a b', '日本', 'a\'b"c', 'a;b', '%25', 'é'.repeat(127)])(
    '%s is just a name',
    async (pv) => {
      services.quotas.limits.set(pv, 1024n);
      const reply = await server.inject(`/v1/quotas/${encodeURIComponent(pv)}`);
      expect(reply.statusCode).toBe(200);
      expect(reply.json()).toMatchObject({ pv });
    },
  );
});

describe('heal', () => {
  it('starts with 202 and the place to look, and is the same the second time', async () => {
    const request = { method: 'POST', url: '/v1/heal', payload: { kind: 'full' } } as const;
    const first = await server.inject(request);
    expect(first.statusCode).toBe(202);
    expect(Check(healOperationSchema, first.json())).toBe(true);
    expect((await server.inject(request)).json()).toEqual(first.json());
    const { location } = first.headers;
    const found = await server.inject(String(location));
    expect(found.statusCode).toBe(200);
    expect(found.json()).toEqual(first.json());
  });

  it.each([{}, { kind: 'bad' }, { kind: 'full', force: true }, null, [], 'full'])('refuses %j', async (payload) => {
    const reply = await server.inject({
      method: 'POST',
      url: '/v1/heal',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(payload),
    });
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ reason: 'InvalidRequest' });
    expect(services.heal.operations.size).toBe(0);
  });

  it('says why it cannot start', async () => {
    services.heal.failure = new AgentError('ProcessUnproven', 'the socket is not proven to be the heal daemon');
    const reply = await server.inject({ method: 'POST', url: '/v1/heal', payload: { kind: 'index' } });
    expect(reply.json()).toMatchObject({ status: 409, reason: 'ProcessUnproven' });
  });

  it('knows only its operations', async () => {
    expect((await server.inject('/v1/operations/nope')).json()).toMatchObject({ status: 404, reason: 'NotFound' });
    expect((await server.inject(`/v1/operations/${'x'.repeat(65)}`)).json()).toMatchObject({ status: 400 });
  });
});
