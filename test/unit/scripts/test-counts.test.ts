import { describe, expect, it } from 'vitest';
import { addCounts, countReport, describeCounts } from '../../../scripts/test-counts.ts';

const report = { success: true, numPassedTests: 5, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };

describe('countReport', () => {
  it('counts a good run', () => {
    expect(countReport(report)).toEqual({ passed: 5, failed: 0, skipped: 0 });
  });

  it('counts failed, skipped and planned tests', () => {
    const mixed = { ...report, success: false, numFailedTests: 2, numPendingTests: 3, numTodoTests: 1 };
    expect(countReport(mixed)).toEqual({ passed: 5, failed: 2, skipped: 4 });
  });

  it('counts a failed run without a failed test as one failure', () => {
    expect(countReport({ ...report, success: false })).toEqual({ passed: 5, failed: 1, skipped: 0 });
  });

  it.each([undefined, null, 'text', 7, [], {}])('counts %j, which is no report, as one failure', (value) => {
    expect(countReport(value)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('the line', () => {
  it('leaves out skipped tests when there are none', () => {
    expect(describeCounts({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
  });

  it('adds runs up', () => {
    const sum = addCounts({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 });
    expect(describeCounts(sum)).toMatch(/^33 skipped: .*\n11 passed, 22 failed$/);
  });
});
