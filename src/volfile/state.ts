/**
 * What to do about a volfile, from all that is known. Pure: every answer that could harm a process is decided here, before
 * anything is sent.
 */
import type { ProcessIdentity } from '../process/process-identity.ts';
import { isInjectedOption } from './options/table.ts';
import { planChange, type OptionChange, type Plan } from './plan.ts';
import { firstError, quote } from './problem.ts';
import type { RunningGraph } from './running.ts';
import { SHARE_NAMESPACE, type Sighting } from './sighting.ts';
import type { Outcome, Reason } from './status.ts';
import { accept, type Refusal, type Wanted } from './wanted.ts';

export interface Situation {
  wanted: Wanted;
  sighting: Sighting;
  running: RunningGraph | undefined;
  poisoned: boolean;
  gluster: '10' | '11' | undefined;
  /** Keys of options that the command line of the process adds to the graph. */
  addedOptions: ReadonlySet<string>;
}

export interface Settled {
  outcome: Outcome;
  reason: Reason;
  message: string;
  changes: OptionChange[];
  differences: string[];
}

export type Decision = { do: 'settle'; settled: Settled } | { do: 'reload'; changes: OptionChange[] };

export function decide(situation: Situation): Decision {
  const { wanted, sighting, running, gluster } = situation;
  const { accepted, refusal } = accept(wanted);
  if (accepted === undefined) return { do: 'settle', settled: refused(refusal) };
  if (sighting.found === 'none') return withoutProcess(sighting);
  if (running?.sha256 === accepted.sha256) return runsIt(running);
  if (situation.poisoned) return settle('RestartRequired', 'Poisoned', POISONED);
  if (running === undefined) {
    if (sighting.found === 'by-socket') return unseenAndUnknown(sighting, UNSEEN_UNKNOWN);
    return settle('Unverified', 'RunningGraphUnknown', RUNNING_UNKNOWN);
  }
  const plan = planAgainst(running, accepted, situation.addedOptions);
  const changes = plan.kind === 'options' ? plan.changes : [];
  const obstacle = mustRestart(plan, changes);
  if (obstacle !== undefined) return obstacle;
  // A graph from the log has the options of the start, not those of reloads since; so the process is asked, with a reload.
  if (changes.length === 0 && running.sha256 !== undefined && !running.halfApplied) {
    return settle('Unchanged', 'SameMeaning', 'the file differs from the running one in form only');
  }
  if (sighting.found === 'by-socket') return withoutSignal(sighting, running, changes);
  if (gluster === undefined) return settle('Unverified', 'VersionUnknown', VERSION_UNKNOWN, changes);
  if (gluster === '10') return settle('RestartRequired', 'HupIgnored', HUP_IGNORED, changes);
  return { do: 'reload', changes };
}

/** No signal reaches it, so it can be asked nothing. */
function withoutSignal(
  { identity, why }: Sighting & { found: 'by-socket' },
  running: RunningGraph,
  changes: OptionChange[],
): Decision {
  if (running.halfApplied) return unseenAndUnknown({ identity, why }, UNSEEN_RELOADED);
  if (changes.length === 0) return settle('Unchanged', 'SameMeaning', 'its log shows the graph of this file');
  const message = `${identity.name} would take the change while it serves, but no signal reaches it (${why}): restart it, or ${SHARE_NAMESPACE}`;
  return settle('RestartRequired', 'ProcessUnseen', message, changes);
}

function unseenAndUnknown({ identity, why }: { identity: ProcessIdentity; why: string }, what: string): Decision {
  return settle('Unverified', 'ProcessUnproven', `${why}, but ${identity.name} answers; ${what}; ${SHARE_NAMESPACE}`);
}

const UNSEEN_UNKNOWN =
  'what it runs is not known: the file changed since it started, before this agent looked; restart it once, or give the agent its log file';
const UNSEEN_RELOADED = 'it was reloaded by somebody else, so what it runs is not known: restart it';
const POISONED =
  'a file that could not be parsed has broken the parser of this process; another SIGHUP may kill it: restart it';
const RUNNING_UNKNOWN =
  'what the process runs is not known: the file changed since it started, before this agent looked; restart it once, or give it a log file';
const VERSION_UNKNOWN = 'the version of GlusterFS is not known, so it is not known what SIGHUP does to it';
const HUP_IGNORED = 'GlusterFS 10 does not read its file again: restart the process';

function withoutProcess({ isGone, message }: Sighting & { found: 'none' }): Decision {
  if (isGone) {
    return settle('Pending', 'ProcessNotRunning', `${message}; it reads the file when it starts`);
  }
  return settle('Unverified', 'ProcessUnproven', message);
}

function runsIt(running: RunningGraph): Decision {
  if (!running.halfApplied) return settle('Unchanged', 'SameFile', 'the process runs this file');
  const message =
    'a reload with another file stopped half-way, and the process takes this one for unchanged: restart it, or change the file';
  return settle('RestartRequired', 'HalfApplied', message);
}

/** What the file would change in what runs. @param added keys of options that the command line of the process adds */
export function planAgainst(
  running: RunningGraph,
  wanted: Pick<Wanted & { readable: true }, 'graph' | 'problems'>,
  added: ReadonlySet<string>,
): Plan {
  const plan = planChange(running.graph, wanted);
  if (plan.kind !== 'options') return plan;
  const changes = withoutAdded(plan.changes, running, added);
  return changes.length === 0 ? { kind: 'unchanged' } : { kind: 'options', changes };
}

/** The log shows the graph with what the command line and protocol/server put into it: not a difference of the file. */
function withoutAdded(
  changes: readonly OptionChange[],
  running: RunningGraph,
  added: ReadonlySet<string>,
): OptionChange[] {
  if (running.sha256 !== undefined) return [...changes];
  return changes.filter(({ key, to }) => to !== undefined || !(added.has(key) || isInjectedOption(key)));
}

function mustRestart(plan: Plan, changes: OptionChange[]): Decision | undefined {
  if (plan.kind === 'rejected') return settle('Rejected', 'LintError', firstError(plan.problems));
  if (plan.kind === 'topology') {
    const [first = ''] = plan.differences;
    const message = `the tree of translators differs, which only a restart changes: ${first}`;
    return {
      do: 'settle',
      settled: {
        outcome: 'RestartRequired',
        reason: 'TopologyChanged',
        message,
        changes: [],
        differences: plan.differences,
      },
    };
  }
  const fixed = changes.filter((change) => change.live === 'restart');
  if (fixed.length === 0) return undefined;
  const names = fixed.map(({ volume, key }) => `${key} of ${quote(volume)}`).join(', ');
  return settle('RestartRequired', 'OptionNeedsRestart', `only a restart changes ${names}`, changes);
}

function settle(outcome: Outcome, reason: Reason, message: string, changes: OptionChange[] = []): Decision {
  return { do: 'settle', settled: settled(outcome, reason, message, changes) };
}

export function settled(outcome: Outcome, reason: Reason, message: string, changes: OptionChange[] = []): Settled {
  return { outcome, reason, message, changes, differences: [] };
}

/** No process is given the file. */
export function refused({ reason, message }: Refusal): Settled {
  return settled('Rejected', reason, message);
}
