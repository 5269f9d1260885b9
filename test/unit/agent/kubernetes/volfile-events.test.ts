import { describe, expect, it } from 'vitest';
import {
  SETTLE_MS,
  settledView,
  volfileEvents,
  type VolfileView,
} from '../../../../src/agent/kubernetes/volfile-events.ts';
import type { Outcome, OutcomeRecord, Reason } from '../../../../src/volfile/status.ts';

const record = (outcome: Outcome, reason: Reason, wantedHash = 'a', message = 'why'): OutcomeRecord => ({
  at: 0,
  plan: 'none',
  outcome,
  reason,
  message,
  wantedHash,
  durationMs: undefined,
});
const view = (...history: OutcomeRecord[]): VolfileView => ({ process: 'brick', file: 'brick-0.vol', history });
const reasons = (before: VolfileView | undefined, after: VolfileView): string[] =>
  volfileEvents(before, after).map(({ reason, isFirst }) => (isFirst ? `${reason} first` : reason));

const FINE = record('Unchanged', 'SameFile');
const REJECTED = record('Rejected', 'LintError', 'b', 'VF101 in line 46: no auth-path');

describe('volfileEvents', () => {
  it.each([
    ['VolfileApplied', record('Applied', 'ValuesSeen')],
    ['VolfileApplied', record('Applied', 'Refetched')],
    ['ProcessRestarted', record('Applied', 'Restarted')],
    ['VolfileRejected', REJECTED],
    ['VolfileRejected', record('Rejected', 'FileMissing')],
    ['VolfileRestartRequired', record('RestartRequired', 'TopologyChanged')],
    ['VolfileRestartRequired', record('RestartRequired', 'HupIgnored')],
    ['VolfilePoisoned', record('RestartRequired', 'Poisoned')],
    ['VolfileReloadFailed', record('RestartRequired', 'HalfApplied')],
    ['VolfileReloadFailed', record('RestartRequired', 'ReconfigureFailed')],
    ['VolfileReloadFailed', record('Failed', 'ProcessDied')],
    ['VolfileReloadFailed', record('Failed', 'NotAnswering')],
    ['VolfileReloadFailed', record('Failed', 'StagingFailed')],
    ['ProcessRestartFailed', record('Failed', 'RestartFailed')],
    ['VolfileUnverified', record('Unverified', 'NoEvidence')],
    ['VolfileUnverified', record('Unverified', 'ProcessUnproven')],
  ])('%s', (reason, next) => {
    expect(reasons(view(FINE), view(FINE, next))).toEqual([reason]);
    // Told once.
    expect(reasons(view(FINE, next), view(FINE, next))).toEqual([]);
  });

  it.each([
    record('Pending', 'JustStarted'),
    record('Pending', 'Restarting'),
    record('Unverified', 'VersionUnknown'),
    record('Unverified', 'ChangedMeanwhile'),
    record('Unchanged', 'SameMeaning'),
    record('Unchanged', 'Served'),
  ])('nothing of $outcome/$reason', (next) => {
    expect(reasons(view(FINE), view(FINE, next))).toEqual([]);
  });

  it('has rule and line in the note', () => {
    const [event] = volfileEvents(view(FINE), view(FINE, REJECTED));
    expect(event?.note).toBe('brick-0.vol of the brick: Rejected/LintError: VF101 in line 46: no auth-path');
  });

  it('marks what was so when the agent began, and says nothing of what was fine then', () => {
    expect(reasons(undefined, view(REJECTED))).toEqual(['VolfileRejected first']);
    expect(reasons(view(), view(REJECTED))).toEqual(['VolfileRejected first']);
    expect(reasons(undefined, view(record('Pending', 'NotYetVisible'), REJECTED))).toEqual(['VolfileRejected first']);
    expect(reasons(undefined, view(FINE))).toEqual([]);
    // A signal that this agent has sent is its own deed.
    expect(reasons(undefined, view(record('Applied', 'ValuesSeen')))).toEqual(['VolfileApplied']);
  });

  it('tells the same state once, whatever was pending in between', () => {
    const again = { ...REJECTED };
    const before = view(FINE, REJECTED);
    expect(reasons(before, view(FINE, REJECTED, record('Pending', 'JustStarted'), again))).toEqual([]);
    const another = record('Rejected', 'LintError', 'c');
    expect(reasons(before, view(FINE, REJECTED, another))).toEqual(['VolfileRejected']);
  });

  it('tells that a file was put right', () => {
    expect(reasons(view(REJECTED), view(REJECTED, FINE))).toEqual(['VolfileApplied']);
    expect(reasons(view(REJECTED), view(REJECTED, record('Pending', 'JustStarted'), FINE))).toEqual(['VolfileApplied']);
  });

  it('does not tell what was not known for a moment only', () => {
    const unproven = { ...record('Unverified', 'ProcessUnproven'), at: 1_000 };
    const shortly = view(FINE, unproven, { ...FINE, at: 1_000 + SETTLE_MS - 1 });
    expect(settledView(shortly, 1e9).history).toEqual([FINE, shortly.history[2]]);
    const still = view(FINE, unproven);
    const young = settledView(still, 999 + SETTLE_MS);
    expect(reasons(view(FINE), young)).toEqual([]);
    // It was left out of what was seen, so that it is news when it stays.
    expect(reasons(young, settledView(still, 1_000 + SETTLE_MS))).toEqual(['VolfileUnverified']);
    const long = view(FINE, unproven, { ...FINE, at: 1_000 + SETTLE_MS });
    expect(reasons(young, settledView(long, 1e9))).toEqual(['VolfileUnverified', 'VolfileApplied']);
  });

  it('misses nothing that happened between two looks, in order', () => {
    const applied = record('Applied', 'PassSeen', 'c');
    const after = view(FINE, REJECTED, applied, record('RestartRequired', 'TopologyChanged', 'd'));
    expect(reasons(view(FINE), after)).toEqual(['VolfileRejected', 'VolfileApplied', 'VolfileRestartRequired']);
    // All that it knew was pushed out of the history meanwhile.
    expect(reasons(view(FINE), view(REJECTED, applied))).toEqual(['VolfileRejected', 'VolfileApplied']);
  });
});
