import { pvParamsSchema, scanStatusSchema } from '../schemas.ts';
import type { ScanService } from '../services.ts';
import { auditLine, withProblems } from './shared.ts';
import type { Server } from '../server.ts';

const tags = ['quota'];

export function scanRoutes(server: Server, scans: ScanService): void {
  server.get(
    '/v1/scan',
    {
      schema: {
        tags,
        summary: 'The scan that runs, how far it is, and those that wait.',
        response: withProblems({ 200: scanStatusSchema }),
      },
    },
    async () => scans.status(),
  );

  server.post(
    '/v1/quotas/:pv/scan',
    {
      schema: {
        tags,
        summary:
          'Measures what a PV really uses, before all PVs that nobody asked for; its result stands in the quota.',
        params: pvParamsSchema,
        response: withProblems({ 202: scanStatusSchema }, 404, 503),
      },
    },
    async (request, reply) => {
      const { pv } = request.params;
      scans.request(pv);
      auditLine(request, { action: 'ScanQuota', pv });
      return await reply.code(202).send(scans.status());
    },
  );

  server.delete(
    '/v1/quotas/:pv/scan',
    {
      schema: {
        tags,
        summary: 'Gives up the scan of a PV that runs or waits, whoever asked for it; what was measured before stands.',
        params: pvParamsSchema,
        response: withProblems({ 200: scanStatusSchema }, 404, 504),
      },
    },
    async (request) => {
      const { pv } = request.params;
      if (await scans.cancel(pv)) auditLine(request, { action: 'CancelScan', pv });
      return scans.status();
    },
  );
}
