/** `volfile diff` and `volfile plan`: what a volfile would do, to another file or to what the processes of this pod run. */
import { basename, join } from 'node:path';
import { readdir, stat } from 'node:fs/promises';
import { Check } from 'typebox/value';
import {
  volfilePlanListSchema,
  volfilePlanSchema,
  type VolfilePlanView,
} from '../../agent/http/volfile-plan-schemas.ts';
import { AgentError, errorMessage } from '../../lib/errors.ts';
import { diffVolfiles, planView, type ChangeView, type PlanView } from '../../volfile/diff.ts';
import type { Plan, PlanAction } from '../../volfile/plan.ts';
import { formatProblem, quote } from '../../volfile/problem.ts';
import { readVolfile } from '../../volfile/read-set.ts';
import type { VolfileReader } from '../../volfile/status.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { printable } from '../table.ts';
import { lintReadable, type VolfileFlags } from './volfile-lint.ts';

export interface DiffFlags extends VolfileFlags {
  output: 'text' | 'json';
}

/** Exit 1 when the new file means something else, or is not acceptable; 2 when the files cannot be compared. */
export async function volfileDiff(before: string, after: string, flags: DiffFlags, output: Output): Promise<ExitCode> {
  const [old, next] = (await lintReadable([before, after], flags, output, true)) ?? [];
  if (old === undefined || next === undefined) return 2;
  if (old.graph === undefined) {
    for (const problem of old.problems) output.error(printable(formatProblem(before, problem)));
    output.error(`brick-agent: ${printable(before)} cannot be parsed, so there is nothing to compare with`);
    return 2;
  }
  const { plan, action } = diffVolfiles(old, next, flags.glusterVersion);
  if (flags.output === 'json') printJson(output, { kind: plan.kind, action, ...planView(plan) });
  else {
    output.line(`${MEANINGS[plan.kind]}; ${ACTIONS[action]}`);
    printDetails(planView(plan), after, output);
  }
  return plan.kind === 'unchanged' ? 0 : 1;
}

/** Against what a process of this pod runs now. Exit 1 when anything would follow, or that is not known. */
export async function volfileDiffRunning(
  client: AgentClient,
  process: VolfileReader,
  path: string,
  json: boolean,
  output: Output,
): Promise<ExitCode> {
  const text = await readText(path, output);
  if (text === undefined) return 2;
  const { body } = await client.request('POST', '/v1/volfiles/diff', { new: text, process });
  if (!Check(volfilePlanSchema, body)) throw new AgentError('RpcProtocol', 'the agent answered something else');
  if (json) printJson(output, body);
  else printPlan(body, path, output);
  return isQuiet(body) ? 0 : 1;
}

/** @param paths files, or one directory of them: the ConfigMap as it would be. Exit as `volfileDiffRunning` */
export async function volfilePlan(
  client: AgentClient,
  paths: readonly string[],
  json: boolean,
  output: Output,
): Promise<ExitCode> {
  const files: Record<string, string> = {};
  for (const path of await expand(paths)) {
    const text = await readText(path, output);
    if (text === undefined) return 2;
    files[basename(path)] = text;
  }
  const { body } = await client.request('POST', '/v1/volfiles/plan', { files });
  if (!Check(volfilePlanListSchema, body)) throw new AgentError('RpcProtocol', 'the agent answered something else');
  if (json) printJson(output, body);
  else for (const item of body.items) printPlan(item, item.file ?? '', output);
  return body.items.every(isQuiet) ? 0 : 1;
}

/** The files of a directory; what kubelet puts beside them begins with two dots. */
async function expand(paths: readonly string[]): Promise<string[]> {
  const [dir] = paths;
  if (dir === undefined || paths.length > 1 || !(await isDirectory(dir))) return [...paths];
  const names = await readdir(dir);
  return names.filter((name) => !name.startsWith('..')).map((name) => join(dir, name));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Told when it is read.
    return false;
  }
}

/** Undefined when it cannot be read, which is told. */
async function readText(path: string, output: Output): Promise<string | undefined> {
  try {
    // A byte order mark is a fault of the file, so it stays.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readVolfile(path));
  } catch (error) {
    const why = error instanceof TypeError ? 'it is not UTF-8 text' : errorMessage(error);
    output.error(`brick-agent: ${printable(path)}: ${printable(why)}`);
    return undefined;
  }
}

function isQuiet({ action }: VolfilePlanView): boolean {
  return action === 'none';
}

function printPlan(view: VolfilePlanView, file: string, output: Output): void {
  const { process, kind, action, outcome, reason, message, restartBy } = view;
  const meaning = kind === null ? 'unknown' : MEANINGS[kind];
  const what = action === null ? 'what would be done is not known' : ACTIONS[action];
  const by = restartBy === null ? '' : ` by ${restartBy === 'agent' ? 'the agent' : 'a person'}`;
  output.line(`${process ?? ''}: ${meaning}; ${what}${by}`);
  output.line(`  ${outcome ?? ''}/${reason ?? ''}: ${printable(message)}`);
  printDetails(view, file, output);
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

const NOTES: Readonly<Record<ChangeView['live'], string>> = {
  logged: ' (live)',
  silent: ' (live)',
  restart: ' (restart)',
  unknown: ' (live or not: this option is not known)',
};

function printDetails({ changes, differences, problems }: PlanView, file: string, output: Output): void {
  for (const { volume, key, from, to, live } of changes) {
    const values = `${from === null ? 'unset' : quote(from)} -> ${to === null ? 'unset' : quote(to)}`;
    output.line(`  ${printable(`${key} of ${quote(volume)}: ${values}`)}${NOTES[live]}`);
  }
  for (const text of differences) output.line(`  ${printable(text)}`);
  for (const { line, column, ...rest } of problems) {
    output.line(`  ${printable(formatProblem(file, { ...rest, line: line ?? 0, column: column ?? 0 }))}`);
  }
}
