import { randomUUID } from 'node:crypto';
import { fastify, type FastifyBaseLogger } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { sendError, sendNotFound } from './errors.ts';

/** Longest that a request may take from its first byte to its last, in milliseconds; slow senders are cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longest that an idle connection is kept, in milliseconds; a closing server waits for it otherwise. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** The API's largest body is a quota: some hundred bytes. */
const BODY_LIMIT_BYTES = 64 * 1024;
/** How often a closing server looks for connections that have become idle, in milliseconds. */
const CLOSE_POLL_MS = 50;

/** Callers' own request ids are taken over when they are short and plain; they end up in logs and headers. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/** The plain server that all three listeners are: time-outs, request ids, errors as problem+json. */
export function createServer(log: FastifyBaseLogger) {
  const server = fastify({
    loggerInstance: log,
    // One line a request is too much for a listener that is probed every second; failures and changes are logged.
    disableRequestLogging: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    bodyLimit: BODY_LIMIT_BYTES,
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    routerOptions: { maxParamLength: 255, ignoreTrailingSlash: true },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.setErrorHandler(sendError);
  server.setNotFoundHandler(sendNotFound);
  server.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-request-id', request.id);
    return payload;
  });
  // close() waits for keep-alive connections, and one that is busy now may turn idle a moment later: look again and again.
  server.addHook('preClose', (done) => {
    const timer = setInterval(() => server.server.closeIdleConnections(), CLOSE_POLL_MS);
    server.server.once('close', () => clearInterval(timer));
    done();
  });
  return server;
}

export type Server = ReturnType<typeof createServer>;
