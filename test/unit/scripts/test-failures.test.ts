import { describe, expect, it } from 'vitest';
import { describeFailures } from '../../../scripts/test-failures.ts';

const passed = { status: 'passed', fullName: 'a pass', failureMessages: [] };
const failed = {
  status: 'failed',
  fullName: 'a tenant is found',
  failureMessages: [
    'AssertionError: expected 2 to be 1 // Object.is equality\n\n- 1\n+ 2\nmore\n    at lib/check.ts:1:2\n    at /repo/test/a.test.ts:3:4\n    at /repo/test/a.test.ts:9:9',
  ],
};

describe('describeFailures', () => {
  it('says nothing of tests that passed', () => {
    const report = { testResults: [{ name: '/repo/test/a.test.ts', status: 'passed', assertionResults: [passed] }] };
    expect(describeFailures(report, '/repo')).toEqual([]);
  });

  it('names the test, what was expected, and the line of the test', () => {
    const report = {
      testResults: [{ name: '/repo/test/a.test.ts', status: 'failed', assertionResults: [passed, failed] }],
    };
    expect(describeFailures(report, '/repo')).toEqual([
      [
        'FAILED test/a.test.ts: a tenant is found',
        '    AssertionError: expected 2 to be 1 // Object.is equality',
        '    - 1',
        '    + 2',
        '    at /repo/test/a.test.ts:3:4',
      ].join('\n'),
    ]);
  });

  it('names a file that failed without a failed test', () => {
    const report = {
      testResults: [
        { name: '/repo/test/b.test.ts', status: 'failed', message: 'no mount', assertionResults: [passed] },
      ],
    };
    expect(describeFailures(report, '/repo')).toEqual(['FAILED test/b.test.ts: the file itself\n    no mount']);
  });

  it.each([undefined, null, 'text', [], {}, { testResults: 'x' }, { testResults: [null, 3] }])(
    'finds nothing in %j',
    (report) => {
      expect(describeFailures(report, '/repo')).toEqual([]);
    },
  );
});
