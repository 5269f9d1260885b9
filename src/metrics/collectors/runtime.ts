import type { Collector } from '../registry.ts';

/** The agent's own process, under the names that every exporter and dashboard has for it; undefined members are not known. */
export interface RuntimeSnapshot {
  nodeVersion: string;
  startTimeSeconds: number;
  cpuSeconds: number;
  residentBytes: number;
  virtualBytes: number | undefined;
  openFds: number | undefined;
  maxFds: number | undefined;
  heapUsedBytes: number;
  heapTotalBytes: number;
  externalBytes: number;
  /** Delays of the event loop since the snapshot before this one; undefined when none was measured. */
  eventLoopLag: { meanSeconds: number; p99Seconds: number; maxSeconds: number } | undefined;
}

export function runtimeCollector(snapshot: () => RuntimeSnapshot): Collector {
  return {
    name: 'runtime',
    collect(emit) {
      const now = snapshot();
      emit('process_start_time_seconds', {}, now.startTimeSeconds);
      emit('process_cpu_seconds_total', {}, now.cpuSeconds);
      emit('process_resident_memory_bytes', {}, now.residentBytes);
      emit('process_virtual_memory_bytes', {}, now.virtualBytes);
      emit('process_open_fds', {}, now.openFds);
      emit('process_max_fds', {}, now.maxFds);
      emit('nodejs_version_info', { version: now.nodeVersion }, 1);
      emit('nodejs_heap_size_used_bytes', {}, now.heapUsedBytes);
      emit('nodejs_heap_size_total_bytes', {}, now.heapTotalBytes);
      emit('nodejs_external_memory_bytes', {}, now.externalBytes);
      emit('nodejs_eventloop_lag_mean_seconds', {}, now.eventLoopLag?.meanSeconds);
      emit('nodejs_eventloop_lag_p99_seconds', {}, now.eventLoopLag?.p99Seconds);
      emit('nodejs_eventloop_lag_max_seconds', {}, now.eventLoopLag?.maxSeconds);
    },
  };
}
