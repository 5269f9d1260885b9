/** The quotas of all PVs in a few numbers, however many there are. Pure. */
import type { Condition, ConditionStatus } from '../../lib/conditions.ts';
import { brickLimit, type QuotaLayout } from '../../quota/layout.ts';
import { usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { FindingSeverity } from './finding.ts';

/** PVs named for each finding. */
const MAX_EXAMPLES = 5;

/** PVs that have the same condition that is not True for the same reason. */
export interface ConditionGroup {
  type: string;
  status: ConditionStatus;
  reason: string;
  severity: FindingSeverity;
  count: number;
  examples: { pv: string; message: string }[];
}

export interface QuotaSummary {
  synced: boolean;
  pvs: number;
  limited: number;
  /** The gravest first. */
  groups: ConditionGroup[];
  /** Use more than their limit. */
  over: { count: number; examples: { pv: string; usedBytes: bigint; limitBytes: bigint }[] };
}

/** What each condition means that is not as it should be; what is not named is a warning when False, and else to be known. */
const SEVERITIES: Record<string, FindingSeverity> = {
  'OnDisk False': 'error',
  'OnDisk False DirectoryMissing': 'warning',
  'OnDisk Unknown': 'warning',
  'Live False': 'error',
  'Live False NotInBrick': 'warning',
  'Live False NotEnforceable': 'warning',
  // As it should be after a removal, until the brick restarts.
  'Live False RemovalPending': 'info',
  'Live Unknown': 'warning',
};

/** True of a PV that nobody limits, whatever the condition says. */
const NO_LIMIT = 'NoLimit';

/** Undefined: it is as it should be. */
export function severityOf({
  type,
  status,
  reason,
}: Pick<Condition, 'type' | 'status' | 'reason'>): FindingSeverity | undefined {
  if (status === 'True' || reason === NO_LIMIT) return undefined;
  const byStatus = SEVERITIES[`${type} ${status}`] ?? (status === 'False' ? 'warning' : 'info');
  return SEVERITIES[`${type} ${status} ${reason}`] ?? byStatus;
}

/** Used bytes as a part of this brick's limit; undefined without a limit, where the usage is not known, and on an arbiter. */
export function fullnessOf(state: PvState, layout: QuotaLayout): number | undefined {
  const { limitBytes } = state.desired;
  const used = usedBytes(state);
  if (limitBytes === undefined || used === undefined || layout.isArbiter) return undefined;
  return Number(used) / Number(brickLimit(limitBytes, layout));
}

export function summarizeQuotas(states: Iterable<PvState>, layout: QuotaLayout, synced: boolean): QuotaSummary {
  const summary: QuotaSummary = { synced, pvs: 0, limited: 0, groups: [], over: { count: 0, examples: [] } };
  const groups = new Map<string, ConditionGroup>();
  for (const state of states) {
    const { pv, desired, conditions } = state;
    summary.pvs += 1;
    if (desired.limitBytes !== undefined) {
      summary.limited += 1;
      noteOver(summary.over, state, brickLimit(desired.limitBytes, layout), layout);
    }
    for (const { type, status, reason, message } of conditions) {
      const severity = severityOf({ type, status, reason });
      if (severity === undefined) continue;
      const key = `${type} ${status} ${reason}`;
      const group = groups.get(key) ?? { type, status, reason, severity, count: 0, examples: [] };
      group.count += 1;
      if (group.examples.length < MAX_EXAMPLES) group.examples.push({ pv, message });
      groups.set(key, group);
    }
  }
  const rank = { error: 0, warning: 1, info: 2 };
  summary.groups = [...groups.values()].sort((a, b) => rank[a.severity] - rank[b.severity] || b.count - a.count);
  return summary;
}

function noteOver(over: QuotaSummary['over'], state: PvState, limitBytes: bigint, layout: QuotaLayout): void {
  if ((fullnessOf(state, layout) ?? 0) <= 1) return;
  over.count += 1;
  const used = usedBytes(state);
  if (used !== undefined && over.examples.length < MAX_EXAMPLES) {
    over.examples.push({ pv: state.pv, usedBytes: used, limitBytes });
  }
}
