import { liveLimitBytes, usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { Refusal } from '../../brick/pv-inventory.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { estimateUsage } from '../../quota/usage.ts';
import type { Bulk, Put } from '../bulk.ts';
import { labelText } from '../format.ts';
import type { MetricName } from '../names.ts';
import { countConditions, mostInteresting } from '../pv-cut.ts';
import type { Collector } from '../registry.ts';

export interface QuotaSource {
  readonly hasSynced: boolean;
  readonly refusals: readonly Refusal[];
  /** Undefined: no quota file is configured. */
  readonly isQuotaFileValid?: boolean | undefined;
  states(): Iterable<PvState>;
}

export interface QuotaCollectorOptions {
  clock?: Pick<Clock, 'now'>;
  /** PVs that have series of their own; 0: all. */
  maxPvs?: number;
}

/** Limits, usage and conditions of every PV. PVs without a limit have no series but those of their scans. */
export function quotaCollector(source: QuotaSource, options: QuotaCollectorOptions = {}): Collector {
  const { clock = systemClock, maxPvs = 0 } = options;
  return {
    name: 'quota',
    collect(emit) {
      if (!source.hasSynced) return;
      const states = [...source.states()];
      emit('gluster_quota_pvs', {}, states.length);
      emit('gluster_quota_pvs_left_out', {}, maxPvs === 0 ? 0 : Math.max(0, states.length - maxPvs));
      for (const [condition, counts] of countConditions(states)) {
        for (const status of ['True', 'False', 'Unknown'] as const) {
          emit('gluster_quota_condition_pvs', { condition, status }, counts[status]);
        }
      }
      const isValid = source.isQuotaFileValid;
      emit('gluster_quota_file_valid', {}, isValid === undefined ? undefined : Number(isValid));
      emit('gluster_quota_refused_entries', {}, source.refusals.length);
    },
    bulk: () => (source.hasSynced ? bulkOf(mostInteresting([...source.states()], maxPvs), clock.now()) : undefined),
  };
}

/** Numbers of rows by metric; NaN is not known. */
class Columns {
  readonly #states: readonly PvState[];
  readonly #now: number;
  readonly labels: string[] = [];
  readonly sources: string[] = [];
  readonly limit: Float64Array;
  readonly soft: Float64Array;
  readonly onDisk: Float64Array;
  readonly live: Float64Array;
  readonly used: Float64Array;
  readonly scanned: Float64Array;
  readonly scanAge: Float64Array;
  readonly drift: Float64Array;
  /** A bit for each type of condition. */
  readonly known: Int32Array;
  readonly holds: Int32Array;
  /** By the number of the bit. */
  readonly #conditionLabels: string[] = [];
  readonly #conditionBits = new Map<string, number>();
  readonly #sourceLabels = new Map<string, string>();

  constructor(states: readonly PvState[], now: number) {
    const column = (): Float64Array => new Float64Array(states.length).fill(Number.NaN);
    this.#states = states;
    this.#now = now;
    this.limit = column();
    this.soft = column();
    this.onDisk = column();
    this.live = column();
    this.used = column();
    this.scanned = column();
    this.scanAge = column();
    this.drift = column();
    this.known = new Int32Array(states.length);
    this.holds = new Int32Array(states.length);
  }

  read(row: number): void {
    const state = this.#states[row];
    if (state === undefined) return;
    const { pv, desired, backend, scan } = state;
    this.labels[row] = labelText([['pv', pv]]);
    if (scan !== undefined) {
      const { driftBytes, ageMs = Number.NaN } = estimateUsage(scan, undefined, this.#now);
      this.scanned[row] = Number(scan.diskBytes);
      this.scanAge[row] = ageMs / 1000;
      this.drift[row] = number(driftBytes);
    }
    if (desired.limitBytes === undefined) return;
    const limit = Number(desired.limitBytes);
    const onDisk = backend.kind === 'present' ? backend.quota.limitBytes : undefined;
    this.limit[row] = limit;
    this.sources[row] = this.#sourceLabel(desired.source ?? '');
    this.soft[row] = Math.floor(limit * (state.wishes.softRatio ?? Number.NaN));
    this.onDisk[row] = typeof onDisk === 'bigint' ? Number(onDisk) : Number.NaN;
    this.live[row] = number(liveLimitBytes(state));
    this.used[row] = number(usedBytes(state));
    for (const { type, status } of state.conditions) {
      if (status === 'Unknown') continue;
      const bit = this.#conditionBit(type);
      this.known[row] = (this.known[row] ?? 0) | bit;
      if (status === 'True') this.holds[row] = (this.holds[row] ?? 0) | bit;
    }
  }

  putConditions(row: number, put: Put): void {
    const known = this.known[row] ?? 0;
    const holds = this.holds[row] ?? 0;
    for (let index = 0; known >> index !== 0; index += 1) {
      if (((known >> index) & 1) === 1) put(this.#conditionLabels[index] ?? '', (holds >> index) & 1);
    }
  }

  #sourceLabel(source: string): string {
    let label = this.#sourceLabels.get(source);
    if (label === undefined) {
      label = `,${labelText([['source', source]])}`;
      this.#sourceLabels.set(source, label);
    }
    return label;
  }

  #conditionBit(type: string): number {
    let bit = this.#conditionBits.get(type);
    if (bit === undefined) {
      bit = 1 << this.#conditionLabels.length;
      this.#conditionBits.set(type, bit);
      this.#conditionLabels.push(`,condition="${type}"`);
    }
    return bit;
  }
}

function bulkOf(states: readonly PvState[], now: number): Bulk {
  const columns = new Columns(states, now);
  const { labels, sources } = columns;
  const simple = (name: MetricName, column: Float64Array) => ({
    name,
    samples: (row: number, put: Put): void => put('', column[row] ?? Number.NaN),
  });
  return {
    rows: states.length,
    prepare: (row) => columns.read(row),
    label: (row) => labels[row] ?? '',
    metrics: [
      {
        name: 'gluster_quota_limit_bytes',
        samples: (row, put) => put(sources[row] ?? '', columns.limit[row] ?? Number.NaN),
      },
      simple('gluster_quota_soft_limit_bytes', columns.soft),
      simple('gluster_quota_on_disk_limit_bytes', columns.onDisk),
      simple('gluster_quota_live_limit_bytes', columns.live),
      simple('gluster_quota_used_bytes', columns.used),
      simple('gluster_quota_scanned_bytes', columns.scanned),
      simple('gluster_quota_scan_age_seconds', columns.scanAge),
      simple('gluster_quota_drift_bytes', columns.drift),
      { name: 'gluster_quota_condition', samples: (row, put) => columns.putConditions(row, put) },
    ],
  };
}

function number(bytes: bigint | undefined): number {
  return bytes === undefined ? Number.NaN : Number(bytes);
}
