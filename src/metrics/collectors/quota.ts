import { liveLimitBytes, usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { Refusal } from '../../brick/pv-inventory.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { estimateUsage } from '../../quota/usage.ts';
import type { Collector } from '../registry.ts';

export interface QuotaSource {
  readonly hasSynced: boolean;
  readonly refusals: readonly Refusal[];
  /** Undefined: no quota file is configured. */
  readonly isQuotaFileValid?: boolean | undefined;
  states(): Iterable<PvState>;
}

/** Limits, usage and conditions of every PV. PVs without a limit have no series but those of their scans. */
export function quotaCollector(source: QuotaSource, clock: Pick<Clock, 'now'> = systemClock): Collector {
  return {
    name: 'quota',
    collect(emit) {
      if (!source.hasSynced) return;
      let pvs = 0;
      for (const state of source.states()) {
        pvs += 1;
        const { pv, desired, backend, scan } = state;
        if (scan !== undefined) {
          const { driftBytes, ageMs = 0 } = estimateUsage(scan, undefined, clock.now());
          emit('gluster_quota_scanned_bytes', { pv }, Number(scan.diskBytes));
          emit('gluster_quota_scan_age_seconds', { pv }, ageMs / 1000);
          emit('gluster_quota_drift_bytes', { pv }, number(driftBytes));
        }
        if (desired.limitBytes === undefined) continue;
        emit('gluster_quota_limit_bytes', { pv, source: desired.source ?? '' }, Number(desired.limitBytes));
        const soft = state.wishes.softRatio;
        emit('gluster_quota_soft_limit_bytes', { pv }, soft && Math.floor(Number(desired.limitBytes) * soft));
        const onDisk = backend.kind === 'present' ? backend.quota.limitBytes : undefined;
        emit('gluster_quota_on_disk_limit_bytes', { pv }, typeof onDisk === 'bigint' ? Number(onDisk) : undefined);
        emit('gluster_quota_live_limit_bytes', { pv }, number(liveLimitBytes(state)));
        emit('gluster_quota_used_bytes', { pv }, number(usedBytes(state)));
        for (const { type, status } of state.conditions) {
          const holds = status === 'Unknown' ? undefined : Number(status === 'True');
          emit('gluster_quota_condition', { pv, condition: type }, holds);
        }
      }
      emit('gluster_quota_pvs', {}, pvs);
      const isValid = source.isQuotaFileValid;
      emit('gluster_quota_file_valid', {}, isValid === undefined ? undefined : Number(isValid));
      emit('gluster_quota_refused_entries', {}, source.refusals.length);
    },
  };
}

function number(bytes: bigint | undefined): number | undefined {
  return bytes === undefined ? undefined : Number(bytes);
}
