/** What the API shows of whether a brick may be stopped. */
import type { BrickReport, Disruption } from '../heal/disruption.ts';
import type { Agent } from './agent.ts';
import type { PreStop } from './disruption.ts';
import type { DisruptionView, PreStopView } from './http/heal-schemas.ts';
import type { DisruptionService } from './http/services.ts';

export function disruptionService({ config, disruption, instance }: Agent): DisruptionService {
  return {
    check: async (signal) => disruptionView(await disruption.check(signal)),
    claim: async (forMs, signal) => disruptionView(await disruption.claim(forMs, signal)),
    release: () => disruption.release(),
    preStop: async (waitMs) => preStopView(await disruption.preStop(waitMs)),
    report: async (signal) => {
      const { backlog, ...report } = brickView(await disruption.report(signal));
      return { volumeId: config.volumeId, instance, ...report, backlog };
    },
  };
}

export function preStopView({ verdict, reasons, isDown, waitedMs, flushed, unflushed }: PreStop): PreStopView {
  return { verdict, reasons: reasons.map(reasonView), isDown, waitedMs, flushed, unflushed };
}

function disruptionView({ verdict, reasons, bricks }: Disruption): DisruptionView {
  return {
    verdict,
    reasons: reasons.map(reasonView),
    bricks: bricks.map((report) => {
      const { brickIndex, notServing, servingForMs, backlog, isStopping } = brickView(report);
      const { state, message, pending } = backlog;
      return { brickIndex, notServing, servingForMs, backlog: { state, message, pending }, isStopping };
    }),
  };
}

function reasonView({ code, verdict, brickIndex, message, remedy }: Disruption['reasons'][number]) {
  return { code, verdict, brickIndex: brickIndex ?? null, message, remedy };
}

function brickView({ brickIndex, notServing, servingForMs, backlog, blames, isStopping }: BrickReport) {
  const { state, message, pending, isEmpty } = backlog;
  return {
    brickIndex,
    notServing: notServing ?? null,
    servingForMs,
    backlog: { state, message, pending: pending ?? null, isEmpty: isEmpty ?? null },
    blames: [...blames],
    isStopping,
  };
}
