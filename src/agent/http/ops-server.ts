import type { FastifyBaseLogger } from 'fastify';
import { healthRoutes } from './routes/health.ts';
import { metricsRoute } from './routes/metrics.ts';
import { createServer, type Server } from './server.ts';
import type { OpsServices } from './services.ts';

/** Probes and metrics: a listener of its own, because the kubelet and Prometheus come without credentials. */
export function createOpsServer(services: OpsServices, log: FastifyBaseLogger): Server {
  const server = createServer(log);
  healthRoutes(server, '/livez', services.livez);
  healthRoutes(server, '/readyz', services.readyz);
  metricsRoute(server, services.metrics);
  return server;
}
