import { claimOf, liveLimitBytes, usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { Refusal } from '../../brick/pv-inventory.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { estimateUsage } from '../../quota/usage.ts';
import { KeptText, type Bulk, type Put } from '../bulk.ts';
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
  const columns = new SharedColumns();
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
    bulk: () =>
      source.hasSynced ? columns.bulk(mostInteresting([...source.states()], maxPvs), clock.now()) : undefined,
  };
}

/** Those of the last scrape serve the next one; one that comes while they are in use has its own. */
class SharedColumns {
  #columns: Columns | undefined;
  #isInUse = false;

  bulk(states: readonly PvState[], now: number): Bulk {
    if (this.#isInUse) return new Columns(states.length).bulk(states, now);
    if (this.#columns?.rows !== states.length) this.#columns = new Columns(states.length);
    this.#isInUse = true;
    return {
      ...this.#columns.bulk(states, now),
      kept: this.#columns.kept,
      release: () => {
        this.#isInUse = false;
      },
    };
  }
}

const NUMBERS = [
  'gluster_quota_limit_bytes',
  'gluster_quota_soft_limit_bytes',
  'gluster_quota_on_disk_limit_bytes',
  'gluster_quota_live_limit_bytes',
  'gluster_quota_used_bytes',
  'gluster_quota_scanned_bytes',
  'gluster_quota_scan_age_seconds',
  'gluster_quota_drift_bytes',
] as const satisfies MetricName[];
type NumberName = (typeof NUMBERS)[number];
const CONDITION = 'gluster_quota_condition';
const INFO = 'gluster_quota_pv_info';

/** Numbers of rows by metric; NaN is not known. */
class Columns {
  readonly rows: number;
  readonly kept = new KeptText();
  #states: readonly PvState[] = [];
  #now = 0;
  /** Of the states as they were read. What they consisted of is not kept: some of it is replaced every few seconds. */
  readonly #read: (PvState | undefined)[] = [];
  readonly #revisions: Int32Array;
  readonly #labels: string[] = [];
  readonly #sources: string[] = [];
  /** Of the rows that have one. */
  readonly #claims = new Map<number, string>();
  readonly #numbers: Record<NumberName, Float64Array>;
  /** A bit for each type of condition. */
  readonly #known: Int32Array;
  readonly #holds: Int32Array;
  /** By the number of the bit. */
  readonly #conditionLabels: string[] = [];
  readonly #conditionBits = new Map<string, number>();
  readonly #sourceLabels = new Map<string, string>();

  constructor(rows: number) {
    const column = (): Float64Array => new Float64Array(rows).fill(Number.NaN);
    this.rows = rows;
    this.#revisions = new Int32Array(rows);
    this.#numbers = {
      gluster_quota_limit_bytes: column(),
      gluster_quota_soft_limit_bytes: column(),
      gluster_quota_on_disk_limit_bytes: column(),
      gluster_quota_live_limit_bytes: column(),
      gluster_quota_used_bytes: column(),
      gluster_quota_scanned_bytes: column(),
      gluster_quota_scan_age_seconds: column(),
      gluster_quota_drift_bytes: column(),
    };
    this.#known = new Int32Array(rows);
    this.#holds = new Int32Array(rows);
  }

  /** Nothing is kept of what is written but in `kept`. */
  bulk(states: readonly PvState[], now: number): Bulk {
    this.#states = states;
    this.#now = now;
    const numbers = NUMBERS.map((name) => {
      const column = this.#numbers[name];
      const isLimit = name === 'gluster_quota_limit_bytes';
      return {
        name,
        samples: (row: number, put: Put): void =>
          put(isLimit ? (this.#sources[row] ?? '') : '', column[row] ?? Number.NaN),
      };
    });
    return {
      rows: this.rows,
      prepare: (row) => this.#readRow(row),
      label: (row) => this.#labels[row] ?? '',
      metrics: [
        { name: INFO, samples: (row, put) => this.#putClaim(row, put) },
        ...numbers,
        { name: CONDITION, samples: (row, put) => this.#putConditions(row, put) },
      ],
    };
  }

  #readRow(row: number): void {
    const state = this.#states[row];
    if (state === undefined) return;
    const { scan } = state;
    if (scan !== undefined) this.#set('gluster_quota_scan_age_seconds', row, Math.max(0, this.#now - scan.at) / 1000);
    // As the column holds it.
    const revision = state.revision | 0;
    const last = this.#read[row];
    if (last === state && this.#revisions[row] === revision) return;
    this.#read[row] = state;
    this.#revisions[row] = revision;
    if (last?.pv !== state.pv) {
      this.#labels[row] = labelText([['pv', state.pv]]);
      this.kept.dropRow(row);
    }
    const { desired, wishes, backend, conditions } = state;
    this.#readClaim(row, state);
    this.#readScan(row, scan);
    const isLimited = desired.limitBytes !== undefined;
    const onDisk = isLimited && backend.kind === 'present' ? backend.quota.limitBytes : undefined;
    const limit = isLimited ? Number(desired.limitBytes) : Number.NaN;
    const source = isLimited ? this.#sourceLabel(desired.source ?? '') : '';
    if (this.#sources[row] !== source) {
      this.#sources[row] = source;
      this.kept.drop('gluster_quota_limit_bytes', row);
    }
    this.#set('gluster_quota_limit_bytes', row, limit);
    this.#set('gluster_quota_soft_limit_bytes', row, Math.floor(limit * (wishes.softRatio ?? Number.NaN)));
    this.#set('gluster_quota_on_disk_limit_bytes', row, typeof onDisk === 'bigint' ? Number(onDisk) : Number.NaN);
    this.#set('gluster_quota_live_limit_bytes', row, isLimited ? number(liveLimitBytes(state)) : Number.NaN);
    this.#set('gluster_quota_used_bytes', row, isLimited ? number(usedBytes(state)) : Number.NaN);
    this.#readConditions(row, isLimited ? conditions : []);
  }

  #readClaim(row: number, state: PvState): void {
    const claim = claimOf(state);
    const label =
      claim === undefined
        ? undefined
        : `,${labelText([
            ['namespace', claim.namespace],
            ['persistentvolumeclaim', claim.name],
          ])}`;
    if (this.#claims.get(row) === label) return;
    if (label === undefined) this.#claims.delete(row);
    else this.#claims.set(row, label);
    this.kept.drop(INFO, row);
  }

  #putClaim(row: number, put: Put): void {
    const label = this.#claims.get(row);
    if (label !== undefined) put(label, 1);
  }

  #readScan(row: number, scan: PvState['scan']): void {
    const drift = scan === undefined ? undefined : estimateUsage(scan, undefined, this.#now).driftBytes;
    this.#set('gluster_quota_scanned_bytes', row, number(scan?.diskBytes));
    this.#set('gluster_quota_drift_bytes', row, number(drift));
    if (scan === undefined) this.#set('gluster_quota_scan_age_seconds', row, Number.NaN);
  }

  #readConditions(row: number, conditions: PvState['conditions']): void {
    let [known, holds] = [0, 0];
    for (const { type, status } of conditions) {
      // Also of what is not known: so the order of the series is that of the conditions, whichever is known first.
      const bit = this.#conditionBit(type);
      if (status === 'Unknown') continue;
      known |= bit;
      if (status === 'True') holds |= bit;
    }
    if (this.#known[row] === known && this.#holds[row] === holds) return;
    this.#known[row] = known;
    this.#holds[row] = holds;
    this.kept.drop(CONDITION, row);
  }

  #set(name: NumberName, row: number, value: number): void {
    const column = this.#numbers[name];
    if (Object.is(column[row], value)) return;
    column[row] = value;
    this.kept.drop(name, row);
  }

  #putConditions(row: number, put: Put): void {
    const known = this.#known[row] ?? 0;
    const holds = this.#holds[row] ?? 0;
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

function number(bytes: bigint | undefined): number {
  return bytes === undefined ? Number.NaN : Number(bytes);
}
