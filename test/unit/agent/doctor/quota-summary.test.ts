import { describe, expect, it } from 'vitest';
import { fullnessOf, severityOf, summarizeQuotas } from '../../../../src/agent/doctor/quota-summary.ts';
import { pvState, REPLICA } from '../../../support/pv-states.ts';

describe('summarizeQuotas', () => {
  it('groups what is not as it should be, the gravest and then the most frequent first, with few examples', () => {
    const states = [
      ...Array.from({ length: 9 }, (_, index) =>
        pvState(`down-${index}`, { limit: 10n, condition: 'Live Unknown BrickDown' }),
      ),
      pvState('refused', { limit: 10n, condition: 'Live False BrickRefused' }),
      pvState('fine', { limit: 10n, condition: 'Live True AsWanted' }),
      pvState('free', { condition: 'Enforced False NoLimit' }),
    ];
    const summary = summarizeQuotas(states, REPLICA, true);
    expect(summary).toMatchObject({ pvs: 12, limited: 11, synced: true });
    expect(summary.groups.map(({ reason, severity, count }) => [reason, severity, count])).toEqual([
      ['BrickRefused', 'error', 1],
      ['BrickDown', 'warning', 9],
    ]);
    expect(summary.groups[1]?.examples.map(({ pv }) => pv)).toEqual(['down-0', 'down-1', 'down-2', 'down-3', 'down-4']);
  });

  it('counts who is over its limit on this brick, and nobody on an arbiter', () => {
    const states = [pvState('full', { limit: 8192n, used: 8192n }), pvState('over', { limit: 8192n, used: 12_288n })];
    expect(summarizeQuotas(states, REPLICA, true).over).toEqual({
      count: 1,
      examples: [{ pv: 'over', usedBytes: 12_288n, limitBytes: 8192n }],
    });
    expect(summarizeQuotas(states, { dataFragments: 1, isArbiter: true }, true).over.count).toBe(0);
    // On 2+1 each brick holds half.
    expect(summarizeQuotas(states, { dataFragments: 2, isArbiter: false }, true).over.count).toBe(2);
  });
});

describe('severityOf', () => {
  it.each([
    ['Live', 'True', 'AsWanted', undefined],
    ['Live', 'False', 'RemovalPending', 'info'],
    ['Live', 'False', 'LimitDiffers', 'error'],
    ['Enforced', 'Unknown', 'NotAudited', 'info'],
    ['Enforced', 'False', 'NoLimit', undefined],
    ['SomethingNew', 'False', 'Why', 'warning'],
    ['SomethingNew', 'Unknown', 'Why', 'info'],
  ] as const)('%s %s %s is %s', (type, status, reason, severity) => {
    expect(severityOf({ type, status, reason })).toBe(severity);
  });
});

describe('fullnessOf', () => {
  it('is known only with a limit and a usage', () => {
    expect(fullnessOf(pvState('a', { limit: 8192n, used: 4096n }), REPLICA)).toBe(0.5);
    expect(fullnessOf(pvState('a', { limit: 8192n }), REPLICA)).toBeUndefined();
    expect(fullnessOf(pvState('a', {}), REPLICA)).toBeUndefined();
  });
});
