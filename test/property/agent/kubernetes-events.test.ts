import { fc } from '@fast-check/vitest';
import { expect, it } from 'vitest';
import { EVENT_KINDS, type AgentEvent, type EventReason } from '../../../src/agent/kubernetes/event-kinds.ts';
import { MAX_QUEUE, EventRecorder } from '../../../src/agent/kubernetes/recorder.ts';
import { BURST, EventSeriesBook, MAX_SERIES, MAX_SIMILAR, REFILL_MS } from '../../../src/agent/kubernetes/series.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { refusalsOfEvent, refusalsOfPatch } from '../../support/event-schema.ts';
import { POD } from '../../support/fake-kube.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const REASONS = Object.keys(EVENT_KINDS).filter((name): name is EventReason => name in EVENT_KINDS);

const anyEvent: fc.Arbitrary<AgentEvent> = fc.record({
  reason: fc.constantFrom(...REASONS),
  about: fc.nat(30).map(String),
  note: fc.string({ maxLength: 40 }),
  isFirst: fc.boolean(),
});
const steps = fc.array(fc.record({ event: anyEvent, waitMs: fc.constantFrom(0, 0, 0, 1, 1_000, 61_000, 700_000) }), {
  maxLength: 400,
});

it('what may be written stays within the budget of each duty, and memory within its bounds', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      let dropped = 0;
      const book = new EventSeriesBook((events) => (dropped += events));
      const written = new Map<string, number>();
      let at = 0;
      for (const { event, waitMs } of steps) {
        at += waitMs;
        const due = [book.note(event, { now: at, at }), ...book.due(at)];
        for (const series of due) {
          if (series === undefined) continue;
          series.written = series.count;
          const { duty } = EVENT_KINDS[series.event.reason];
          written.set(duty, (written.get(duty) ?? 0) + 1);
        }
        for (const count of written.values()) expect(count).toBeLessThanOrEqual(BURST + at / REFILL_MS);
        expect(book.size).toBeLessThanOrEqual(Math.min(MAX_SERIES, REASONS.length * (MAX_SIMILAR + 1)));
        expect(dropped).toBeLessThanOrEqual(steps.length);
      }
    }),
  );
});

const anyResult = fc.oneof(
  fc.record({
    kind: fc.constant('Answered' as const),
    status: fc.constantFrom(200, 201, 401, 403, 404, 409, 422, 429, 500, 302),
    message: fc.string({ maxLength: 20 }),
    retryAfterMs: fc.option(fc.nat(300_000), { nil: undefined }),
  }),
  fc.record({ kind: fc.constantFrom('NoAnswer' as const, 'NoCredentials' as const), message: fc.string() }),
);

it('whatever the API server answers: every request is one that it would take, none comes before it asked for it, and none is counted twice', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.array(anyResult, { minLength: 1, maxLength: 50 }), async (steps, results) => {
      const clock = new ManualClock();
      const sent: number[] = [];
      let notBefore = 0;
      let asked = 0;
      const recorder = new EventRecorder({
        pod: POD,
        clock,
        log: silentLog,
        random: () => 0.5,
        api: {
          send: async ({ method, path, body }) => {
            expect(method === 'POST' ? refusalsOfEvent(body, POD.namespace) : refusalsOfPatch(body)).toEqual([]);
            const isDry = path.includes('dryRun');
            if (!isDry) sent.push(clock.monotonic());
            asked += 1;
            const result = results[asked % results.length] ?? { kind: 'NoAnswer' as const, message: '' };
            // A server that asks for patience is left alone; what is refused for itself holds up nothing.
            expect(clock.monotonic()).toBeGreaterThanOrEqual(notBefore);
            if (!isDry && result.kind === 'Answered' && [429, 500].includes(result.status)) {
              notBefore = clock.monotonic() + (result.retryAfterMs ?? 0);
            }
            return await Promise.resolve(result);
          },
        },
      });
      const signal = new AbortController().signal;
      for (const { event, waitMs } of steps) {
        await clock.advance(waitMs);
        recorder.record(event);
        await recorder.pass(signal);
      }
      const { status } = recorder;
      expect(status.sent + status.failed + status.dropped.rate + status.dropped.queue).toBeLessThanOrEqual(
        steps.length + sent.length,
      );
      expect(status.sent).toBeLessThanOrEqual(sent.length);
      expect(MAX_QUEUE).toBeGreaterThan(Object.keys(EVENT_KINDS).length);
    }),
  );
});
