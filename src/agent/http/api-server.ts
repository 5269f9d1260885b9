import { readFileSync } from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';
import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import type { TlsKeeper } from '../tls/keeper.ts';
import { adoptionRoutes } from './routes/adoptions.ts';
import { disruptionRoutes } from './routes/disruption.ts';
import { doctorRoute } from './routes/doctor.ts';
import { healEntryRoutes } from './routes/heal-entries.ts';
import { healRoutes } from './routes/heal.ts';
import { logRoute } from './routes/log.ts';
import { peerRoute } from './routes/peer.ts';
import { quotaRoutes } from './routes/quotas.ts';
import { repairRoutes } from './routes/repairs.ts';
import { replacementRoutes } from './routes/replacement.ts';
import { resolveRoutes } from './routes/resolve.ts';
import { scanRoutes } from './routes/scans.ts';
import { splitBrainRoutes } from './routes/split-brain.ts';
import { statusRoutes } from './routes/status.ts';
import { volfileRoutes } from './routes/volfiles.ts';
import { createServer, type Server } from './server.ts';
import type { ApiServices } from './services.ts';
import type { SocketClaim } from './socket-claim.ts';

/** Requests a second from one address over TCP; an operator with many PVs stays far below. */
const MAX_REQUESTS_PER_SECOND = 200;
/** Shorter tokens can be guessed. */
const MIN_TOKEN_BYTES = 16;
const MAX_TOKEN_BYTES = 4096;

export interface ApiServerOptions {
  services: ApiServices;
  log: FastifyBaseLogger;
  version: string;
  /** Bearer token that every request must carry; undefined on the unix socket, where the file mode decides. */
  token: string | undefined;
  /** Undefined: plain HTTP. */
  tls?: TlsKeeper | undefined;
  /** The unix socket; undefined: the server is to listen on a port. */
  claim?: SocketClaim | undefined;
  /** Hooks the maker of the OpenAPI document in before the routes; only the script that writes it does. */
  describe?: (server: Server, version: string) => Promise<void>;
}

/** The API, once for the unix socket and once, with a token, for TCP. */
export async function createApiServer(options: ApiServerOptions): Promise<Server> {
  const server = createServer(options.log, options);
  if (options.token !== undefined) {
    // Loaded by who has a token: they take a hundredth of the start, and of the memory.
    const [{ default: bearerAuth }, { default: rateLimit }] = await Promise.all([
      import('@fastify/bearer-auth'),
      import('@fastify/rate-limit'),
    ]);
    // As hooks of the root, both are also in front of routes that do not exist: those must not tell who has the token.
    await server.register(rateLimit, { global: false, max: MAX_REQUESTS_PER_SECOND, timeWindow: 1000 });
    server.addHook('onRequest', server.rateLimit());
    await server.register(bearerAuth, { keys: new Set([options.token]), addHook: false, verifyErrorLogLevel: 'warn' });
    const { verifyBearerAuth } = server;
    if (verifyBearerAuth === undefined) throw new AgentError('Internal', 'the token check is not there');
    server.addHook('onRequest', verifyBearerAuth);
  }
  await options.describe?.(server, options.version);
  statusRoutes(server, options.services);
  doctorRoute(server, options.services.doctor);
  logRoute(server, options.services.log);
  quotaRoutes(server, options.services.quotas);
  repairRoutes(server, options.services.quotas, options.services.repairs);
  adoptionRoutes(server, options.services.adoptions);
  scanRoutes(server, options.services.scans);
  healRoutes(server, options.services.heal);
  healEntryRoutes(server, options.services.healEntries);
  disruptionRoutes(server, options.services.disruption);
  resolveRoutes(server, options.services.resolve);
  replacementRoutes(server, options.services.replacement);
  splitBrainRoutes(server, options.services.splitBrain);
  volfileRoutes(server, options.services);
  peerRoute(server, options.services.peerQuotas);
  await server.ready();
  return server;
}

/**
 * @throws AgentError `ConfigInvalid` when the file cannot be read or its token is too short
 */
export function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const why = errnoOf(cause) ?? errorMessage(cause);
    throw new AgentError('ConfigInvalid', `apiTokenFile ${path}: cannot be read (${why})`, { cause });
  }
  if (token.length < MIN_TOKEN_BYTES || token.length > MAX_TOKEN_BYTES || /\s/.test(token)) {
    throw new AgentError(
      'ConfigInvalid',
      `apiTokenFile ${path}: must hold one line of ${MIN_TOKEN_BYTES} to ${MAX_TOKEN_BYTES} characters without spaces; \`openssl rand -hex 32\` makes one`,
    );
  }
  return token;
}
