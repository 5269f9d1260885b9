import { beforeEach, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { createApiServer } from '../../../../src/agent/http/api-server.ts';
import { healEntriesSchema, healExplainSchema, healPvsSchema } from '../../../../src/agent/http/schemas.ts';
import type { Server } from '../../../../src/agent/http/server.ts';
import { FakeServices, healEntryView, silentPino } from '../../../support/fake-api.ts';

const A = '11111111-1111-4111-8111-111111111111';
const B = '22222222-2222-4222-8222-222222222222';

let services: FakeServices;
let server: Server;

beforeEach(async () => {
  services = new FakeServices();
  server = await createApiServer({ services, log: silentPino, version: '1.2.3', token: undefined });
  return async () => server.close();
});

/** Two pages. */
function twoPages(): void {
  services.healEntries.pages = [
    { index: 'xattrop', items: [healEntryView(A)], next: A },
    { index: 'xattrop', items: [healEntryView(B)], next: null },
  ];
}

describe('heal entries', () => {
  it.each([
    ['/v1/heal/entries', healEntriesSchema],
    ['/v1/heal/pvs', healPvsSchema],
    ['/v1/heal/explain', healExplainSchema],
    ['/v1/heal/explain?object=%2Fsubvol%2Fab', healExplainSchema],
  ])('GET %s', async (url, schema) => {
    const reply = await server.inject(url);
    expect(reply.statusCode).toBe(200);
    expect(Check(schema, reply.json())).toBe(true);
  });

  it('are given page by page', async () => {
    twoPages();
    const first = await server.inject('/v1/heal/entries?index=dirty&limit=1');
    expect(first.json()).toEqual(services.healEntries.pages[0]);
    await server.inject(`/v1/heal/entries?after=${A}`);
    expect(services.healEntries.calls).toEqual([
      { index: 'dirty', after: undefined, limit: 1 },
      { index: 'xattrop', after: A, limit: 256 },
    ]);
  });

  it.each(['index=entry-changes', 'limit=0', 'limit=1001', 'limit=x', `after=${'1'.repeat(37)}`, 'more=1'])(
    'refuse ?%s',
    async (query) => {
      const reply = await server.inject(`/v1/heal/entries?${query}`);
      expect(reply.statusCode).toBe(400);
      expect(services.healEntries.calls).toEqual([]);
    },
  );

  it('are streamed whole, one a line', async () => {
    twoPages();
    const reply = await server.inject('/v1/heal/entries.ndjson');
    expect(reply.headers['content-type']).toBe('application/x-ndjson');
    const lines = reply.body.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([healEntryView(A), healEntryView(B)]);
  });

  it('are not called whole when the brick stops answering in the middle', async () => {
    services.healEntries.pages = [{ index: 'xattrop', items: [healEntryView(A)], next: A }];
    await expect(server.inject('/v1/heal/entries.ndjson')).rejects.toThrow('destroyed');
    services.healEntries.calls.length = 0;
    services.healEntries.pages = [];
    expect((await server.inject('/v1/heal/entries.ndjson')).statusCode).toBe(503);
  });
});
