import { statusSchema, versionSchema } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

const tags = ['agent'];

export function statusRoutes(server: Server, services: Pick<ApiServices, 'version' | 'status'>): void {
  server.get(
    '/v1/version',
    {
      schema: {
        tags,
        summary: 'Versions and what this agent can do here.',
        response: withProblems({ 200: versionSchema }),
      },
    },
    async () => services.version(),
  );
  server.get(
    '/v1/status',
    {
      schema: { tags, summary: 'The brick and all duties at a glance.', response: withProblems({ 200: statusSchema }) },
    },
    async () => services.status(),
  );
}
