/** Runs every rule over a volfile. A file with an error is never given to a running process. */
import type { Graph } from '../model.ts';
import { parseVolfile } from '../parse.ts';
import type { Problem, Severity } from '../problem.ts';
import { BRICK_SERVER_RULES } from './brick-server.ts';
import { BRICK_STORAGE_RULES } from './brick-storage.ts';
import { NUMBERING_RULES } from './numbering.ts';
import { OPTION_RULES } from './options.ts';
import type { LintContext, Rule } from './rule.ts';
import { SHD_RULES } from './shd.ts';
import { STRUCTURE_RULES } from './structure.ts';
import { WATCHLIST_RULES } from './watchlist.ts';

export const RULES: readonly Rule[] = [
  ...STRUCTURE_RULES,
  ...BRICK_SERVER_RULES,
  ...BRICK_STORAGE_RULES,
  ...SHD_RULES,
  ...WATCHLIST_RULES,
  ...NUMBERING_RULES,
  ...OPTION_RULES,
];

export interface LintedVolfile {
  /** Undefined when the file cannot be parsed. */
  graph: Graph | undefined;
  /** Errors first, then by place in the file. */
  problems: Problem[];
}

/** @param source bytes of the file; hostile until parsed */
export function lintVolfile(source: Uint8Array, context: LintContext): LintedVolfile {
  const parsed = parseVolfile(source);
  if (!parsed.ok) return { graph: undefined, problems: parsed.problems };
  return { graph: parsed.graph, problems: lintGraph(parsed.graph, context) };
}

/**
 * Nobody reads more, and every status carries them. Errors come first, so none is lost that matters. Of one rule no more are drawn
 * at all: a file with a fault in each of its thousands of volumes would cost their messages.
 */
export const MAX_FINDINGS = 100;

export function lintGraph(graph: Graph, context: LintContext): Problem[] {
  return RULES.filter(({ roles }) => roles === undefined || roles.includes(context.role))
    .flatMap(({ id, severity, check }) =>
      Iterator.from(check(graph, context))
        .take(MAX_FINDINGS)
        .map(({ at, message, remedy }) => ({ id, severity, line: at.line, column: at.column, message, remedy }))
        .toArray(),
    )
    .sort((a, b) => rank(a.severity) - rank(b.severity) || a.line - b.line || a.column - b.column)
    .slice(0, MAX_FINDINGS);
}

function rank(severity: Severity): number {
  return ['error', 'warning', 'hint'].indexOf(severity);
}
