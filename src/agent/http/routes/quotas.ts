import { AgentError } from '../../../lib/errors.ts';
import { parseBytes } from '../../../lib/units.ts';
import { claimText, readClaim, type PvClaim } from '../../../quota/claim.ts';
import { pvParamsSchema, quotaListSchema, quotaPutSchema, quotaViewSchema } from '../schemas.ts';
import type { QuotaService, ShownQuota } from '../services.ts';
import { auditLine, changeDeadline, withProblems } from './shared.ts';
import type { Server } from '../server.ts';

const tags = ['quota'];

export function quotaRoutes(server: Server, quotas: QuotaService): void {
  server.get(
    '/v1/quotas',
    { schema: { tags, summary: 'All PVs with their limits.', response: withProblems({ 200: quotaListSchema }) } },
    async () => ({ items: quotas.list(), refused: [...quotas.refusals], synced: quotas.hasSynced }),
  );

  server.get(
    '/v1/quotas/:pv',
    {
      schema: {
        tags,
        summary: 'One PV.',
        params: pvParamsSchema,
        response: withProblems({ 200: quotaViewSchema }, 404),
      },
    },
    async (request) => requiredQuota(quotas, request.params.pv),
  );

  server.put(
    '/v1/quotas/:pv',
    {
      schema: {
        tags,
        summary: 'Sets the limit of a PV on this brick: on disk, then live; the answer tells how far it came.',
        params: pvParamsSchema,
        body: quotaPutSchema,
        response: withProblems({ 200: quotaViewSchema, 201: quotaViewSchema }, 404, 422, 503, 504),
      },
    },
    async (request, reply) => {
      const limitBytes = parseBytes(request.body.limitBytes);
      if (limitBytes === 0n) throw new AgentError('BadRequest', 'limitBytes must be 1 or more; DELETE removes a limit');
      const { pv } = request.params;
      const claim = claimIn(request.body.claim);
      const { view, created } = await quotas.setLimit(pv, { limitBytes, claim }, changeDeadline());
      const told = claim === undefined ? {} : { claim: claim === null ? null : claimText(claim) };
      auditLine(request, { action: 'SetQuota', pv, limitBytes: limitBytes.toString(), ...told });
      return await reply.code(created ? 201 : 200).send(view);
    },
  );

  server.delete(
    '/v1/quotas/:pv',
    {
      schema: {
        tags,
        summary: 'Takes back what the API has set for a PV; what Kadalu asks for counts again, else there is no limit.',
        params: pvParamsSchema,
        response: withProblems({ 200: quotaViewSchema }, 404, 503, 504),
      },
    },
    async (request) => {
      const { pv } = request.params;
      const view = await quotas.removeLimit(pv, changeDeadline());
      auditLine(request, { action: 'RemoveQuota', pv });
      return view;
    },
  );
}

/** @throws AgentError `BadRequest` */
function claimIn(value: unknown): PvClaim | null | undefined {
  if (value === undefined || value === null) return value;
  const claim = readClaim(value);
  if (typeof claim === 'string') throw new AgentError('BadRequest', `claim: ${claim}`);
  return claim;
}

/** @throws AgentError `NotFound` */
export function requiredQuota(quotas: QuotaService, pv: string): ShownQuota {
  const view = quotas.get(pv);
  if (view === undefined) throw new AgentError('NotFound', `no PV "${pv}" on this brick`);
  return view;
}
