/**
 * Findings in SARIF 2.1.0 (the OASIS format of static analysis results), which code review tools show beside the lines. Only what such tools read.
 */
import { catalogue } from '../volfile/lint/catalogue.ts';
import type { Problem, Severity } from '../volfile/problem.ts';

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  hint: 'note',
};

export interface SarifFile {
  /** As given by the caller; relative paths stay relative. */
  file: string;
  problems: readonly Problem[];
}

/** @param version of this program */
export function sarifLog(version: string, files: readonly SarifFile[]): Record<string, unknown> {
  const rules = catalogue();
  const indexes = new Map(rules.map(({ id }, index) => [id, index]));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'brick-agent',
            version,
            rules: rules.map(({ id, severity, title, help }) => ({
              id,
              shortDescription: { text: title },
              help: { text: `See ${help}` },
              defaultConfiguration: { level: LEVELS[severity] },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: files.flatMap(({ file, problems }) => problems.map((problem) => result(file, problem, indexes))),
      },
    ],
  };
}

function result(file: string, problem: Problem, indexes: ReadonlyMap<string, number>): Record<string, unknown> {
  const { id, severity, line, column, message, remedy } = problem;
  const index = indexes.get(id);
  return {
    ruleId: id,
    ...(index === undefined ? {} : { ruleIndex: index }),
    level: LEVELS[severity],
    message: { text: `${message} (${remedy})` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          ...(line === 0 ? {} : { region: { startLine: line, startColumn: column } }),
        },
      },
    ],
  };
}

/** A URI reference: absolute paths with their scheme, others relative to wherever the reader looks. */
function uriOf(file: string): string {
  const path = file.split('/').map(encodeURIComponent).join('/');
  return file.startsWith('/') ? `file://${path}` : path;
}
