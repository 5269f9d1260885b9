import { peerQuotasSchema } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import type { Server } from '../server.ts';
import { withProblems } from './shared.ts';

export function peerRoute(server: Server, peerQuotas: ApiServices['peerQuotas']): void {
  server.get(
    '/v1/peer/quotas',
    {
      schema: {
        tags: ['quota'],
        summary: 'For the agents of the other bricks: the limits that this one has at first hand.',
        response: withProblems({ 200: peerQuotasSchema }),
      },
    },
    async () => peerQuotas(),
  );
}
