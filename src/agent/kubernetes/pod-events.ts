/** What happens to the brick as a whole: fence, processes, heal, tampering. Pure. */
import type { BacklogView } from '../../heal/backlog.ts';
import { formatDuration } from '../../lib/units.ts';
import type { GuardStats } from '../../quota/guard.ts';
import type { Fence } from '../../quota/ports.ts';
import type { AgentEvent, EventReason } from './event-kinds.ts';
import { changeOf, type Known } from './change.ts';

/** A brick that is busy has something in its index now and then; in milliseconds. */
export const BACKLOG_WORTH_TELLING_MS = 60_000;

/** A member that is undefined is not known at the moment. */
export interface PodView {
  brickPath: string;
  fence: Fence | undefined;
  /** Other self-heal daemons that were found in the place of one before. */
  shdRestarts: number | undefined;
  backlog: Pick<BacklogView, 'state' | 'reason' | 'message' | 'pendingSince'>;
  /** Objects in split-brain. */
  splitBrains: number | undefined;
  /** Objects that writes have left dirty. */
  leftDirty: number | undefined;
  tampering: GuardStats['tampering'] | undefined;
}

/** What was last known. */
export interface PodMemory {
  fence: Known;
  shdRestarts: number;
  stalled: Known;
  /** Wall-clock milliseconds since when something waits; undefined: nothing does, or it was not known yet. */
  pendingSince: number | undefined;
  splitBrain: Known;
  dirty: Known;
  tampering: GuardStats['tampering'];
}

export const NOTHING_KNOWN: PodMemory = {
  fence: undefined,
  shdRestarts: 0,
  stalled: undefined,
  pendingSince: undefined,
  splitBrain: undefined,
  dirty: undefined,
  tampering: { off: 0, faked: 0 },
};

/** @param now wall-clock milliseconds */
export function podEvents(memory: PodMemory, view: PodView, now: number): { memory: PodMemory; events: AgentEvent[] } {
  const parts = [fenceEvents, shdEvents, healEvents, splitBrainEvents, dirtyEvents, tamperingEvents];
  const events = parts.flatMap((part) => part(memory, view, now));
  return { memory: remember(memory, view), events };
}

function remember(memory: PodMemory, view: PodView): PodMemory {
  const { backlog } = view;
  return {
    fence: fenceOf(view) ?? memory.fence,
    shdRestarts: view.shdRestarts ?? memory.shdRestarts,
    stalled: stalledOf(view) ?? memory.stalled,
    pendingSince: backlog.state === 'Unknown' ? memory.pendingSince : backlog.pendingSince,
    splitBrain: countOf(view.splitBrains) ?? memory.splitBrain,
    dirty: countOf(view.leftDirty) ?? memory.dirty,
    tampering: view.tampering ?? memory.tampering,
  };
}

function fenceOf({ fence }: PodView): Known {
  return fence === undefined ? undefined : fence.open ? 'Good' : 'Bad';
}

function fenceEvents(memory: PodMemory, view: PodView): AgentEvent[] {
  const { brickPath, fence } = view;
  const why = fence === undefined || fence.open ? '' : fence.reason;
  return told(memory.fence, fenceOf(view), {
    about: why,
    bad: ['BrickFenced', `nothing is written to ${brickPath}: ${why}`],
    good: ['BrickUnfenced', `${brickPath} is proven to be this brick again`],
  });
}

function shdEvents(memory: PodMemory, { shdRestarts }: PodView): AgentEvent[] {
  if (shdRestarts === undefined || shdRestarts <= memory.shdRestarts) return [];
  const note = 'another self-heal daemon runs in the place of the one before';
  return [{ reason: 'SelfHealDaemonRestarted', about: '', note, isFirst: false }];
}

/** A backlog that an agent has just met is neither: whether it moves is known when something was healed, or nothing for long. */
function stalledOf({ backlog: { state, reason } }: PodView): Known {
  if (state === 'Stalled') return 'Bad';
  return state === 'Complete' || reason === 'Falling' ? 'Good' : undefined;
}

function healEvents(memory: PodMemory, view: PodView, now: number): AgentEvent[] {
  const { state, message } = view.backlog;
  const change = changeOf(memory.stalled, stalledOf(view));
  if (change === 'Found' || change === 'Began') {
    const note = `${message}; brick-agent heal explain`;
    return [{ reason: 'HealStalled', about: '', note, isFirst: change === 'Found' }];
  }
  const since = memory.pendingSince;
  if (state !== 'Complete' || since === undefined) return [];
  if (memory.stalled !== 'Bad' && now - since < BACKLOG_WORTH_TELLING_MS) return [];
  const note = `nothing waits for heal any more, as far as this brick knows; the backlog stood for ${formatDuration(now - since)}`;
  return [{ reason: 'HealComplete', about: '', note, isFirst: false }];
}

function splitBrainEvents(memory: PodMemory, { splitBrains }: PodView): AgentEvent[] {
  return told(memory.splitBrain, countOf(splitBrains), {
    bad: [
      'SplitBrainFound',
      'the copies of an object, or of several, contradict each other: brick-agent heal split-brain',
    ],
    good: ['SplitBrainGone', 'no object that waits for heal is in split-brain any more'],
  });
}

function dirtyEvents(memory: PodMemory, { leftDirty }: PodView): AgentEvent[] {
  return told(memory.dirty, countOf(leftDirty), {
    bad: [
      'HealLeftDirty',
      'objects are marked as being written and nobody writes to them: brick-agent heal list --index dirty',
    ],
    good: undefined,
  });
}

function countOf(objects: number | undefined): Known {
  return objects === undefined ? undefined : objects > 0 ? 'Bad' : 'Good';
}

function tamperingEvents({ tampering: before }: PodMemory, { tampering }: PodView): AgentEvent[] {
  if (tampering === undefined) return [];
  const found: [string, number, string][] = [
    [
      'off',
      tampering.off - before.off,
      'enforcement was found switched off on the whole brick, with PVs beyond their limits: it was switched on again',
    ],
    [
      'faked',
      tampering.faked - before.faked,
      'the brick was told a false usage of a PV: it is told the true one from now on',
    ],
  ];
  return found.flatMap(([about, times, note]) =>
    times > 0 ? [{ reason: 'QuotaTampering', about, note, isFirst: false }] : [],
  );
}

interface Words {
  about?: string;
  bad: [EventReason, string];
  good: [EventReason, string] | undefined;
}

function told(before: Known, now: Known, { about = '', bad, good }: Words): AgentEvent[] {
  const change = changeOf(before, now);
  const words = change === undefined ? undefined : change === 'Ended' ? good : bad;
  if (words === undefined) return [];
  const [reason, note] = words;
  return [{ reason, about, note, isFirst: change === 'Found' }];
}
