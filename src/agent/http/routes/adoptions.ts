import { AgentError } from '../../../lib/errors.ts';
import { adoptAnswerSchema, adoptionSchema, adoptQuestionSchema, pvParamsSchema } from '../schemas.ts';
import type { AdoptionService } from '../services.ts';
import { auditLine, withProblems } from './shared.ts';
import type { Server } from '../server.ts';

const tags = ['quota'];
/** A step of an adoption, in milliseconds. */
const STEP_DEADLINE_MS = 60_000;

export function adoptionRoutes(server: Server, adoptions: AdoptionService): void {
  server.post(
    '/v1/quotas/:pv/adoption',
    {
      schema: {
        tags,
        summary:
          'Makes the running bricks of the set count all of a PV that had files before it became a quota; the same request again returns the running one.',
        params: pvParamsSchema,
        response: withProblems({ 202: adoptionSchema }, 404, 501, 503),
      },
    },
    async (request, reply) => {
      const { pv } = request.params;
      const view = adoptions.start(pv);
      auditLine(request, { action: 'AdoptQuota', pv });
      return await reply
        .code(202)
        .header('location', `/v1/quotas/${encodeURIComponent(pv)}/adoption`)
        .send(view);
    },
  );

  server.get(
    '/v1/quotas/:pv/adoption',
    {
      schema: {
        tags,
        summary: 'How far an adoption is, or how the last one ended.',
        params: pvParamsSchema,
        response: withProblems({ 200: adoptionSchema }, 404),
      },
    },
    async (request) => {
      const view = adoptions.get(request.params.pv);
      if (view === undefined)
        throw new AgentError('NotFound', `"${request.params.pv}" was not adopted since the start`);
      return view;
    },
  );

  server.post(
    '/v1/peer/adopt',
    {
      schema: {
        tags,
        summary: "For the agent of the set that leads an adoption: one step on this agent's brick.",
        body: adoptQuestionSchema,
        response: withProblems({ 200: adoptAnswerSchema }, 409, 422, 503, 504),
      },
    },
    async (request) => {
      const answer = await adoptions.answer(request.body, AbortSignal.timeout(STEP_DEADLINE_MS));
      const { pv, step, leader } = request.body;
      if (answer.done) auditLine(request, { action: 'AdoptStep', pv, step, leader });
      return answer;
    },
  );
}
