import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isAgentError, toAgentError, type ErrorCode } from '../../lib/errors.ts';
import type { Problem } from './schemas.ts';

/** How each code of the project is told over HTTP. 503 and 429 carry Retry-After. */
const STATUS_OF: Record<ErrorCode, number> = {
  ConfigInvalid: 500,
  BadRequest: 422,
  NotFound: 404,
  Conflict: 409,
  Timeout: 504,
  Aborted: 503,
  BrickHung: 503,
  BrickFenced: 503,
  BrickIo: 502,
  RpcDisconnected: 503,
  RpcProtocol: 502,
  RpcRejected: 502,
  GlusterError: 502,
  VolfileInvalid: 422,
  ProcessUnproven: 409,
  NotSupported: 501,
  Internal: 500,
};

const RETRY_AFTER_SECONDS = 5;

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  409: 'Conflict',
  413: 'Payload too large',
  414: 'URI too long',
  415: 'Unsupported media type',
  422: 'Unprocessable content',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not implemented',
  502: 'Bad gateway',
  503: 'Service unavailable',
  504: 'Gateway timeout',
};

export function problemOf(error: FastifyError | Error, requestId: string): Problem {
  if (!isAgentError(error) && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500) {
    const reason =
      'validation' in error && error.validation !== undefined ? 'InvalidRequest' : httpReason(error.statusCode);
    return problem(error.statusCode, reason, error.message, requestId);
  }
  const known = toAgentError(error);
  const status = STATUS_OF[known.code];
  // The text of a bug may say anything; it belongs into the log, not to the caller.
  const detail =
    known.code === 'Internal' ? 'an internal error; the log has more under this request id' : known.message;
  return problem(status, known.code, detail, requestId);
}

export function problem(status: number, reason: string, detail: string, instance: string): Problem {
  return { type: 'about:blank', title: TITLES[status] ?? 'Error', status, reason, detail, instance };
}

/** Ends every failed request: logged here, once. */
export function sendError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const body = problemOf(error, request.id);
  if (body.status >= 500) request.log.error({ err: error, reason: body.reason }, 'request failed');
  const retry = body.status === 503 || body.status === 429;
  // The rate limit knows better when to come again.
  if (retry && !reply.hasHeader('retry-after')) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  if (body.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(body.status).type('application/problem+json').send(body);
}

/** For requests that no route or hook sees, e.g. with a broken escape in the URL. */
export function sendFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id);
  sendError(error, request, reply);
}

export function sendNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const body = problem(404, 'NotFound', `no such resource: ${request.method} ${request.url}`, request.id);
  return reply.code(404).type('application/problem+json').send(body);
}

function httpReason(status: number): string {
  return (TITLES[status] ?? 'Error').replaceAll(/ (\w)/g, (_, letter: string) => letter.toUpperCase());
}
