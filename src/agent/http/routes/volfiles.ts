import { volfileListSchema } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

export function volfileRoutes(server: Server, volfiles: ApiServices['volfiles']): void {
  server.get(
    '/v1/volfiles',
    {
      schema: {
        tags: ['volfile'],
        summary: 'What each process should run, and what became of it.',
        response: withProblems({ 200: volfileListSchema }),
      },
    },
    async () => volfiles(),
  );
}
