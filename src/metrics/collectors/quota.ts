import { claimOf, liveLimitBytes, usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { Refusal } from '../../brick/pv-inventory.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { estimateUsage } from '../../quota/usage.ts';
import { BulkMetric, type Bulk } from '../bulk.ts';
import { labelText, valueText } from '../format.ts';
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
  const columns = new SharedColumns();
  return {
    name: 'quota',
    collect(emit) {
      if (!source.hasSynced) return;
      const { pvs, conditions } = countConditions(source.states());
      emit('gluster_quota_pvs', {}, pvs);
      emit('gluster_quota_pvs_left_out', {}, maxPvs === 0 ? 0 : Math.max(0, pvs - maxPvs));
      for (const [condition, counts] of conditions) {
        for (const status of ['True', 'False', 'Unknown'] as const) {
          emit('gluster_quota_condition_pvs', { condition, status }, counts[status]);
        }
      }
      const isValid = source.isQuotaFileValid;
      emit('gluster_quota_file_valid', {}, isValid === undefined ? undefined : Number(isValid));
      emit('gluster_quota_refused_entries', {}, source.refusals.length);
    },
    bulk: () => (source.hasSynced ? columns.bulk(source.states(), maxPvs, clock.now()) : undefined),
  };
}

/** Those of the last scrape serve the next one; one that comes while they are in use has its own. */
class SharedColumns {
  #columns: Columns | undefined;
  readonly #states: PvState[] = [];
  #isInUse = false;

  bulk(all: Iterable<PvState>, maxPvs: number, now: number): Bulk {
    const states = mostInteresting(this.#isInUse ? [...all] : refilled(this.#states, all), maxPvs);
    if (this.#isInUse) return new Columns(states.length).bulk(states, now);
    if (this.#columns?.rows !== states.length) this.#columns = new Columns(states.length);
    this.#isInUse = true;
    return {
      ...this.#columns.bulk(states, now),
      release: () => {
        this.#isInUse = false;
      },
    };
  }
}

/** A new list of 10,000 would outlive the garbage of a scrape, and be garbage of the old generation then, which takes long to collect. */
function refilled<T>(list: T[], items: Iterable<T>): readonly T[] {
  let count = 0;
  for (const item of items) {
    list[count] = item;
    count += 1;
  }
  list.length = count;
  return list;
}

/** In the order in which they are written. */
const METRICS = [
  'gluster_quota_pv_info',
  'gluster_quota_limit_bytes',
  'gluster_quota_soft_limit_bytes',
  'gluster_quota_on_disk_limit_bytes',
  'gluster_quota_live_limit_bytes',
  'gluster_quota_used_bytes',
  'gluster_quota_scanned_bytes',
  'gluster_quota_scan_age_seconds',
  'gluster_quota_drift_bytes',
  'gluster_quota_condition',
] as const satisfies MetricName[];
type QuotaMetric = (typeof METRICS)[number];

/** What is written of rows. Of a PV that is as it was, nothing is made anew but the age of its scan. */
class Columns {
  readonly rows: number;
  /** Of the states as they were read. What they consisted of is not kept: some of it is replaced every few seconds. */
  readonly #read: (PvState | undefined)[] = [];
  readonly #revisions: Int32Array;
  readonly #labels: string[] = [];
  /** Wall-clock milliseconds; NaN: never. */
  readonly #scannedAt: Float64Array;
  #now = 0;
  readonly #metrics: ReadonlyMap<QuotaMetric, BulkMetric>;

  constructor(rows: number) {
    this.rows = rows;
    this.#revisions = new Int32Array(rows);
    this.#scannedAt = new Float64Array(rows);
    this.#metrics = new Map(
      METRICS.map((name) => {
        const valueAt = name === 'gluster_quota_scan_age_seconds' ? (row: number) => this.#scanAge(row) : undefined;
        return [name, new BulkMetric(name, rows, valueAt)];
      }),
    );
  }

  bulk(states: readonly PvState[], now: number): Bulk {
    this.#now = now;
    return {
      rows: this.rows,
      prepare: (row) => {
        const state = states[row];
        if (state !== undefined && !this.#isAsRead(row, state)) this.#readRow(row, state);
      },
      labels: this.#labels,
      metrics: [...this.#metrics.values()],
    };
  }

  #isAsRead(row: number, state: PvState): boolean {
    // As the column holds it.
    const revision = state.revision | 0;
    if (this.#read[row] === state && this.#revisions[row] === revision) return true;
    this.#read[row] = state;
    this.#revisions[row] = revision;
    return false;
  }

  #readRow(row: number, state: PvState): void {
    const { pv, desired, wishes, backend, conditions, scan } = state;
    this.#labels[row] = labelText([['pv', pv]]);
    for (const metric of this.#metrics.values()) metric.clear(row);
    this.#readClaim(row, state);
    this.#scannedAt[row] = scan?.at ?? Number.NaN;
    if (scan !== undefined) {
      this.#set(row, 'gluster_quota_scanned_bytes', scan.diskBytes);
      this.#set(row, 'gluster_quota_drift_bytes', estimateUsage(scan, undefined, this.#now).driftBytes);
    }
    if (desired.limitBytes === undefined) return;
    const limit = Number(desired.limitBytes);
    const onDisk = backend.kind === 'present' ? backend.quota.limitBytes : undefined;
    this.#set(row, 'gluster_quota_limit_bytes', limit, `,${labelText([['source', desired.source ?? '']])}`);
    if (wishes.softRatio !== undefined) {
      this.#set(row, 'gluster_quota_soft_limit_bytes', Math.floor(limit * wishes.softRatio));
    }
    this.#set(row, 'gluster_quota_on_disk_limit_bytes', typeof onDisk === 'bigint' ? onDisk : undefined);
    this.#set(row, 'gluster_quota_live_limit_bytes', liveLimitBytes(state));
    this.#set(row, 'gluster_quota_used_bytes', usedBytes(state));
    for (const { type, status } of conditions) {
      // Also of what is not known: so the order of the series is that of the conditions, whichever is known first.
      const value = status === 'Unknown' ? undefined : Number(status === 'True');
      this.#set(row, 'gluster_quota_condition', value, `,condition="${type}"`);
    }
  }

  #scanAge(row: number): string | undefined {
    const at = this.#scannedAt[row] ?? Number.NaN;
    return Number.isNaN(at) ? undefined : valueText(Math.max(0, this.#now - at) / 1000);
  }

  #readClaim(row: number, state: PvState): void {
    const claim = claimOf(state);
    if (claim === undefined) return;
    const label = labelText([
      ['pv', state.pv],
      ['namespace', claim.namespace],
      ['persistentvolumeclaim', claim.name],
    ]);
    this.#metrics.get('gluster_quota_pv_info')?.setNamed(row, label, '1');
  }

  #set(row: number, name: QuotaMetric, value: number | bigint | undefined, further?: string): void {
    this.#metrics.get(name)?.set(row, value === undefined ? undefined : valueText(Number(value)), further);
  }
}
