/** Counts the tests in vitest's JSON reports, says which failed, prints `N passed, N failed` and exits with 1 when anything failed. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { addCounts, countReport, describeCounts, type Counts } from './test-counts.ts';
import { describeFailures } from './test-failures.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  // A check that is no test (lint, types...) and failed.
  options: { 'failed-check': { type: 'string', multiple: true, default: [] } },
});

const failedChecks = values['failed-check'];
let total: Counts = { passed: 0, failed: failedChecks.length, skipped: 0 };
for (const path of positionals) {
  const report = readReport(path);
  total = addCounts(total, countReport(report));
  for (const failure of describeFailures(report, process.cwd())) console.log(failure);
}

if (failedChecks.length > 0) console.log(`failed checks: ${failedChecks.join(', ')}`);
console.log(describeCounts(total));
process.exitCode = total.failed > 0 ? 1 : 0;

/** Undefined when the run ended before it wrote its report. */
function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    console.log(`no report in ${path}: that run counts as failed`);
    return undefined;
  }
}
