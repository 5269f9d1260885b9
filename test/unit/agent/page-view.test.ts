import { describe, expect, it } from 'vitest';
import { rankPvs } from '../../../src/agent/page-view.ts';
import { pvState, REPLICA } from '../../support/pv-states.ts';

describe('rankPvs', () => {
  it('puts those that need attention first, then the fullest, then by name', () => {
    const ranked = rankPvs(
      [
        pvState('b-free', {}),
        pvState('a-free', {}),
        pvState('half', { limit: 8192n, used: 4096n }),
        pvState('full', { limit: 8192n, used: 8192n }),
        pvState('over', { limit: 8192n, used: 12_288n }),
        pvState('audit', { limit: 8192n, used: 4096n, condition: 'Enforced Unknown NotAudited' }),
        pvState('broken', { limit: 8192n, used: 4096n, condition: 'Live False BrickRefused' }),
      ],
      REPLICA,
    );
    expect(ranked.map(({ state, severity }) => [state.pv, severity])).toEqual([
      ['broken', 'error'],
      ['over', 'warning'],
      ['full', undefined],
      // Of what is only good to know nobody has to see to.
      ['audit', 'info'],
      ['half', undefined],
      ['a-free', undefined],
      ['b-free', undefined],
    ]);
  });
});
