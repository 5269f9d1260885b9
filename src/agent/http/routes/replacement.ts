import { Type } from 'typebox';
import { peerMarkSchema, replacementRequestSchema, replacementSchema } from '../replacement-schemas.ts';
import type { Server } from '../server.ts';
import type { ReplacementService } from '../services.ts';
import { allowSilence, auditLine, changeDeadline, withProblems } from './shared.ts';

const tags = ['heal'];

export function replacementRoutes(server: Server, replacement: ReplacementService): void {
  server.post(
    '/v1/heal/mark-replaced',
    {
      schema: {
        tags,
        summary:
          'Marks an empty brick on the others of its set, so that they know what it lacks: shows what would be done, or does it when the plan is named.',
        body: replacementRequestSchema,
        response: withProblems({ 200: replacementSchema }, 409, 422, 501, 503, 504),
      },
    },
    async (request) => {
      allowSilence(request);
      const view = await replacement.replace(request.body);
      const { brick, plan, results } = view;
      if (results !== null) auditLine(request, { action: 'MarkReplaced', brick, plan, results });
      return view;
    },
  );

  server.post(
    '/v1/peer/heal/mark',
    {
      schema: {
        tags,
        summary: 'For the agents of the other bricks: marks one of them as replaced on this one, if it is empty.',
        body: peerMarkSchema,
        response: withProblems({ 200: Type.Object({ marked: Type.Literal(true) }) }, 409, 422, 501, 503, 504),
      },
    },
    async (request) => {
      await replacement.mark(request.body.brick, changeDeadline());
      auditLine(request, { action: 'MarkReplaced', brick: request.body.brick });
      return { marked: true as const };
    },
  );
}
