/** `volfile lint` and `volfile diff`: what the agent would say of volfiles, without an agent. */
import { errorMessage } from '../../lib/errors.ts';
import { listXlatorTypes } from '../../volfile/installation.ts';
import { lintFiles, type LintedFile, type LintFilesOptions } from '../../volfile/lint/files.ts';
import type { LintRole } from '../../volfile/lint/rule.ts';
import {
  describeChange,
  planAction,
  planChange,
  type OptionChange,
  type Plan,
  type PlanAction,
} from '../../volfile/plan.ts';
import { formatProblem, type Problem, type Severity } from '../../volfile/problem.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { sarifLog } from '../sarif.ts';
import { printable } from '../table.ts';

export interface VolfileFlags {
  role: LintRole | 'auto';
  glusterVersion: '10' | '11';
  xlatorDir?: string;
}

export interface LintFlags extends VolfileFlags {
  output: 'text' | 'json' | 'sarif';
  /** The least severity that makes the exit code 1. */
  failOn: Severity;
}

export interface DiffFlags extends VolfileFlags {
  output: 'text' | 'json';
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'hint'];

type Readable = LintedFile & { readable: true };

/** Exit 1 on a finding of the severity asked for or worse, 2 when a file cannot be read. @param version of this program */
export async function volfileLint(
  paths: readonly string[],
  flags: LintFlags,
  output: Output,
  version: string,
): Promise<ExitCode> {
  const files = await lintReadable(paths, flags, output);
  if (files === undefined) return 2;
  const problems = files.flatMap((file) => file.problems);
  if (flags.output === 'sarif') printJson(output, sarifLog(version, files));
  else if (flags.output === 'json') printJson(output, { files: files.map(fileView), ...counts(problems) });
  else printText(files, problems, output);
  const limit = SEVERITIES.indexOf(flags.failOn);
  return problems.some(({ severity }) => SEVERITIES.indexOf(severity) <= limit) ? 1 : 0;
}

/** Exit 1 when the new file means something else, or is not acceptable; 2 when the files cannot be compared. */
export async function volfileDiff(before: string, after: string, flags: DiffFlags, output: Output): Promise<ExitCode> {
  const [old, next] = (await lintReadable([before, after], flags, output)) ?? [];
  if (old === undefined || next === undefined) return 2;
  if (old.graph === undefined) {
    for (const problem of old.problems) output.error(printable(formatProblem(before, problem)));
    output.error(`brick-agent: ${printable(before)} cannot be parsed, so there is nothing to compare with`);
    return 2;
  }
  const plan = planChange(old.graph, next);
  const action = planAction(plan, flags.glusterVersion);
  if (flags.output === 'json') printJson(output, planView(plan, action));
  else printPlan(plan, action, after, output);
  return plan.kind === 'unchanged' ? 0 : 1;
}

/** Undefined when something cannot be read, which is told. */
async function lintReadable(
  paths: readonly string[],
  flags: VolfileFlags,
  output: Output,
): Promise<Readable[] | undefined> {
  const xlators = await installedTypes(flags.xlatorDir, output);
  if (xlators === false) return undefined;
  const options: LintFilesOptions = { role: flags.role, gluster: flags.glusterVersion, xlators };
  const readable: Readable[] = [];
  for (const file of await lintFiles(paths, options)) {
    if (file.readable) readable.push(file);
    else output.error(`brick-agent: ${printable(file.file)}: ${printable(file.message)}`);
  }
  return readable.length === paths.length ? readable : undefined;
}

/** `false`: not a directory of translators; a type that is not there would be missed in every file. */
async function installedTypes(dir: string | undefined, output: Output): Promise<Set<string> | undefined | false> {
  if (dir === undefined) return undefined;
  try {
    const types = await listXlatorTypes(dir);
    if (types.size > 0) return types;
    output.error(`brick-agent: ${printable(dir)} holds no translators (CATEGORY/NAME.so)`);
  } catch (error) {
    output.error(`brick-agent: ${printable(dir)}: ${printable(errorMessage(error))}`);
  }
  return false;
}

function printText(files: readonly Readable[], problems: readonly Problem[], output: Output): void {
  for (const { file, problems: found } of files) {
    for (const problem of found) output.line(printable(formatProblem(file, problem)));
  }
  const { errors, warnings, hints } = counts(problems);
  const numbers = [plural(files.length, 'file'), plural(errors, 'error'), plural(warnings, 'warning')];
  output.line([...numbers, plural(hints, 'hint')].join(', '));
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function counts(problems: readonly Problem[]): { errors: number; warnings: number; hints: number } {
  const count = (wanted: Severity): number => problems.filter(({ severity }) => severity === wanted).length;
  return { errors: count('error'), warnings: count('warning'), hints: count('hint') };
}

function fileView({ file, role, problems }: Readable): Record<string, unknown> {
  return { file, role: role ?? null, problems: problems.map(problemView) };
}

/** As in the API: null where the file as a whole is meant. */
function problemView({ line, column, ...rest }: Problem): Record<string, unknown> {
  return { ...rest, line: line === 0 ? null : line, column: line === 0 ? null : column };
}

const MEANINGS: Readonly<Record<Plan['kind'], string>> = {
  unchanged: 'unchanged: both files mean the same',
  options: 'options: the same translators, other options',
  topology: 'topology: other translators',
  rejected: 'rejected: the new file is not acceptable',
};

const ACTIONS: Readonly<Record<PlanAction, string>> = {
  none: 'nothing to do',
  reload: 'a running process takes it on reload',
  restart: 'the process has to be restarted',
  refuse: 'the process is left alone',
};

/** describeChange says itself what needs a restart. */
const NOTES: Readonly<Record<OptionChange['live'], string>> = {
  logged: ' (live)',
  silent: ' (live)',
  restart: '',
  unknown: ' (live or not: this option is not known)',
};

function printPlan(plan: Plan, action: PlanAction, file: string, output: Output): void {
  output.line(`${MEANINGS[plan.kind]}; ${ACTIONS[action]}`);
  if (plan.kind === 'options')
    for (const change of plan.changes) output.line(`  ${printable(describeChange(change))}${NOTES[change.live]}`);
  if (plan.kind === 'topology') for (const text of plan.differences) output.line(`  ${printable(text)}`);
  if (plan.kind === 'rejected') {
    for (const problem of plan.problems) output.line(`  ${printable(formatProblem(file, problem))}`);
  }
}

function changeView({ volume, type, key, from, to, live }: OptionChange): Record<string, unknown> {
  return { volume, type, key, from: from ?? null, to: to ?? null, live };
}

function planView(plan: Plan, action: PlanAction): Record<string, unknown> {
  const { kind } = plan;
  const changes = kind === 'options' ? plan.changes : [];
  return {
    kind,
    action,
    changes: changes.map(changeView),
    differences: kind === 'topology' ? plan.differences : [],
    problems: kind === 'rejected' ? plan.problems.map(problemView) : [],
  };
}
