/** What vitest's JSON report says, as three numbers that never look better than the run was. */

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const FAILED_RUN: Counts = { passed: 0, failed: 1, skipped: 0 };

/** Anything that is not a report counts as one failure, and so does a run that failed without a failed test. */
export function countReport(report: unknown): Counts {
  if (typeof report !== 'object' || report === null || !('success' in report)) return FAILED_RUN;
  const count = (key: string): number => {
    const value: unknown = Reflect.get(report, key);
    return typeof value === 'number' ? value : 0;
  };
  const failedTests = count('numFailedTests');
  return {
    passed: count('numPassedTests'),
    // A file that does not load, a failed hook or an unhandled error fails the run with no failed test.
    failed: report.success === true ? failedTests : Math.max(failedTests, 1),
    skipped: count('numPendingTests') + count('numTodoTests'),
  };
}

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The counts are the last line, and nothing else is in it. */
export function describeCounts({ passed, failed, skipped }: Counts): string {
  const unseen = skipped > 0 ? `${skipped} skipped: what they test was not seen here, their names say why\n` : '';
  return `${unseen}${passed} passed, ${failed} failed`;
}
