/** What became of volfiles, from the histories that their statuses have. Pure. */
import type { OutcomeRecord, VolfileStatus } from '../../volfile/status.ts';
import type { AgentEvent, EventReason } from './event-kinds.ts';

export type VolfileView = Pick<VolfileStatus, 'process' | 'file' | 'history'>;

/** A process that starts is not proven for a moment, for one; in milliseconds. */
export const SETTLE_MS = 30_000;

/** The agent knows better within seconds, or there is nothing to be done. */
const PASSING: ReadonlySet<OutcomeRecord['reason']> = new Set(['VersionUnknown', 'ChangedMeanwhile'] as const);

/** Without what was not known for a moment only. @param now wall-clock milliseconds */
export function settledView({ process, file, history }: VolfileView, now: number): VolfileView {
  const settled = history.filter(
    ({ outcome, at }, index) => outcome !== 'Unverified' || (history[index + 1]?.at ?? now) - at >= SETTLE_MS,
  );
  return { process, file, history: settled };
}

/** @param before the same process at the last look; both settled */
export function volfileEvents(before: VolfileView | undefined, after: VolfileView): AgentEvent[] {
  const seen = before?.history.at(-1);
  const records = after.history;
  // Records stay the same objects while they are kept.
  const news = records.slice(seen === undefined ? 0 : records.lastIndexOf(seen) + 1);
  let last = lastKnown(before?.history ?? []);
  const events: AgentEvent[] = [];
  for (const record of news) {
    if (!isKnown(record)) continue;
    const event = eventOf(after, record, last);
    if (event !== undefined) events.push(event);
    last = record;
  }
  return events;
}

function lastKnown(history: readonly OutcomeRecord[]): OutcomeRecord | undefined {
  return history.findLast(isKnown);
}

/** While an outcome is pending, the last one stands. */
function isKnown({ outcome, reason }: OutcomeRecord): boolean {
  return outcome !== 'Pending' && !PASSING.has(reason);
}

function eventOf(view: VolfileView, record: OutcomeRecord, last: OutcomeRecord | undefined): AgentEvent | undefined {
  const reason = reasonOf(record, last);
  if (reason === undefined) return undefined;
  // What was done is news each time; what is so, only when it was not so before.
  const isDone = record.outcome === 'Applied';
  if (!isDone && last !== undefined && isSame(record, last)) return undefined;
  const about = [view.process, record.outcome, record.reason, record.wantedHash].join(' ');
  return { reason, about, note: noteOf(view, record), isFirst: last === undefined && !isDone };
}

function isSame(a: OutcomeRecord, b: OutcomeRecord): boolean {
  return a.outcome === b.outcome && a.reason === b.reason && a.wantedHash === b.wantedHash;
}

function reasonOf({ outcome, reason }: OutcomeRecord, last: OutcomeRecord | undefined): EventReason | undefined {
  switch (outcome) {
    case 'Applied':
      return reason === 'Restarted' ? 'ProcessRestarted' : 'VolfileApplied';
    case 'Unchanged':
      // A file that was put right, or a person's restart.
      return last === undefined || isFine(last) ? undefined : 'VolfileApplied';
    case 'Rejected':
      return 'VolfileRejected';
    case 'RestartRequired':
      if (reason === 'Poisoned') return 'VolfilePoisoned';
      return reason === 'ReconfigureFailed' || reason === 'HalfApplied'
        ? 'VolfileReloadFailed'
        : 'VolfileRestartRequired';
    case 'Unverified':
      return 'VolfileUnverified';
    case 'Failed':
      return reason === 'RestartFailed' ? 'ProcessRestartFailed' : 'VolfileReloadFailed';
    case 'Pending':
      return undefined;
  }
}

function isFine({ outcome }: OutcomeRecord): boolean {
  return outcome === 'Applied' || outcome === 'Unchanged';
}

function noteOf({ process, file }: VolfileView, { outcome, reason, message }: OutcomeRecord): string {
  return `${file} of ${WORDS[process]}: ${outcome}/${reason}: ${message}`;
}

const WORDS = { brick: 'the brick', shd: 'the self-heal daemon', client: 'the clients' } as const;
