import { doctorSchema } from '../doctor-schema.ts';
import type { Server } from '../server.ts';
import type { ApiServices } from '../services.ts';
import { withProblems } from './shared.ts';

export function doctorRoute(server: Server, doctor: ApiServices['doctor']): void {
  server.get(
    '/v1/doctor',
    {
      schema: {
        tags: ['agent'],
        summary:
          'What is wrong, the likely cause first, each with evidence and remedy. Asks the self-heal daemon and the agents of the other bricks.',
        response: withProblems({ 200: doctorSchema }),
      },
    },
    async () => await doctor(),
  );
}
