/** PVs that reach a bound or whose limit is not in force. Pure. */
import type { Condition } from '../../lib/conditions.ts';
import { formatBytes } from '../../lib/units.ts';
import { brickLimit, type QuotaLayout } from '../../quota/layout.ts';
import { softLimitBytes, usedBytes, type PvState } from '../../quota/pv-state.ts';
import type { AgentEvent, EventReason } from './event-kinds.ts';
import { changeOf, type Known } from './change.ts';

/** A limit on its way is not in force for some passes; in milliseconds. */
export const SETTLE_MS = 10_000;

/** What was last known of a PV, two bits for each facet: there may be 10,000 of them. */
export type PvMemory = number;

/** As it should be, or seen to by somebody else: a removal that waits, a directory that is to be healed. */
const NO_FAULT = new Set(['NoLimit', 'RemovalPending', 'NotInBrick']);

interface Facet {
  /** Undefined: not known. */
  judge: (state: PvState, layout: QuotaLayout, now: number) => Known;
  began: EventReason;
  ended: EventReason;
  note: (state: PvState, layout: QuotaLayout) => string;
  after: string;
}

const FACETS: readonly Facet[] = [
  {
    judge: (state) => known(conditionOf(state, 'BelowSoftLimit')?.status),
    began: 'PvAboveSoftLimit',
    ended: 'PvBelowSoftLimit',
    note: (state, layout) => {
      const soft = formatBytes(softLimitBytes(state, layout) ?? 0n);
      return `uses its soft limit of ${soft} on this brick, or more: make room or resize`;
    },
    after: 'uses less than its soft limit again',
  },
  {
    judge: (state, layout) => {
      const { limitBytes } = state.desired;
      const used = usedBytes(state);
      // An arbiter counts nothing that means anything.
      if (limitBytes === undefined || used === undefined || layout.isArbiter) return undefined;
      return used > brickLimit(limitBytes, layout) ? 'Bad' : 'Good';
    },
    began: 'PvOverLimit',
    ended: 'PvWithinLimit',
    note: ({ desired }, layout) => {
      const limit = formatBytes(brickLimit(desired.limitBytes ?? 0n, layout));
      return `uses more than its limit of ${limit} on this brick; brick-agent quota explain tells why`;
    },
    after: 'uses no more than its limit again',
  },
  {
    judge: (state, _layout, now) => {
      if (state.desired.limitBytes === undefined) return undefined;
      const wrong = notEnforced(state);
      if (wrong === undefined) return conditionOf(state, 'Enforced')?.status === 'True' ? 'Good' : undefined;
      return now - Date.parse(wrong.lastTransitionTime) >= SETTLE_MS ? 'Bad' : undefined;
    },
    began: 'PvNotEnforced',
    ended: 'PvEnforced',
    note: (state) => {
      const { type, reason, message } = notEnforced(state) ?? { type: 'Enforced', reason: '', message: '' };
      return `its limit is not in force (${type} False, ${reason}): ${message}`;
    },
    after: 'its limit is in force again',
  },
];

/**
 * @param memory what the last look gave back; undefined: this PV is seen for the first time
 * @param now wall-clock milliseconds
 */
export function pvEvents(
  memory: PvMemory | undefined,
  state: PvState,
  layout: QuotaLayout,
  now: number,
): { memory: PvMemory; events: AgentEvent[] } {
  let next = memory ?? 0;
  const events: AgentEvent[] = [];
  for (const [index, { judge, began, ended, note, after }] of FACETS.entries()) {
    const seen = judge(state, layout, now);
    const change = changeOf(KNOWN[(next >> (2 * index)) & 3], seen);
    if (seen !== undefined) next = (next & ~(3 << (2 * index))) | ((seen === 'Good' ? 1 : 2) << (2 * index));
    if (change === undefined) continue;
    const isOver = change === 'Ended';
    const text = `PV ${state.pv}: ${isOver ? after : note(state, layout)}`;
    events.push({ reason: isOver ? ended : began, about: state.pv, note: text, isFirst: change === 'Found' });
  }
  return { memory: next, events };
}

const KNOWN: readonly Known[] = [undefined, 'Good', 'Bad'];

function known(status: Condition['status'] | undefined): Known {
  return status === 'True' ? 'Good' : status === 'False' ? 'Bad' : undefined;
}

function conditionOf({ conditions }: PvState, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** `Enforced` follows `Live` where that is not True. */
function notEnforced(state: PvState): Condition | undefined {
  const wrong = ['Live', 'Enforced'].map((type) => conditionOf(state, type));
  return wrong.find((condition) => condition?.status === 'False' && !NO_FAULT.has(condition.reason));
}
