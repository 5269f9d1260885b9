import type { Collector } from '../registry.ts';

/** One Gluster process of the pod. `up` undefined: its pid file cannot be judged; stats undefined: not visible. */
export interface ProcessSnapshot {
  process: string;
  up: boolean | undefined;
  /** Undefined: nobody has looked yet. */
  restarts: number | undefined;
  stats:
    | {
        cpuSeconds: number;
        rssBytes: number | undefined;
        openFds: number | undefined;
        maxFds: number | undefined;
        threads: number;
        blockedThreads: number | undefined;
        startTimeSeconds: number;
      }
    | undefined;
}

export function processCollector(snapshot: () => readonly ProcessSnapshot[]): Collector {
  return {
    name: 'process',
    collect(emit) {
      for (const { process, up, stats, restarts } of snapshot()) {
        const labels = { process };
        emit('gluster_process_up', labels, up === undefined ? undefined : Number(up));
        emit('gluster_process_restarts_total', labels, restarts);
        if (stats === undefined) continue;
        emit('gluster_process_start_time_seconds', labels, stats.startTimeSeconds);
        emit('gluster_process_cpu_seconds_total', labels, stats.cpuSeconds);
        emit('gluster_process_resident_memory_bytes', labels, stats.rssBytes);
        emit('gluster_process_open_fds', labels, stats.openFds);
        emit('gluster_process_max_fds', labels, stats.maxFds);
        emit('gluster_process_threads', labels, stats.threads);
        emit('gluster_process_blocked_threads', labels, stats.blockedThreads);
      }
    },
  };
}
