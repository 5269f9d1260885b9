import { Type } from 'typebox';
import { AgentError } from '../../../lib/errors.ts';
import { healOperationSchema, healSchema, healStartSchema } from '../schemas.ts';
import type { HealService } from '../services.ts';
import type { Server } from '../server.ts';
import { auditLine, withProblems } from './shared.ts';

const tags = ['heal'];

export function healRoutes(server: Server, heal: HealService): void {
  server.get(
    '/v1/heal',
    { schema: { tags, summary: 'The backlog of this brick.', response: withProblems({ 200: healSchema }) } },
    async () => heal.view(),
  );

  server.post(
    '/v1/heal',
    {
      schema: {
        tags,
        summary: 'Starts a heal through the self-heal daemon; the same request again returns the running one.',
        body: healStartSchema,
        response: withProblems({ 202: healOperationSchema }, 409, 422, 501, 503),
      },
    },
    async (request, reply) => {
      const operation = heal.start(request.body.kind);
      auditLine(request, { action: 'StartHeal', kind: operation.kind, operation: operation.id });
      return await reply.code(202).header('location', `/v1/operations/${operation.id}`).send(operation);
    },
  );

  server.get(
    '/v1/operations/:id',
    {
      schema: {
        tags,
        summary: 'One operation.',
        params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
        response: withProblems({ 200: healOperationSchema }, 404),
      },
    },
    async (request) => {
      const operation = heal.operation(request.params.id);
      if (operation === undefined) {
        throw new AgentError(
          'NotFound',
          `no operation "${request.params.id}"; finished ones are kept for a while only`,
        );
      }
      return operation;
    },
  );
}
