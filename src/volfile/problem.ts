/** What is wrong with a volfile, and where. Every id stands in docs/volfiles.md with its reason and remedy. */

/**
 * `error`: the file would stop, harm or blind a process, so it is never given to a running one. `warning`: it works, but not as
 * one would want. `hint`: worth knowing.
 */
export type Severity = 'error' | 'warning' | 'hint';

/** Both count from 1; a column counts UTF-16 code units. 0 stands for the file as a whole. */
export interface Position {
  line: number;
  column: number;
}

export interface Problem extends Position {
  /** Stable, e.g. `VF101`. */
  id: string;
  severity: Severity;
  /** Names the thing. */
  message: string;
  /** What to do about it. */
  remedy: string;
}

export const WHOLE_FILE: Position = { line: 0, column: 0 };

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** The first error and how many more there are, with what to do about it. */
export function firstError(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const [first] = errors;
  if (first === undefined) return 'the file is not acceptable';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return `${first.id} in line ${first.line}: ${first.message}; ${first.remedy}${more}`;
}

/** `brick.vol:3:7: error VF001: ...`, as compilers write it; without a position for the file as a whole. */
export function formatProblem(file: string, problem: Problem): string {
  const at = problem.line === 0 ? file : `${file}:${problem.line}:${problem.column}`;
  return `${at}: ${problem.severity} ${problem.id}: ${problem.message} (${problem.remedy})`;
}

/** A name from a volfile for a message: quoted, without control characters, cut to a readable length. */
export function quote(text: string): string {
  const clean = text.replaceAll(/\p{Cc}|\p{Cf}/gu, '?');
  return `"${clean.length > 100 ? `${clean.slice(0, 100)}...` : clean}"`;
}
