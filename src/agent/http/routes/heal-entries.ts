import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { peerUsesQuerySchema, peerUsesSchema } from '../heal-schemas.ts';
import { healEntriesQuerySchema, healEntriesSchema, healExplainSchema, healPvsSchema } from '../schemas.ts';
import type { HealEntriesService } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

const tags = ['heal'];
/** Made in some 10 ms, and enough for somebody who looks. */
const DEFAULT_LIMIT = '256';
/**
 * What a young generation of 1 MB holds on its way from the thread to the socket, so that it is thrown away before anybody moves it:
 * pages of 1,000 cost half as much again (measured).
 */
const STREAM_LIMIT = '250';

export function healEntryRoutes(server: Server, entries: HealEntriesService): void {
  server.get(
    '/v1/heal/entries',
    {
      schema: {
        tags,
        summary: 'The objects that wait for heal, page by page.',
        querystring: healEntriesQuerySchema,
        response: withProblems({ 200: healEntriesSchema }, 404, 422, 503, 504),
      },
    },
    async ({ query: { index = 'xattrop', after, limit = DEFAULT_LIMIT } }) =>
      await entries.page({ index, after, limit: Number(limit) }),
  );

  server.get(
    '/v1/heal/entries.ndjson',
    {
      schema: {
        tags,
        summary: 'All of them, one JSON object a line; a stream that is cut off was not complete.',
        querystring: healEntriesQuerySchema,
        response: withProblems({}, 404, 422, 503, 504),
      },
    },
    async ({ query: { index = 'xattrop', after, limit = STREAM_LIMIT } }, reply) => {
      // The first page before the status: an index that is not there is a 404, not a broken stream.
      const first = await entries.page({ index, after, limit: Number(limit) });
      const lines = async function* lines(): AsyncGenerator<string> {
        for (let page = first; ;) {
          const { items, next } = page;
          // Read by its thread while this one is written out.
          const following = next === null ? undefined : entries.page({ index, after: next, limit: Number(limit) });
          // It fails below; or nobody wants it any more.
          following?.catch(() => undefined);
          if (items.length > 0) yield items.map((item) => `${JSON.stringify(item)}\n`).join('');
          if (following === undefined) return;
          page = await following;
        }
      };
      return await reply.type('application/x-ndjson').send(Readable.from(lines()));
    },
  );

  server.get(
    '/v1/heal/pvs',
    {
      schema: {
        tags,
        summary: 'How many objects of each PV wait for heal; counted when asked, kept for a while.',
        response: withProblems({ 200: healPvsSchema }, 501, 503, 504),
      },
    },
    async () => await entries.pvs(),
  );

  server.post(
    '/v1/peer/heal/uses',
    {
      schema: {
        tags,
        summary: 'For the agents of the other bricks: what PVs hold and may hold on this one.',
        body: peerUsesQuerySchema,
        response: withProblems({ 200: peerUsesSchema }, 422),
      },
    },
    async ({ body: { pvs } }) => entries.uses(pvs),
  );

  server.get(
    '/v1/heal/explain',
    {
      schema: {
        tags,
        summary: 'Why the backlog, or one object, does not heal, as far as this brick can tell, and what to do.',
        querystring: Type.Object(
          {
            object: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 16_384,
                description: "A gfid, or a path from the volume's root that begins with /.",
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: withProblems({ 200: healExplainSchema }, 404, 422, 503, 504),
      },
    },
    async ({ query: { object } }) => await entries.explain(object),
  );
}
