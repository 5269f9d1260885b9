import { volfileListSchema } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import type { Server } from '../server.ts';
import {
  MAX_TEXT_LENGTH,
  volfileDiffRequestSchema,
  volfilePlanListSchema,
  volfilePlanRequestSchema,
  volfilePlanSchema,
} from '../volfile-plan-schemas.ts';
import { fewerRequests, withProblems } from './shared.ts';

const tags = ['volfile'];
/** Two texts, each character of which may be written as two; a whole ConfigMap has 1 MiB at most. */
const BODY_LIMIT_BYTES = 4 * MAX_TEXT_LENGTH + 64 * 1024;
/** From one address over TCP: the main thread does nothing else while it judges a file. */
const MAX_JUDGED_PER_SECOND = 5;

export function volfileRoutes(server: Server, { volfiles, volfilePlans }: ApiServices): void {
  const limited = fewerRequests(server, MAX_JUDGED_PER_SECOND);
  server.get(
    '/v1/volfiles',
    {
      schema: {
        tags,
        summary: 'What each process should run, and what became of it.',
        response: withProblems({ 200: volfileListSchema }),
      },
    },
    async () => volfiles(),
  );

  server.post(
    '/v1/volfiles/diff',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: limited,
      schema: {
        tags,
        summary:
          'What a volfile would do to a process that runs another one, or to a process of this pod; nothing is done.',
        body: volfileDiffRequestSchema,
        response: withProblems({ 200: volfilePlanSchema }, 404, 413, 422, 429),
      },
    },
    async (request) => await volfilePlans.diff(request.body),
  );

  server.post(
    '/v1/volfiles/plan',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: limited,
      schema: {
        tags,
        summary: 'What a ConfigMap with these files would do to each process of this pod; nothing is done.',
        body: volfilePlanRequestSchema,
        response: withProblems({ 200: volfilePlanListSchema }, 404, 413, 422, 429),
      },
    },
    async (request) => await volfilePlans.plan(request.body),
  );
}
