/** What became of a volfile: the words that the API, the metrics and the command line share. */
import type { Condition } from '../lib/conditions.ts';
import type { OptionChange, PlanAction } from './plan.ts';
import type { Problem } from './problem.ts';

export type ProcessName = 'brick' | 'shd';

/** Whose volfile it is; clients get theirs from the brick. */
export type VolfileReader = ProcessName | 'client';

export type Outcome =
  /** The process took the new file, and said so. */
  | 'Applied'
  /** The process runs what the file says. */
  | 'Unchanged'
  /** The process goes on with the old graph until it is restarted. */
  | 'RestartRequired'
  /** The file is not acceptable; the process was left alone. */
  | 'Rejected'
  /** What the process runs is not known. */
  | 'Unverified'
  /** Nothing to decide yet; looked at again in the next pass. */
  | 'Pending'
  /** The process did not survive, or does not answer since. */
  | 'Failed';

export type Reason =
  // Applied, Unchanged
  | 'ValuesSeen'
  | 'PassSeen'
  | 'Restarted'
  | 'Refetched'
  | 'AlreadyLoaded'
  | 'SameFile'
  | 'SameMeaning'
  | 'Served'
  // RestartRequired
  | 'TopologyChanged'
  | 'OptionNeedsRestart'
  | 'HupIgnored'
  | 'ReconfigureFailed'
  | 'HalfApplied'
  | 'ProcessUnseen'
  | 'Poisoned'
  // Rejected
  | 'SyntaxError'
  | 'LintError'
  | 'FileMissing'
  | 'FileUnreadable'
  // Unverified
  | 'RunningGraphUnknown'
  | 'VersionUnknown'
  | 'NoEvidence'
  | 'OptionNotConfirmed'
  | 'ProcessUnproven'
  | 'OtherFile'
  | 'NoVolfile'
  | 'SignalFailed'
  | 'NotServed'
  | 'ChangedMeanwhile'
  // Pending
  | 'NotLookedYet'
  | 'ProcessNotRunning'
  | 'JustStarted'
  | 'NotYetVisible'
  | 'Restarting'
  | 'BrickUnsettled'
  // Failed
  | 'StagingFailed'
  | 'ProcessDied'
  | 'RestartFailed'
  | 'NotAnswering';

export interface OutcomeRecord {
  /** Wall-clock milliseconds. */
  at: number;
  /** What was done about the file, or would have to be. */
  plan: PlanAction;
  outcome: Outcome;
  reason: Reason;
  message: string;
  wantedHash: string | undefined;
  /** From the signal to the outcome; undefined: no signal was sent. */
  durationMs: number | undefined;
}

export interface ReloadRecord {
  how: 'reload' | 'restart';
  /** Wall-clock milliseconds of the signal. */
  at: number;
  success: boolean;
  durationMs: number;
}

export interface VolfileStatus {
  process: VolfileReader;
  /** Name in the volfile directory. */
  file: string;
  /** SHA-256 of the file as it stands in the directory, in hex; undefined when it cannot be read. */
  wantedHash: string | undefined;
  /** SHA-256 of the file that the process runs; undefined when that is not known to the byte. */
  runningHash: string | undefined;
  outcome: Outcome;
  reason: Reason;
  message: string;
  problems: Problem[];
  /** Options that the file would change, or has changed with the last reload. */
  changes: OptionChange[];
  /** Differences of the tree; not empty only for TopologyChanged. */
  differences: string[];
  /** Wall-clock milliseconds since when outcome, reason and file are these. */
  since: number;
  /** Undefined until the first signal. */
  lastReload: ReloadRecord | undefined;
  /** Wall-clock milliseconds of the last reload or restart that was confirmed. */
  lastSuccessAt: number | undefined;
  reloads: { succeeded: number; failed: number };
  /** Those that this agent began. */
  restarts: { succeeded: number; failed: number };
  /** Why a restart that this agent is to do has not begun; undefined: it has none to do. */
  restartWaitsFor: string | undefined;
  /** Valid, Staged (in staged mode), InForce, RestartRequired (not of clients); see conditions.ts. */
  conditions: Condition[];
  /** Newest last; see HISTORY_LENGTH. */
  history: OutcomeRecord[];
}

/** Enough to see a day of changes, small enough to be sent with every status. */
export const HISTORY_LENGTH = 20;
