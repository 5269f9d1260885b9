import { claimSchema, disruptionSchema, peerHealSchema, preStopRequestSchema, preStopSchema } from '../heal-schemas.ts';
import type { DisruptionService, OpsServices } from '../services.ts';
import type { Server } from '../server.ts';
import { allowSilence, auditLine, withProblems } from './shared.ts';

const tags = ['heal'];
/** Every peer has 4 s of its own; in milliseconds. */
const CHECK_DEADLINE_MS = 15_000;

export function disruptionRoutes(server: Server, disruption: DisruptionService): void {
  server.get(
    '/v1/disruption',
    {
      schema: {
        tags,
        summary: 'Whether this brick may be stopped now, as all agents of its set see it.',
        response: withProblems({ 200: disruptionSchema }, 503),
      },
    },
    async () => await disruption.check(AbortSignal.timeout(CHECK_DEADLINE_MS)),
  );

  server.post(
    '/v1/disruption',
    {
      schema: {
        tags,
        summary: 'The same, and if it is safe, the other bricks of the set are told that this one is about to stop.',
        body: claimSchema,
        response: withProblems({ 200: disruptionSchema }, 422, 503),
      },
    },
    async (request) => {
      const { holdSeconds } = request.body;
      const view = await disruption.claim(holdSeconds * 1000, AbortSignal.timeout(CHECK_DEADLINE_MS));
      auditLine(request, { action: 'ClaimDisruption', holdSeconds, verdict: view.verdict });
      return view;
    },
  );

  server.delete(
    '/v1/disruption',
    { schema: { tags, summary: 'Takes that back.', response: withProblems({}) } },
    async (request, reply) => {
      disruption.release();
      auditLine(request, { action: 'ReleaseDisruption' });
      return await reply.code(204).send();
    },
  );

  server.post(
    '/v1/pre-stop',
    {
      schema: {
        tags,
        summary:
          'To be called before the brick is stopped: waits until it is safe, and has the brick write down the usage of all PVs.',
        body: preStopRequestSchema,
        response: withProblems({ 200: preStopSchema }, 422, 503),
      },
    },
    async (request) => {
      allowSilence(request);
      const view = await disruption.preStop(request.body.waitSeconds * 1000);
      auditLine(request, { action: 'PreStop', verdict: view.verdict });
      return view;
    },
  );

  server.get(
    '/v1/peer/heal',
    {
      schema: {
        tags,
        summary: 'For the agents of the other bricks: how this one is, by a look of its own.',
        response: withProblems({ 200: peerHealSchema }, 503),
      },
    },
    async () => await disruption.report(AbortSignal.timeout(CHECK_DEADLINE_MS)),
  );
}

/**
 * For the preStop hook of the brick's container, which has no program of ours and no token: by GET, on the listener of the probes.
 * 503 makes the kubelet write an event; the container is stopped all the same.
 */
export function preStopRoute(server: Server, preStop: OpsServices['preStop']): void {
  server.get('/brick/pre-stop', async (request, reply) => {
    allowSilence(request);
    const { verdict, isDown, reasons, waitedMs, flushed, unflushed } = await preStop();
    const isFine = isDown || (verdict === 'Safe' && unflushed === 0);
    const lines = [
      `${isDown ? 'Down' : verdict} after ${Math.round(waitedMs)} ms; usage of ${flushed} PVs flushed, of ${unflushed} not`,
      ...reasons.map(({ code, message }) => `${code}: ${message}`),
    ];
    return await reply
      .code(isFine ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(`${lines.join('\n')}\n`);
  });
}
