import { describe, expect, it } from 'vitest';
import { isLookedFor, pvView, rankPvs } from '../../../src/agent/page-view.ts';
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

describe('isLookedFor', () => {
  it('goes by the name of the PV or of its claim, in any case', () => {
    const [told, untold] = [pvState('pvc-One', {}), pvState('pvc-two', {})];
    told.wishes = { ...told.wishes, fileClaim: { namespace: 'shop', name: 'data-db-0' } };
    const found = (part: string) => [told, untold].filter((state) => isLookedFor(state, part)).map(({ pv }) => pv);
    expect(found('')).toEqual(['pvc-One', 'pvc-two']);
    expect(found('PVC-ONE')).toEqual(['pvc-One']);
    expect(found('Shop/Data')).toEqual(['pvc-One']);
    expect(found('two')).toEqual(['pvc-two']);
    expect(found('oneshop')).toEqual([]);
  });
});

describe('pvView', () => {
  it('has what the limit goes by on a distributed volume, with words only where there is something to say', () => {
    const [ranked] = rankPvs([pvState('a', { limit: 8192n, used: 4096n })], REPLICA);
    if (ranked === undefined) throw new TypeError('nothing ranked');
    const of = (state: 'Sum' | 'Stale', usedBytes: string | null) =>
      pvView(ranked, REPLICA, {
        state,
        usedBytes,
        ageSeconds: 42,
        message: 'in words',
        parts: [],
        silent: [{ agent: 'b:9746', subvolume: 1, message: 'is away' }],
      }).volumeUsage;
    expect(pvView(ranked, REPLICA, undefined).volumeUsage).toBeNull();
    expect(of('Sum', '4096')).toEqual({ state: 'Sum', usedBytes: 4096, message: '' });
    expect(of('Stale', null)).toEqual({ state: 'Stale', usedBytes: null, message: 'in words; b:9746 is away' });
  });
});
