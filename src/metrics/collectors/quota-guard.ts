import type { QuotaGuard } from '../../quota/guard.ts';
import type { RepairStats } from '../../quota/repairer.ts';
import type { VolumeUsageView } from '../../quota/volume-usage.ts';
import type { Collector } from '../registry.ts';

/**
 * What the guard found.
 *
 * @param read undefined while there is no guard
 * @param maxPvs PVs that have series of their own; 0: all
 */
export function quotaGuardCollector(
  read: () => Pick<QuotaGuard, 'stats' | 'tampering'> | undefined,
  maxPvs = 0,
): Collector {
  return {
    name: 'quota-guard',
    collect(emit) {
      const guard = read();
      if (guard === undefined) return;
      const { stats, tampering } = guard;
      emit('gluster_quota_tampering_total', { kind: 'off' }, stats.tampering.off);
      emit('gluster_quota_tampering_total', { kind: 'faked' }, stats.tampering.faked);
      const found = tampering.entries();
      for (const { pv, counts } of maxPvs === 0 ? found : found.slice(0, maxPvs)) {
        for (const kind of ['off', 'faked'] as const) {
          if (counts[kind] > 0) emit('gluster_quota_pv_tampering_total', { pv, kind }, counts[kind]);
        }
      }
      emit('gluster_quota_rearms_total', {}, stats.rearms);
    },
  };
}

/** @param read PVs by what is known of their usage on all subvolumes; empty where the volume is not distributed */
export function volumeUsageCollector(read: () => ReadonlyMap<VolumeUsageView['state'], number>): Collector {
  return {
    name: 'volume-usage',
    collect(emit) {
      const counts = read();
      if (counts.size === 0) return;
      for (const state of ['Sum', 'Stale', 'Incomplete', 'Unknown'] as const) {
        emit('gluster_quota_volume_usage_pvs', { state }, counts.get(state) ?? 0);
      }
    },
  };
}

/** What was done about counters that drifted. */
export function quotaRepairCollector(read: () => RepairStats): Collector {
  return {
    name: 'quota-repair',
    collect(emit) {
      const { raised, lowered, failures } = read();
      for (const [direction, { times, bytes }] of Object.entries({ raised, lowered })) {
        emit('gluster_quota_repairs_total', { direction }, times);
        emit('gluster_quota_repaired_bytes_total', { direction }, Number(bytes));
      }
      emit('gluster_quota_repair_failures_total', {}, failures);
    },
  };
}

/** Adoptions that this agent has led. */
export function quotaAdoptionCollector(read: () => { succeeded: number; failed: number }): Collector {
  return {
    name: 'quota-adoption',
    collect(emit) {
      const { succeeded, failed } = read();
      emit('gluster_quota_adoptions_total', { outcome: 'succeeded' }, succeeded);
      emit('gluster_quota_adoptions_total', { outcome: 'failed' }, failed);
    },
  };
}

/** @param read undefined where nobody looks for loops */
export function healLoopCollector(read: () => { active: number; remedies: number } | undefined): Collector {
  return {
    name: 'heal-loops',
    collect(emit) {
      const loops = read();
      if (loops === undefined) return;
      emit('gluster_quota_heal_loops', {}, loops.active);
      emit('gluster_quota_heal_loop_remedies_total', {}, loops.remedies);
    },
  };
}
