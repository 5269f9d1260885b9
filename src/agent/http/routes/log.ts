import { logSchema } from '../log-schema.ts';
import type { Server } from '../server.ts';
import type { ApiServices } from '../services.ts';
import { withProblems } from './shared.ts';

export function logRoute(server: Server, log: ApiServices['log']): void {
  server.get(
    '/v1/log',
    {
      schema: {
        tags: ['agent'],
        summary: "The last lines of the agent's own log, from memory.",
        response: withProblems({ 200: logSchema }),
      },
    },
    async () => ({ lines: log() }),
  );
}
