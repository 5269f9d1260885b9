import type { Collector } from '../registry.ts';

/** One process's volfile; times are wall-clock milliseconds. */
export interface VolfileSnapshot {
  process: string;
  outcome: string;
  wantedSha256: string | undefined;
  restartRequired: boolean;
  lastReload: { success: boolean } | undefined;
  lastSuccessAt: number | undefined;
  problems: readonly { severity: string }[];
}

export function volfileCollector(snapshot: () => readonly VolfileSnapshot[]): Collector {
  return {
    name: 'volfile',
    collect(emit) {
      for (const volfile of snapshot()) {
        const { process, outcome, wantedSha256, lastReload, lastSuccessAt } = volfile;
        if (wantedSha256 !== undefined) emit('gluster_volfile_info', { process, sha256: wantedSha256, outcome }, 1);
        emit('gluster_volfile_restart_required', { process }, Number(volfile.restartRequired));
        if (lastReload !== undefined) {
          emit('gluster_volfile_last_reload_successful', { process }, Number(lastReload.success));
        }
        if (lastSuccessAt !== undefined) {
          emit('gluster_volfile_last_reload_success_timestamp_seconds', { process }, lastSuccessAt / 1000);
        }
        for (const severity of ['error', 'warning', 'hint']) {
          const found = volfile.problems.filter((problem) => problem.severity === severity).length;
          emit('gluster_volfile_problems', { process, severity }, found);
        }
      }
    },
  };
}
