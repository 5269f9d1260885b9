import { versionSchema } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

export function versionRoute(server: Server, version: ApiServices['version']): void {
  server.get(
    '/v1/version',
    {
      schema: {
        tags: ['agent'],
        summary: 'Versions and what this agent can do here.',
        response: withProblems({ 200: versionSchema }),
      },
    },
    async () => version(),
  );
}
