import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { problemSchema } from '../schemas.ts';

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

type ProblemStatus = 400 | 401 | 404 | 409 | 422 | 429 | 501 | 502 | 503 | 504;

/** The given responses and, in the document, problem+json for the given statuses and for 500. */
export function withProblems<T extends Record<number, object>>(responses: T, ...statuses: ProblemStatus[]): T {
  const problems = Object.fromEntries([...statuses, 500].map((status) => [status, problemSchema]));
  return { ...problems, ...responses };
}
