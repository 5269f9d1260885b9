import type { Outcome } from '../../volfile/status.ts';
import type { Collector } from '../registry.ts';

/** One process's volfile; times are wall-clock milliseconds. */
export interface VolfileSnapshot {
  process: string;
  outcome: Outcome;
  /** Undefined: the file could not be read. */
  wantedSha256: string | undefined;
  lastReload: { success: boolean } | undefined;
  lastSuccessAt: number | undefined;
  restarts: { succeeded: number; failed: number };
  /** Undefined: none is due. */
  restartWaitsFor: string | undefined;
  problems: readonly { severity: string }[];
}

export function volfileCollector(snapshot: () => readonly VolfileSnapshot[]): Collector {
  return {
    name: 'volfile',
    collect(emit) {
      for (const volfile of snapshot()) {
        const { process, outcome, wantedSha256, lastReload, lastSuccessAt } = volfile;
        emit('gluster_volfile_restart_required', { process }, restartRequired(outcome));
        emit('gluster_volfile_restart_waiting', { process }, Number(volfile.restartWaitsFor !== undefined));
        emit('gluster_volfile_restarts_total', { process, outcome: 'ok' }, volfile.restarts.succeeded);
        emit('gluster_volfile_restarts_total', { process, outcome: 'failed' }, volfile.restarts.failed);
        if (lastReload !== undefined) {
          emit('gluster_volfile_last_reload_successful', { process }, Number(lastReload.success));
        }
        if (lastSuccessAt !== undefined) {
          emit('gluster_volfile_last_reload_success_timestamp_seconds', { process }, lastSuccessAt / 1000);
        }
        if (wantedSha256 === undefined) continue;
        emit('gluster_volfile_info', { process, sha256: wantedSha256, outcome }, 1);
        for (const severity of ['error', 'warning', 'hint']) {
          const found = volfile.problems.filter((problem) => problem.severity === severity).length;
          emit('gluster_volfile_problems', { process, severity }, found);
        }
      }
    },
  };
}

function restartRequired(outcome: Outcome): number | undefined {
  switch (outcome) {
    case 'RestartRequired':
      return 1;
    case 'Applied':
    case 'Unchanged':
    case 'Rejected':
      return 0;
    case 'Unverified':
    case 'Pending':
    case 'Failed':
      return undefined;
  }
}
