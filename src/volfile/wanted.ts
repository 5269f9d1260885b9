/** A file of the volfile directory as something to decide about: read, parsed and linted, once for each content. */
import { lintVolfile } from './lint/lint.ts';
import type { LintContext } from './lint/rule.ts';
import type { Graph } from './model.ts';
import { firstError, hasErrors, WHOLE_FILE, type Problem } from './problem.ts';
import { hashText, type VolfileSet } from './read-set.ts';

export type Wanted =
  | { readable: true; sha256: string; graph: Graph | undefined; problems: readonly Problem[]; changedAt: number }
  | { readable: false; reason: 'FileMissing' | 'FileUnreadable'; message: string };

/** A file that processes may be given. */
export type AcceptedFile = Wanted & { readable: true; graph: Graph };

export interface Refusal {
  reason: 'FileMissing' | 'FileUnreadable' | 'SyntaxError' | 'LintError';
  message: string;
}

/** The file, or why no process is given it. */
export function accept(
  wanted: Wanted,
): { accepted: AcceptedFile; refusal?: never } | { accepted?: never; refusal: Refusal } {
  if (!wanted.readable) return { refusal: { reason: wanted.reason, message: wanted.message } };
  const { graph, problems } = wanted;
  if (graph === undefined) return { refusal: { reason: 'SyntaxError', message: firstError(problems) } };
  if (hasErrors(problems)) return { refusal: { reason: 'LintError', message: firstError(problems) } };
  return { accepted: { ...wanted, graph } };
}

export class FileJudge {
  readonly #file: string;
  #key: string | undefined;
  #judged: (Wanted & { readable: true }) | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  judge(set: VolfileSet, context: LintContext): Wanted {
    const file = this.#file;
    if (set.problem !== undefined) return { readable: false, reason: 'FileUnreadable', message: set.problem };
    const entry = set.files.get(file);
    if (entry === undefined) {
      return { readable: false, reason: 'FileMissing', message: `${file} is not in ${set.dataDir}` };
    }
    if (!entry.ok) return { readable: false, reason: 'FileUnreadable', message: `${file}: ${entry.problem}` };
    const { expected, gluster, xlators } = context;
    const key = [entry.sha256, entry.frozen, gluster, xlators?.size, JSON.stringify(expected)].join(' ');
    if (this.#judged === undefined || this.#key !== key) {
      const { graph, problems } = lintVolfile(entry.bytes, context);
      const all = entry.frozen ? [...problems, subPathProblem(file)] : problems;
      this.#key = key;
      this.#judged = { readable: true, sha256: entry.sha256, graph, problems: all, changedAt: entry.changedAt };
    }
    return this.#judged;
  }
}

/** A text that is no file yet. @param text undefined: the file is not there */
export function judgeText(file: string, text: string | undefined, context: LintContext): Wanted {
  if (text === undefined) return { readable: false, reason: 'FileMissing', message: `${file} is not among the files` };
  return { readable: true, sha256: hashText(text), ...lintVolfile(Buffer.from(text), context), changedAt: 0 };
}

export function hashOf(wanted: Wanted | undefined): string | undefined {
  return wanted?.readable === true ? wanted.sha256 : undefined;
}

function subPathProblem(file: string): Problem {
  return {
    id: 'VF008',
    severity: 'warning',
    ...WHOLE_FILE,
    message: `${file} is mounted with subPath: it never follows the ConfigMap`,
    remedy: 'mount the whole directory',
  };
}
