import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemSchema } from '../schemas.ts';
import type { Server } from '../server.ts';

/** A change has this long to reach disk and brick before the caller gets what is known so far, in milliseconds. */
const CHANGE_DEADLINE_MS = 15_000;

/** Aborts when the deadline passes. A caller that hangs up does not undo what it asked for, so its signal is not in it. */
export function changeDeadline(): AbortSignal {
  return AbortSignal.timeout(CHANGE_DEADLINE_MS);
}

/** One line for each change, with who asked. */
export function auditLine(request: FastifyRequest, facts: Record<string, unknown>): void {
  request.log.info(
    { audit: { ...facts, by: request.ip || 'unix socket', requestId: request.id } },
    'changed by request',
  );
}

/** For what takes longer than a connection may be silent otherwise. */
export function allowSilence({ raw: { socket } }: FastifyRequest): void {
  if (socket instanceof Socket) socket.setTimeout(0);
}

/**
 * For routes that make the main thread work: one address may ask for them `max` times a second over TCP, whatever else it asks. The
 * limit of the root counts all routes together, and where it stands, one of a route is not heeded.
 */
export function fewerRequests(server: Server, max: number) {
  const ask = server.hasDecorator('createRateLimit') ? server.createRateLimit({ max, timeWindow: 1000 }) : undefined;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const answer = await ask?.(request);
    if (answer === undefined || answer.isAllowed || !answer.isExceeded) return;
    reply.header('retry-after', String(answer.ttlInSeconds));
    throw Object.assign(new Error(`more than ${max} requests of this kind in a second`), { statusCode: 429 });
  };
}

type ProblemStatus = 400 | 401 | 404 | 409 | 413 | 422 | 429 | 501 | 502 | 503 | 504;

/** The given responses and, in the document, problem+json for the given statuses and for 500. */
export function withProblems<T extends Record<number, object>>(responses: T, ...statuses: ProblemStatus[]): T {
  const problems = Object.fromEntries([...statuses, 500].map((status) => [status, problemSchema]));
  return { ...problems, ...responses };
}
