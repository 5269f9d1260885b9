import type { OpsServices } from '../services.ts';
import type { Server } from '../server.ts';

export function metricsRoute(server: Server, metrics: OpsServices['metrics']): void {
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics();
    return await reply.type(contentType).send(text);
  });
}
