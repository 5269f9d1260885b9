import type { LoopStats } from '../../lib/loop.ts';
import type { Collector } from '../registry.ts';

/** The agent itself: its version, its loops and the queue of its brick thread. */
export function agentCollector(version: string, loops: () => Iterable<LoopStats>, queued: () => number): Collector {
  return {
    name: 'agent',
    collect(emit) {
      emit('brick_agent_build_info', { version }, 1);
      emit('brick_agent_brick_calls_waiting', {}, queued());
      for (const stats of loops()) {
        const loop = { loop: stats.name };
        emit('brick_agent_loop_runs_total', loop, stats.runs);
        emit('brick_agent_loop_failures_total', loop, stats.failures);
        emit('brick_agent_loop_overruns_total', loop, stats.overruns);
        emit('brick_agent_loop_duration_seconds', loop, seconds(stats.lastDurationMs));
        emit('brick_agent_loop_last_success_timestamp_seconds', loop, seconds(stats.lastSuccessAt));
      }
    },
  };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
