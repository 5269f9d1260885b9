import { describe, expect, it } from 'vitest';
import { judgeEnforced, type EnforcedFacts } from '../../../src/quota/enforced.ts';

const AUDIT = { at: 1_000, validUntil: 5_000, right: 7, wrong: 0, unplaced: 0 };
const FACTS: EnforcedFacts = {
  live: { type: 'Live', status: 'True', reason: 'AsWanted', message: '' },
  limited: true,
  namespaceMade: undefined,
  audit: AUDIT,
  now: 2_000,
};

function judged(facts: Partial<EnforcedFacts>): string {
  const { status, reason } = judgeEnforced({ ...FACTS, ...facts });
  return `${status} ${reason}`;
}

describe('judgeEnforced', () => {
  it.each<[string, Partial<EnforcedFacts>, string]>([
    ['a clean audit', {}, 'True Audited'],
    ['a clean audit of what had entries', { namespaceMade: 'WithEntries' }, 'True Audited'],
    ['strays', { audit: { ...AUDIT, wrong: 1 } }, 'False PartlyEnforced'],
    [
      'strays in what was empty once',
      { audit: { ...AUDIT, wrong: 1 }, namespaceMade: 'Empty' },
      'False PartlyEnforced',
    ],
    [
      'a namespace inside of it',
      { audit: { ...AUDIT, wrong: 2, nested: { count: 1, first: 'sub' } }, namespaceMade: 'Empty' },
      'False NestedNamespace',
    ],
    ['files without a place', { audit: { ...AUDIT, unplaced: 1 } }, 'Unknown NotAudited'],
    [
      'the same, empty at first',
      { audit: { ...AUDIT, unplaced: 1 }, namespaceMade: 'Empty' },
      'True NamespaceSetEmpty',
    ],
    [
      'the same, with entries',
      { audit: { ...AUDIT, unplaced: 1 }, namespaceMade: 'WithEntries' },
      'Unknown NotAudited',
    ],
    ['no audit', { audit: undefined }, 'Unknown NotAudited'],
    ['no audit, with entries', { audit: undefined, namespaceMade: 'WithEntries' }, 'False PartlyEnforced'],
    ['no audit, empty', { audit: undefined, namespaceMade: 'Empty' }, 'True NamespaceSetEmpty'],
    ['an old audit', { now: 5_001 }, 'Unknown AuditStale'],
    ['an old audit, empty', { now: 5_001, namespaceMade: 'Empty' }, 'True NamespaceSetEmpty'],
    ['no limit', { limited: false }, 'False AsWanted'],
  ])('%s', (_, facts, expected) => {
    expect(judged(facts)).toBe(expected);
  });

  it('names a namespace inside of the PV, whatever its name', () => {
    const message = (count: number): string =>
      judgeEnforced({ ...FACTS, audit: { ...AUDIT, wrong: 1, nested: { count, first: 'a\u001b[2J"\n' } } }).message;
    expect(message(1)).toContain('a directory of the PV is a namespace of its own');
    expect(message(1)).toContain(String.raw`"a\u001b[2J\"\n" (seen`);
    expect(message(3)).toContain('3 directories of the PV are namespaces');
  });

  it('is what Live is as long as that is not True', () => {
    const live = { type: 'Live', status: 'Unknown', reason: 'BrickDown', message: '' } as const;
    expect(judged({ live })).toBe('Unknown BrickDown');
    expect(judged({ live: { ...live, status: 'False', reason: 'LimitDiffers' } })).toBe('False LimitDiffers');
  });
});
