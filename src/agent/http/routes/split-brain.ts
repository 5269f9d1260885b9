import { peerObjectsQuerySchema, peerObjectsSchema, splitBrainSchema } from '../heal-schemas.ts';
import type { SplitBrainService } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

const tags = ['heal'];
/** 256 names of 255 bytes, each of which takes up to 6 in JSON. */
const BODY_BYTES = 512 * 1024;

export function splitBrainRoutes(server: Server, splitBrain: SplitBrainService): void {
  server.get(
    '/v1/heal/split-brain',
    {
      schema: {
        tags,
        summary: 'Objects of this brick whose copies are in split-brain, confirmed by all bricks of the set.',
        response: withProblems({ 200: splitBrainSchema }, 501),
      },
    },
    async () => splitBrain.view(),
  );

  server.post(
    '/v1/peer/heal/objects',
    {
      bodyLimit: BODY_BYTES,
      schema: {
        tags,
        summary: 'For the agents of the other bricks: the copies of objects on this one, and what it has under names.',
        body: peerObjectsQuerySchema,
        response: withProblems({ 200: peerObjectsSchema }, 422, 503, 504),
      },
    },
    async (request) => await splitBrain.objects(request.body),
  );
}
