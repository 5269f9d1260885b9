import type { Collector } from '../registry.ts';

export interface EventsView {
  sent: number;
  failed: number;
  dropped: { rate: number; queue: number };
}

/** Events written to Kubernetes. @param status undefined: they are off */
export function eventsCollector(status: () => EventsView | undefined): Collector {
  return {
    name: 'events',
    collect(emit) {
      const view = status();
      if (view === undefined) return;
      emit('brick_agent_kubernetes_events_sent_total', {}, view.sent);
      emit('brick_agent_kubernetes_events_failed_total', {}, view.failed);
      for (const reason of ['rate', 'queue'] as const) {
        emit('brick_agent_kubernetes_events_dropped_total', { reason }, view.dropped[reason]);
      }
    },
  };
}
