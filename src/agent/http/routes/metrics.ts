import { AgentError } from '../../../lib/errors.ts';
import { contentTypeOf, negotiate } from '../../../metrics/format.ts';
import { sendPieces } from '../pieces.ts';
import type { OpsServices } from '../services.ts';
import type { Server } from '../server.ts';

/** Prometheus' own default. */
const DEFAULT_TIMEOUT_SECONDS = 10;
/** Of the time that Prometheus gives; the rest is for the way. */
const SHARE_OF_TIMEOUT = 0.8;
/** Two Prometheus and a person come at a time, hardly more. */
const MAX_SCRAPES = 4;

export function metricsRoute(server: Server, metrics: OpsServices['metrics']): void {
  let scrapes = 0;
  server.get('/metrics', async ({ headers }, reply) => {
    if (scrapes >= MAX_SCRAPES) throw new AgentError('Aborted', `${MAX_SCRAPES} scrapes are under way already`);
    const format = negotiate(headers.accept);
    const budgetMs = timeoutSeconds(headers['x-prometheus-scrape-timeout-seconds']) * 1000 * SHARE_OF_TIMEOUT;
    scrapes += 1;
    try {
      await sendPieces(reply.type(contentTypeOf(format)).header('vary', 'accept'), metrics({ format, budgetMs }));
    } finally {
      scrapes -= 1;
    }
    return reply;
  });
}

function timeoutSeconds(header: string | string[] | undefined): number {
  const seconds = typeof header === 'string' && /^\d{1,6}(\.\d{1,9})?$/.test(header) ? Number(header) : 0;
  return seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS;
}
