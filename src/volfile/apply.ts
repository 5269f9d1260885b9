/**
 * Gets an options-only change into a running process and finds out what became of it: proof, SIGHUP, then evidence. "Sent" is
 * never taken for "done".
 */
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { isSameProcess, readProcess, type ProcessInfo } from '../process/identity.ts';
import { signalProven, type SignalOptions } from '../process/signal.ts';
import { judgeLog, type Evidence } from './evidence.ts';
import { LogTail } from './log-file.ts';
import type { OptionChange } from './plan.ts';
import { quote } from './problem.ts';
import { hashVolfile } from './read-set.ts';
import type { Outcome, Reason } from './status.ts';

export interface ReloadOptions {
  process: ProcessInfo;
  /** The file as the process sees it; undefined when it cannot be looked at. */
  seenPath: string | undefined;
  wantedHash: string;
  changes: readonly OptionChange[];
  /** Undefined: there is no log to read, so nothing can be confirmed. */
  logFile: string | undefined;
  clock: Clock;
  signal: AbortSignal;
  /** Where proc is mounted and how signals are sent; for tests. */
  system?: SignalOptions;
}

export interface ReloadResult {
  outcome: Outcome;
  reason: Reason;
  message: string;
  /** What became of the process's graph: `kept` the old one, `taken` the new one, `unsure` whether, `half` between the two. */
  graph: 'kept' | 'taken' | 'unsure' | 'half' | 'poisoned';
  /** Undefined: no signal was sent. Wall-clock milliseconds. */
  signalledAt: number | undefined;
  durationMs: number;
}

type Judgement = Pick<ReloadResult, 'outcome' | 'reason' | 'message' | 'graph'>;

/** Between two looks at log and process. In milliseconds. */
export const POLL_MS = 100;

/** Evidence is there within milliseconds; a failed start of a second graph takes 2 s (measured on 11.1). In milliseconds. */
export const EVIDENCE_DEADLINE_MS = 5000;

/** A process that dies of a reload does so at once; looked at once more after this. In milliseconds. */
export const SETTLE_MS = 500;

/** Expected outcomes are results. @throws AgentError `Aborted` when the signal fires */
export async function reload(options: ReloadOptions): Promise<ReloadResult> {
  const start = options.clock.monotonic();
  const done = (judgement: Judgement, signalledAt?: number): ReloadResult => {
    return { ...judgement, signalledAt, durationMs: Math.round(options.clock.monotonic() - start) };
  };
  const { pid } = options.process;
  if (!(await seesFile(options.seenPath, options.wantedHash))) {
    return done(kept('Pending', 'NotYetVisible', `pid ${pid} does not see the new file yet`));
  }
  const tail = options.logFile === undefined ? undefined : await LogTail.open(options.logFile);
  try {
    const sent = await signalProven(options.process, 'SIGHUP', options.system);
    if (!sent.ok) {
      const gone = sent.reason === 'Gone' || sent.reason === 'Changed';
      return done(kept(gone ? 'Pending' : 'Unverified', gone ? 'ProcessNotRunning' : 'SignalFailed', sent.message));
    }
    const collected = tail && (await collectEvidence(options, tail));
    await options.clock.sleep(SETTLE_MS, options.signal);
    if (!(await isAlive(options))) {
      const message = `pid ${pid} did not survive the reload`;
      return done({ outcome: 'Failed', reason: 'ProcessDied', message, graph: 'unsure' }, sent.at);
    }
    // A translator above the one that was seen may have refused since.
    const log = tail && collected !== undefined ? collected + (await tail.readNew()) : undefined;
    return done(interpret(log === undefined ? undefined : judgeLog(log, options.changes), options.changes), sent.at);
  } finally {
    await tail?.close();
  }
}

/** The log since the signal, up to the moment when it is conclusive or the deadline passes. */
async function collectEvidence(options: ReloadOptions, tail: LogTail): Promise<string> {
  const { changes, clock, signal } = options;
  const end = clock.monotonic() + EVIDENCE_DEADLINE_MS;
  let log = '';
  for (;;) {
    log += await tail.readNew();
    const { verdict, passSeen } = judgeLog(log, changes);
    if (verdict !== 'waiting' || clock.monotonic() >= end || !(await isAlive(options))) return log;
    // What it has read may be a newer file already: the values of this one would never show, and the newer one waits.
    if (passSeen && !(await seesFile(options.seenPath, options.wantedHash))) return log;
    await clock.sleep(POLL_MS, signal);
  }
}

function interpret(found: Evidence | undefined, changes: readonly OptionChange[]): Judgement {
  if (found === undefined) {
    const message = 'the process lives, but it has no log file that shows whether it took the change';
    return { outcome: 'Unverified', reason: 'NoEvidence', message, graph: 'unsure' };
  }
  switch (found.verdict) {
    case 'values-seen':
      return taken('Applied', 'ValuesSeen', `the log shows ${count(changes)} with the new value`);
    case 'pass-seen':
      return taken('Applied', 'PassSeen', `the process went through its graph and refused nothing; it logs no value`);
    case 'already-loaded':
      return taken('Unchanged', 'AlreadyLoaded', 'the process had this file already');
    case 'reconfigure-failed': {
      const message =
        'the process refused the change and serves on with its old graph; some options may be changed: restart it';
      return { outcome: 'RestartRequired', reason: 'ReconfigureFailed', message, graph: 'half' };
    }
    case 'parse-failed': {
      const message =
        'the process could not parse the file, and its parser is broken since; another SIGHUP may kill it: restart it';
      return { outcome: 'RestartRequired', reason: 'Poisoned', message, graph: 'poisoned' };
    }
    case 'file-missing':
      return kept('Pending', 'NotYetVisible', 'the process could not open its file');
    case 'waiting':
      return unconfirmed(found);
  }
}

function unconfirmed({ unconfirmed: missing, passSeen }: Evidence): Judgement {
  if (!passSeen) {
    const message = 'the log shows nothing of the reload; a log level above INFO hides it';
    return { outcome: 'Unverified', reason: 'NoEvidence', message, graph: 'unsure' };
  }
  const names = missing.map(({ volume, key }) => `${key} of ${quote(volume)}`).join(', ');
  const message = `the process went through its graph, but its log does not show ${names}`;
  return { outcome: 'Unverified', reason: 'OptionNotConfirmed', message, graph: 'unsure' };
}

function kept(outcome: Outcome, reason: Reason, message: string): Judgement {
  return { outcome, reason, message, graph: 'kept' };
}

function taken(outcome: Outcome, reason: Reason, message: string): Judgement {
  return { outcome, reason, message, graph: 'taken' };
}

function count(changes: readonly OptionChange[]): string {
  return changes.length === 1 ? '1 changed option' : `${changes.length} changed options`;
}

/** True when it cannot be looked at: then the file in our own mount has to do. */
export async function seesFile(seenPath: string | undefined, sha256: string): Promise<boolean> {
  if (seenPath === undefined) return true;
  const hash = await hashVolfile(seenPath);
  return hash === undefined || hash === sha256;
}

/** A path of the process, as we reach it. */
export function pathSeenBy(pid: number, path: string, procRoot = '/proc'): string {
  return join(procRoot, String(pid), path.startsWith('/') ? 'root' : 'cwd', path);
}

async function isAlive({ process, system }: ReloadOptions): Promise<boolean> {
  return isSameProcess(process, await readProcess(process.pid, system));
}
