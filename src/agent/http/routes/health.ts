import { Type } from 'typebox';
import { formatReport, runChecks, type HealthCheck } from '../../health.ts';
import { problem } from '../errors.ts';
import type { Server } from '../server.ts';

const querySchema = Type.Object({
  verbose: Type.Optional(Type.String({ maxLength: 8 })),
  exclude: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Array(Type.String({ maxLength: 64 }))])),
});

/** `/livez` and `/livez/<check>` style endpoints: the status code is for machines, the text for people. */
export function healthRoutes(server: Server, path: string, checks: readonly HealthCheck[]): void {
  const kind = path.slice(1);
  server.get(path, { schema: { querystring: querySchema } }, async (request, reply) => {
    const { exclude, verbose } = request.query;
    const excluded = new Set(exclude === undefined ? [] : Array.isArray(exclude) ? exclude : [exclude]);
    const report = runChecks(checks, excluded);
    const detailed = verbose !== undefined || !report.ok;
    return await reply
      .code(report.ok ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(detailed ? formatReport(kind, report) : 'ok');
  });
  server.get(
    `${path}/:check`,
    { schema: { params: Type.Object({ check: Type.String({ maxLength: 64 }) }) } },
    async (request, reply) => {
      const wanted = checks.filter((check) => check.name === request.params.check);
      if (wanted.length === 0) {
        const known = `there is ${checks.map(({ name }) => name).join(', ') || 'none'}`;
        const body = problem(404, 'NotFound', `no check "${request.params.check}" in ${path}: ${known}`, request.id);
        return await reply.code(404).type('application/problem+json').send(body);
      }
      const report = runChecks(wanted);
      return await reply
        .code(report.ok ? 200 : 503)
        .type('text/plain; charset=utf-8')
        .send(formatReport(kind, report));
    },
  );
}
