/** Two volfiles against each other, without any process: the same for the command line and the API. Pure. */
import { lintSources, type LintedSource } from './lint/files.ts';
import type { LintContext, LintRole } from './lint/rule.ts';
import { parseVolfile } from './parse.ts';
import { planAction, planChange, type OptionChange, type Plan, type PlanAction } from './plan.ts';
import type { Problem } from './problem.ts';
import { AgentError } from '../lib/errors.ts';

export interface VolfileDiff {
  plan: Plan;
  /** What brings the new file into a process that runs the old one. */
  action: PlanAction;
}

export interface DiffOptions extends Pick<LintContext, 'xlators'> {
  /** `auto`: as each file looks. */
  role: LintRole | 'auto';
  /** Major version of the process. */
  gluster: '10' | '11';
}

/** @throws AgentError `VolfileInvalid` when the old file cannot be parsed: then there is nothing to compare with */
export function diffVolfiles(
  old: Pick<LintedSource, 'file' | 'graph' | 'problems'>,
  next: Pick<LintedSource, 'graph' | 'problems'>,
  gluster: '10' | '11',
): VolfileDiff {
  if (old.graph === undefined) {
    const [first] = old.problems;
    const why = first === undefined ? '' : `: ${first.id} in line ${first.line}: ${first.message}`;
    throw new AgentError('VolfileInvalid', `${old.file} cannot be parsed, so there is nothing to compare with${why}`);
  }
  const plan = planChange(old.graph, next);
  return { plan, action: planAction(plan, gluster) };
}

/** @throws AgentError `VolfileInvalid`, as `diffVolfiles` */
export function diffTexts(oldText: string, newText: string, options: DiffOptions): VolfileDiff {
  const parsed = [
    { file: 'the old file', parsed: parseVolfile(Buffer.from(oldText)) },
    { file: 'the new file', parsed: parseVolfile(Buffer.from(newText)) },
  ];
  const [old, next] = lintSources(parsed, { ...options, versions: true });
  if (old === undefined || next === undefined) throw new AgentError('Internal', 'two files were linted');
  return diffVolfiles(old, next, options.gluster);
}

export interface ChangeView {
  volume: string;
  type: string;
  key: string;
  from: string | null;
  to: string | null;
  live: OptionChange['live'];
}

export interface ProblemView extends Omit<Problem, 'line' | 'column'> {
  /** Null where the file as a whole is meant. */
  line: number | null;
  column: number | null;
}

/** What a plan says, for programs. */
export interface PlanView {
  changes: ChangeView[];
  differences: string[];
  problems: ProblemView[];
}

export function planView(plan: Plan | undefined): PlanView {
  return {
    changes: plan?.kind === 'options' ? plan.changes.map(changeView) : [],
    differences: plan?.kind === 'topology' ? plan.differences : [],
    problems: plan?.kind === 'rejected' ? plan.problems.map(problemView) : [],
  };
}

function changeView({ volume, type, key, from, to, live }: OptionChange): ChangeView {
  return { volume, type, key, from: from ?? null, to: to ?? null, live };
}

export function problemView({ line, column, ...rest }: Problem): ProblemView {
  return { ...rest, line: line === 0 ? null : line, column: line === 0 ? null : column };
}
