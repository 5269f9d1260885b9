import { errorMessage } from '../lib/errors.ts';

/** The checks behind /livez and /readyz, in the form that Kubernetes' own components use. */

export interface CheckResult {
  ok: boolean;
  /** Why not; shown with ?verbose. Of a check that passes: what it passes in spite of. */
  reason?: string;
}

export interface HealthCheck {
  name: string;
  /** Must answer from what is known already: a probe never waits for a disk. */
  check(): CheckResult;
}

export interface HealthReport {
  ok: boolean;
  results: { name: string; ok: boolean; reason: string | undefined }[];
  /** What was to be left out and is no check. */
  unknown: string[];
}

/** @param exclude names of checks to leave out; those that there are none of are told */
export function runChecks(checks: readonly HealthCheck[], exclude: ReadonlySet<string> = new Set()): HealthReport {
  const results = checks
    .filter((check) => !exclude.has(check.name))
    .map((check) => {
      const result = run(check);
      return { name: check.name, ok: result.ok, reason: result.reason };
    });
  const unknown = [...exclude].filter((name) => !checks.some((check) => check.name === name));
  return { ok: results.every((result) => result.ok), results, unknown };
}

/** A bug in one check is that check's failure; the others still have their say. */
function run(check: HealthCheck): CheckResult {
  try {
    return check.check();
  } catch (error) {
    return { ok: false, reason: `the check itself failed: ${errorMessage(error)}` };
  }
}

/** `[+]brick ok`, `[-]brick failed: reason`, then the verdict. */
export function formatReport(kind: string, report: HealthReport): string {
  const lines = report.results.map((result) =>
    result.ok
      ? `[+]${result.name} ok${result.reason === undefined ? '' : ` (${result.reason})`}`
      : `[-]${result.name} failed: ${result.reason ?? 'no reason given'}`,
  );
  const warnings =
    report.unknown.length === 0
      ? []
      : [`warn: no such check to leave out: ${report.unknown.map((name) => JSON.stringify(name)).join(', ')}`];
  return [...lines, ...warnings, `${kind} check ${report.ok ? 'passed' : 'failed'}`, ''].join('\n');
}
