import { randomUUID } from 'node:crypto';
import type { RequestListener, Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { LogController, fastify, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { AgentError } from '../../lib/errors.ts';
import type { TlsKeeper } from '../tls/keeper.ts';
import { compileSerializer, compileValidator, notNeeded } from './compilers.ts';
import { sendError, sendFrameworkError, sendNotFound } from './errors.ts';
import type { SocketClaim } from './socket-claim.ts';

/** Longest that a request may take from its first byte to its last, in milliseconds; slow senders are cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longest that a connection may take to become secure, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Longest that an idle connection is kept, in milliseconds; a closing server waits for it otherwise. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** The API's largest body is a quota: some hundred bytes. */
const BODY_LIMIT_BYTES = 64 * 1024;
/** Names of PVs have up to 255 bytes, each of which may be escaped as `%xx`; what is longer than a name is judged by the schema. */
const MAX_PARAM_LENGTH = 3 * 255;
/** How often a closing server looks for connections that have become idle, in milliseconds. */
const CLOSE_POLL_MS = 50;
/** Longest that a closing server waits for requests in flight, in milliseconds; a pod has 5 s and more to end. */
const CLOSE_GRACE_MS = 3_000;

/** Callers' own request ids are taken over when they are short and plain; they end up in logs and headers. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/** What requests come by, where it is not plain HTTP on a port: connections made secure, or a socket that is bound already. */
export interface Transport {
  tls?: TlsKeeper | undefined;
  claim?: SocketClaim | undefined;
}

/** The server that all three listeners are: time-outs, request ids, errors as problem+json. On a claimed socket it serves as soon as it is ready. */
export function createServer(log: FastifyBaseLogger, { tls, claim }: Transport = {}) {
  const factory = claim === undefined ? tls && secureFactory(tls) : claimedFactory(claim);
  const server = fastify({
    ...(factory === undefined ? {} : { serverFactory: factory.create }),
    loggerInstance: log,
    // One line a request is too much for a listener that is probed every second; failures and changes are logged.
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    bodyLimit: BODY_LIMIT_BYTES,
    schemaController: { compilersFactory: { buildValidator: notNeeded, buildSerializer: notNeeded } },
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    frameworkErrors: sendFrameworkError,
    // Ours, below, is problem+json like every other error.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.setValidatorCompiler(compileValidator);
  server.setSerializerCompiler(compileSerializer);
  // Strings would pass as bodies until a schema looks at them; nobody here takes any.
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler(sendError);
  server.setNotFoundHandler(sendNotFound);
  server.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-request-id', request.id);
    return payload;
  });
  closeQuickly(server);
  factory?.attach?.(server);
  return server;
}

export type Server = ReturnType<typeof createServer>;

interface Factory {
  create: (handler: RequestListener) => HttpServer;
  /** Hooks of the framework's server, which exists only later. */
  attach?: (server: Pick<FastifyInstance, 'addHook'>) => void;
}

/** Not by the framework's option: a bundle has no HTTPS server for it, and without TLS none is loaded. */
function secureFactory(tls: TlsKeeper): Factory {
  const create = (handler: RequestListener): HttpServer => {
    const { createServer: createHttps } = process.getBuiltinModule('node:https');
    const options = {
      ...tls.server,
      requestCert: tls.asksClients,
      rejectUnauthorized: tls.asksClients,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
    const server = limitTimes(createHttps(options, handler));
    server.on('tlsClientError', () => tls.noteHandshakeError());
    // Connections that are there go on with the certificate that they were made with.
    tls.onChange(() => server.setSecureContext(tls.server));
    return server;
  };
  return { create };
}

/** The framework closes only what it has itself made to listen. */
function claimedFactory(claim: SocketClaim): Factory {
  let listener: RequestListener | undefined;
  return {
    create: (handler) => {
      listener = handler;
      return limitTimes(claim.http);
    },
    attach: (server) => {
      server.addHook('onReady', (done) => {
        if (listener !== undefined) claim.serve(listener);
        done();
      });
      server.addHook('preClose', (done) => {
        void claim.close();
        done();
      });
    },
  };
}

/** As the framework does for servers that it makes. */
function limitTimes<T extends HttpServer>(server: T): T {
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.setTimeout(REQUEST_TIMEOUT_MS);
  return server;
}

/**
 * By itself, close() waits for every connection that is kept alive, and for those that never sent a word, until their time-outs.
 * Here: what is running ends, what comes is refused, and everything idle is cut off.
 */
function closeQuickly(server: Pick<FastifyInstance, 'addHook' | 'server'>): void {
  const http = server.server;
  let closing = false;
  // For Node a connection without a request is not idle: it may be in the middle of its first one.
  const silent = new Set<Socket>();
  const watch = (socket: Socket): void => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  };
  http.on('connection', watch);
  http.on('secureConnection', (secure: Socket) => {
    // It is the same connection in another object, and requests come with that one.
    for (const raw of silent) {
      if (raw.remotePort === secure.remotePort && raw.remoteAddress === secure.remoteAddress) silent.delete(raw);
    }
    watch(secure);
  });
  http.on('request', ({ socket }) => silent.delete(socket));
  server.addHook('onRequest', (_request, _reply, done) => {
    if (closing) done(new AgentError('Aborted', 'the agent is stopping'));
    else done();
  });
  server.addHook('preClose', (done) => {
    closing = true;
    for (const socket of silent) socket.destroy();
    // A connection that is busy now may turn idle a moment later: look again and again.
    const poll = setInterval(() => http.closeIdleConnections(), CLOSE_POLL_MS);
    const force = setTimeout(() => http.closeAllConnections(), CLOSE_GRACE_MS);
    http.once('close', () => {
      clearInterval(poll);
      clearTimeout(force);
    });
    done();
  });
}
