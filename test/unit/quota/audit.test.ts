import { describe, expect, it } from 'vitest';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { AuditTally, MAX_STRAYS, type AuditTarget } from '../../../src/quota/audit.ts';

const GFID_A = 'aaaaaaaa-0000-4000-8000-000000000001';
const GFID_B = 'bbbbbbbb-0000-4000-8000-000000000001';
const TIMES = { at: 1_000, validUntil: 2_000 };
const TARGETS: AuditTarget[] = [
  { pv: 'a', path: 'subvol/ab/cd/a', gfid: GFID_A },
  { pv: 'ä', path: 'subvol/ab/cd/ä', gfid: GFID_B },
];

function gfid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

describe('AuditTally', () => {
  it('counts what counts for a PV as right, and what is found below it otherwise as wrong', () => {
    const tally = new AuditTally(TARGETS);
    tally.take(GFID_A, GFID_A);
    tally.take(gfid(1), GFID_A);
    tally.take(gfid(2), ROOT_GFID);
    tally.take(gfid(3), ROOT_GFID);
    tally.take(gfid(4), ROOT_GFID);
    tally.take(gfid(5), undefined);
    tally.take(ROOT_GFID, ROOT_GFID);
    expect(tally.strays).toEqual([gfid(2), gfid(3), gfid(4), gfid(5)]);
    const bytes = Buffer.from('subvol/ab/cd/ä', 'utf8').toString('latin1');
    const places = ['subvol/ab/cd/a/dir/file', 'subvol/ab/cd/ab', bytes, undefined];
    const results = tally.judge(TARGETS, places, TIMES);
    expect(results.get(GFID_A)).toEqual({
      audit: { ...TIMES, right: 2, wrong: 1, unplaced: 0 },
      wrongPaths: ['subvol/ab/cd/a/dir/file'],
    });
    // Its own directory, in the namespace of the root.
    expect(results.get(GFID_B)).toEqual({
      audit: { ...TIMES, right: 0, wrong: 1, unplaced: 0 },
      wrongPaths: [bytes],
    });
  });

  it('tells a namespace inside of a PV from what merely lies in the wrong one', () => {
    const tally = new AuditTally(TARGETS);
    tally.take(gfid(1), gfid(1));
    tally.take(gfid(2), gfid(1));
    tally.take(gfid(3), gfid(3));
    // Not inside of any: another PV, one without a limit; and the directory above.
    tally.take(gfid(4), gfid(4));
    tally.take(gfid(5), gfid(5));
    // The PV's own directory, with another gfid than the one that was asked for: replaced meanwhile.
    tally.take(gfid(6), gfid(6));
    const bytes = Buffer.from('subvol/ab/cd/ä', 'utf8').toString('latin1');
    const inner = Buffer.from('dïr\n', 'utf8').toString('latin1');
    const places = [
      `subvol/ab/cd/a/${inner}`,
      `subvol/ab/cd/a/${inner}/x`,
      'subvol/ab/cd/a/b',
      'subvol/ab/cd/c',
      'subvol/ab',
      bytes,
    ];
    const results = tally.judge(TARGETS, places, TIMES);
    expect(results.get(GFID_A)?.audit).toMatchObject({ wrong: 3, nested: { count: 2, first: 'dïr\n' } });
    expect(results.get(GFID_B)?.audit).toMatchObject({ wrong: 1 });
    expect(results.get(GFID_B)?.audit.nested).toBeUndefined();
  });

  it('holds what has no known place against every PV', () => {
    const tally = new AuditTally(TARGETS);
    tally.take(gfid(1), ROOT_GFID);
    const results = tally.judge(TARGETS, [null], TIMES);
    expect([...results.values()].map(({ audit }) => audit.unplaced)).toEqual([1, 1]);
  });

  it('keeps no more strays than can be located, and does not forget that there were more', () => {
    const tally = new AuditTally(TARGETS);
    for (let number = 1; number <= MAX_STRAYS + 5; number += 1) tally.take(gfid(number), ROOT_GFID);
    expect(tally.strays).toHaveLength(MAX_STRAYS);
    const results = tally.judge(TARGETS, [], TIMES);
    expect(results.get(GFID_A)?.audit.unplaced).toBe(5);
  });
});
