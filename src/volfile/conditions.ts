/** What is true of a process and its volfile, as Kubernetes-style conditions. Pure: only from what is known. */
import type { ConditionInput, ConditionStatus } from '../lib/conditions.ts';
import { hasErrors } from './problem.ts';
import type { VolfileStatus } from './status.ts';

export interface StagedFacts {
  /** SHA-256 of what stands in the staging directory; undefined: nothing, or not looked yet. */
  hash: string | undefined;
}

/** All that the conditions are made of. */
export type ConditionFacts = Omit<VolfileStatus, 'conditions'>;

/** @param staged undefined without staged mode: then nothing is said of it */
export function judgeVolfile(facts: ConditionFacts, staged: StagedFacts | undefined): ConditionInput[] {
  const conditions = [judgeValid(facts)];
  if (staged !== undefined) conditions.push(judgeStaged(facts, staged));
  conditions.push(judgeInForce(facts));
  // Clients take other trees while in use.
  if (facts.process !== 'client') conditions.push(judgeRestartRequired(facts));
  return conditions;
}

/** The wanted file may be given to a process. */
function judgeValid({ outcome, reason, message, wantedHash, problems }: ConditionFacts): ConditionInput {
  const type = 'Valid';
  if (wantedHash === undefined) {
    return outcome === 'Rejected'
      ? { type, status: 'False', reason, message }
      : { type, status: 'Unknown', reason: 'NotLookedYet', message: 'the file was not looked at yet' };
  }
  const [first] = problems;
  if (hasErrors(problems) && first !== undefined) {
    const why = reason === 'SyntaxError' ? 'SyntaxError' : 'LintError';
    return { type, status: 'False', reason: why, message: `${first.id}: ${first.message}; ${first.remedy}` };
  }
  const warnings = problems.filter(({ severity }) => severity === 'warning').length;
  const words = warnings === 0 ? 'the lint has nothing against it' : `no errors, but warnings: ${warnings}`;
  return { type, status: 'True', reason: warnings === 0 ? 'NoErrors' : 'WarningsOnly', message: words };
}

/** A process that starts now reads the wanted file. */
function judgeStaged({ outcome, reason, message, wantedHash, problems }: ConditionFacts, { hash }: StagedFacts) {
  const type = 'Staged';
  const no = (why: string, words: string): ConditionInput => ({ type, status: 'False', reason: why, message: words });
  if (reason === 'NotLookedYet') return { type, status: 'Unknown' as const, reason, message };
  if (reason === 'StagingFailed') return no(reason, message);
  if (hash === undefined) return no('NothingStaged', 'no file is staged: a process could not start');
  if (hash === wantedHash) {
    return {
      type,
      status: 'True' as const,
      reason: 'AsWanted',
      message: 'a process that starts reads the wanted file',
    };
  }
  if (outcome === 'Rejected' || wantedHash === undefined || hasErrors(problems)) {
    return no('LastGoodKept', 'the wanted file is not acceptable, so the last good one stays staged');
  }
  return no('LastGoodBack', 'a process did not live with the wanted file, so the last good one is staged again');
}

/** The process runs what the wanted file says; of clients: they were told to fetch it. */
function judgeInForce(facts: ConditionFacts): ConditionInput {
  const { reason, message } = facts;
  return { type: 'InForce', status: inForce(facts), reason, message };
}

function inForce({ process, outcome, reason, wantedHash, runningHash, changes }: ConditionFacts): ConditionStatus {
  const isKnown = runningHash !== undefined && wantedHash !== undefined;
  // What the brick hands out says nothing of what its clients have fetched.
  const isOther = isKnown && runningHash !== wantedHash;
  const isSame = isKnown && !isOther && process !== 'client';
  switch (outcome) {
    case 'Applied':
    case 'Unchanged':
      return 'True';
    case 'RestartRequired':
      return reason === 'Poisoned' && runningHash === undefined ? 'Unknown' : 'False';
    case 'Rejected':
      // A process may have started with a file that the agent would not have given to it.
      if (isSame) return 'True';
      return isOther || wantedHash === undefined ? 'False' : 'Unknown';
    case 'Unverified':
      return 'Unknown';
    case 'Pending':
      if (reason === 'ProcessNotRunning' || reason === 'Restarting') return 'False';
      return changes.length > 0 || (process === 'client' && isOther) ? 'False' : 'Unknown';
    case 'Failed':
      if (reason === 'NotAnswering') return 'Unknown';
      if (reason !== 'StagingFailed') return isSame ? 'True' : 'False';
      return isSame ? 'True' : isOther ? 'False' : 'Unknown';
  }
}

/** Nothing but a restart brings the wanted file in. */
function judgeRestartRequired({ outcome, reason, message, restartWaitsFor }: ConditionFacts): ConditionInput {
  const type = 'RestartRequired';
  switch (outcome) {
    case 'RestartRequired': {
      const waits = restartWaitsFor === undefined ? '' : `; the restart waits: ${restartWaitsFor}`;
      return { type, status: 'True', reason, message: `${message}${waits}` };
    }
    case 'Applied':
    case 'Unchanged':
    case 'Rejected':
      return { type, status: 'False', reason, message };
    case 'Unverified':
    case 'Pending':
    case 'Failed': {
      const isDue = reason === 'Restarting' || reason === 'RestartFailed';
      // It reads the file when it starts.
      const isNot = reason === 'ProcessNotRunning';
      return { type, status: isDue ? 'True' : isNot ? 'False' : 'Unknown', reason, message };
    }
  }
}
