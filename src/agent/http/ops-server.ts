import type { FastifyBaseLogger } from 'fastify';
import { preStopRoute } from './routes/disruption.ts';
import { healthRoutes } from './routes/health.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { metricsRoute } from './routes/metrics.ts';
import { pageRoutes } from './routes/page.ts';
import { createServer, type Server } from './server.ts';
import type { OpsServices } from './services.ts';

/** Probes, metrics and the status page: a listener of its own, because the kubelet and Prometheus come without credentials. */
export function createOpsServer(services: OpsServices, log: FastifyBaseLogger, clock: Clock = systemClock): Server {
  const server = createServer(log);
  healthRoutes(server, '/livez', services.livez);
  healthRoutes(server, '/readyz', services.readyz);
  healthRoutes(server, '/brick/livez', services.brick.livez);
  healthRoutes(server, '/brick/readyz', services.brick.readyz);
  healthRoutes(server, '/brick/startupz', services.brick.startupz);
  healthRoutes(server, '/shd/livez', services.brick.shdLivez);
  preStopRoute(server, services.preStop);
  metricsRoute(server, services.metrics);
  if (services.page !== undefined) pageRoutes(server, services.page, clock);
  return server;
}
