import swagger from '@fastify/swagger';
import type { Server } from './server.ts';

/**
 * Makes `server.swagger()` return the OpenAPI document of the routes that are added after it. The running agent does not load
 * this: the document is a file, `docs/openapi.json`.
 */
export async function describeRoutes(server: Server, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'gluster-brick-agent',
        description: 'Quotas, self-heal and volfiles of one GlusterFS brick.',
        version: version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  });
}
