/** What would follow for a process if its volfile held another text. Decided as for a file that is there; nothing is done. Pure. */
import { decide, planAgainst, type Settled, type Situation } from './state.ts';
import type { Plan, PlanAction } from './plan.ts';
import type { Problem } from './problem.ts';
import type { Outcome, Reason, VolfileReader } from './status.ts';
import { hashOf, type Wanted } from './wanted.ts';

export interface Preview {
  process: VolfileReader;
  /** Name in the volfile directory. */
  file: string;
  wantedHash: string | undefined;
  runningHash: string | undefined;
  /** Undefined: what the process runs is not known, or none runs. */
  plan: Plan | undefined;
  /** Undefined: what would be done is not known. */
  action: PlanAction | undefined;
  /** What would be said of it at first; for a reload, what is hoped for. */
  outcome: Outcome;
  reason: Reason;
  message: string;
  /** All findings of the lint; for a plan that is not `rejected` warnings and hints. */
  problems: readonly Problem[];
}

export interface PreviewOf {
  process: VolfileReader;
  file: string;
  situation: Situation;
  /** Why a change of this file would not reach the process; undefined: it reads it. */
  foreign: Settled | undefined;
}

export function preview({ process, file, situation, foreign }: PreviewOf): Preview {
  const { wanted, running, addedOptions } = situation;
  const decision = decide(situation);
  const isRefused = decision.do === 'settle' && decision.settled.outcome === 'Rejected';
  const plan = isRefused
    ? rejected(wanted)
    : wanted.readable && running !== undefined && situation.sighting.found !== 'none'
      ? planAgainst(running, wanted, addedOptions)
      : undefined;
  const of = {
    process,
    file,
    wantedHash: hashOf(wanted),
    runningHash: situation.sighting.found !== 'none' && running?.halfApplied === false ? running.sha256 : undefined,
    plan,
    problems: wanted.readable ? wanted.problems : [],
  };
  if (decision.do === 'reload') {
    if (foreign !== undefined) return { ...of, action: undefined, ...word(foreign) };
    const message = 'the process is told to read its file again (SIGHUP), and takes it while it serves';
    return { ...of, action: 'reload', outcome: 'Applied', reason: 'ValuesSeen', message };
  }
  return { ...of, action: actionOf(decision.settled), ...word(decision.settled) };
}

/** The file is not acceptable, or is not there. */
export function rejected(wanted: Wanted): Plan {
  return { kind: 'rejected', problems: wanted.readable ? [...wanted.problems] : [] };
}

function word({ outcome, reason, message }: Settled): Pick<Preview, 'outcome' | 'reason' | 'message'> {
  return { outcome, reason, message };
}

function actionOf({ outcome }: Settled): PlanAction | undefined {
  switch (outcome) {
    case 'Rejected':
      return 'refuse';
    case 'RestartRequired':
      return 'restart';
    case 'Unchanged':
    case 'Applied':
      return 'none';
    case 'Unverified':
    case 'Pending':
    case 'Failed':
      return undefined;
  }
}
