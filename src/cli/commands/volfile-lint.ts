/** `volfile lint`: what the agent would say of volfiles, without an agent. */
import { errorMessage } from '../../lib/errors.ts';
import { problemView } from '../../volfile/diff.ts';
import { listXlatorTypes } from '../../volfile/installation.ts';
import { lintFiles, type LintedSource, type LintFilesOptions } from '../../volfile/lint/files.ts';
import type { LintRole } from '../../volfile/lint/rule.ts';
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

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'hint'];

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

/** Undefined when something cannot be read, which is told. @param versions see `LintFilesOptions` */
export async function lintReadable(
  paths: readonly string[],
  flags: VolfileFlags,
  output: Output,
  versions = false,
): Promise<LintedSource[] | undefined> {
  const xlators = await installedTypes(flags.xlatorDir, output);
  if (xlators === false) return undefined;
  const options: LintFilesOptions = { role: flags.role, gluster: flags.glusterVersion, xlators, versions };
  const readable: LintedSource[] = [];
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

function printText(files: readonly LintedSource[], problems: readonly Problem[], output: Output): void {
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

function fileView({ file, role, problems }: LintedSource): Record<string, unknown> {
  return { file, role: role ?? null, problems: problems.map(problemView) };
}
