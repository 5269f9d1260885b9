import { pvParamsSchema, quotaViewSchema } from '../schemas.ts';
import type { QuotaService, RepairService } from '../services.ts';
import { requiredQuota } from './quotas.ts';
import { auditLine, withProblems } from './shared.ts';
import type { Server } from '../server.ts';

export function repairRoutes(server: Server, quotas: QuotaService, repairs: RepairService): void {
  server.post(
    '/v1/quotas/:pv/repair',
    {
      schema: {
        tags: ['quota'],
        summary:
          "Sets the running brick's counter of a PV right as soon as two scans in a row find the same drift; what became of it stands in the quota.",
        params: pvParamsSchema,
        response: withProblems({ 202: quotaViewSchema }, 404, 501, 503),
      },
    },
    async (request, reply) => {
      const { pv } = request.params;
      repairs.request(pv);
      auditLine(request, { action: 'RepairQuota', pv });
      return await reply.code(202).send(requiredQuota(quotas, pv));
    },
  );
}
