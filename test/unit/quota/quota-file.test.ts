import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseQuotaFile, parseWhole } from '../../../src/quota/quota-file.ts';

describe('quota file', () => {
  it('reads limits by name and by path, with and without a soft part', () => {
    const text = 'quotas:\n  - pv: a\n    limit: 10Gi\n  - path: subvol/ab/cd/b\n    limit: 5\n    soft: 0.5\n';
    expect(parseQuotaFile(text)).toEqual({
      entries: [
        { pv: 'a', path: undefined, limitBytes: 10n * 2n ** 30n, softRatio: undefined, line: 2 },
        { pv: undefined, path: 'subvol/ab/cd/b', limitBytes: 5n, softRatio: 0.5, line: 4 },
      ],
      refusals: [],
      error: undefined,
    });
  });

  it('takes JSON as well', () => {
    expect(parseQuotaFile('{"quotas": [{"pv": "a", "limit": 1024}]}').entries).toHaveLength(1);
  });

  it.each([
    ['limit: 1', 'name the PV by either'],
    ['pv: a\n    path: subvol/ab/cd/a\n    limit: 1', 'name the PV by either'],
    ['pv: a', 'not a size'],
    ['pv: a\n    limit: -1', 'not a size'],
    ['pv: a\n    limit: 0', '1 or more'],
    ['pv: a\n    limit: [1]', 'not a size'],
    ['pv: a\n    limit: 9223372036854775808', 'not a size'],
    ['pv: a\n    limit: 1\n    soft: 1', 'above 0 and below 1'],
    ['pv: a\n    limit: 1\n    hard: 1', '"hard" is not one of'],
    ['pv: a/b\n    limit: 1', '"pv" is not a name'],
    ['pv: ..\n    limit: 1', '"pv" is not a name'],
    ['path: ../etc\n    limit: 1', '"path" is not subvol'],
    ['path: subvol/ab/cd/a/b\n    limit: 1', '"path" is not subvol'],
    ['path: subvol/ab/cd\n    limit: 1', '"path" is not subvol'],
    ['*alias', 'is not a mapping'],
  ])('refuses %j and keeps the entry after it', (entry, reason) => {
    const { entries, refusals } = parseQuotaFile(`quotas:\n  - ${entry}\n  - pv: good\n    limit: 1\n`);
    expect(entries.map(({ pv }) => pv)).toEqual(['good']);
    expect(refusals).toEqual([{ line: 2, reason: expect.stringContaining(reason) }]);
  });

  it('reads claims, and of a wrong one leaves out the claim alone', () => {
    const good = 'claim:\n      namespace: shop\n      name: data-db-0\n';
    const text = `quotas:\n  - pv: a\n    limit: 1\n    ${good}  - pv: b\n    limit: 2\n    claim: {namespace: Shop, name: x}\n  - pv: c\n    limit: 3\n    claim: shop/x\n`;
    for (const content of [parseQuotaFile(text, 2), parseWhole(text)]) {
      expect(content.entries.map(({ pv, limitBytes, claim }) => [pv, limitBytes, claim])).toEqual([
        ['a', 1n, { namespace: 'shop', name: 'data-db-0' }],
        ['b', 2n, undefined],
        ['c', 3n, undefined],
      ]);
      expect(content.refusals).toEqual([
        { line: 7, reason: expect.stringContaining('the limit counts: its namespace') },
        { line: 10, reason: expect.stringContaining('the limit counts: a claim has') },
      ]);
    }
  });

  it('refuses the second of two entries for one PV and names the first', () => {
    const { entries, refusals } = parseQuotaFile('quotas:\n- {pv: a, limit: 1}\n- {path: subvol/ab/cd/a, limit: 2}\n');
    expect(entries).toHaveLength(1);
    expect(refusals).toEqual([{ line: 3, reason: '"a" has a limit in line 2 already' }]);
  });

  it.each(['', 'quotas', 'quotas: 5', '[]', 'a: [b', '\u0000', 'quotas: &a [*a]'])(
    'says that %j as a whole cannot be used, or uses none of it',
    (text) => {
      const { entries, error, refusals } = parseQuotaFile(text);
      expect(entries).toEqual([]);
      expect(error !== undefined || refusals.length > 0).toBe(true);
    },
  );

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(parseQuotaFile(text).entries.every(({ limitBytes }) => limitBytes > 0n)).toBe(true);
        expect(() => parseQuotaFile(`quotas:\n  - ${text}`)).not.toThrow();
      }),
    );
  });

  it('finds every well-formed entry again', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { maxLength: 20 });
    fc.assert(
      fc.property(names, fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }), (pvs, limitBytes) => {
        const text = stringify({ quotas: pvs.map((pv) => ({ pv: `pvc-${pv}`, limit: Number(limitBytes) })) });
        const { entries, refusals } = parseQuotaFile(text);
        expect(refusals).toEqual([]);
        expect(entries.map((entry) => [entry.pv, entry.limitBytes])).toEqual(
          pvs.map((pv) => [`pvc-${pv}`, limitBytes]),
        );
      }),
    );
  });

  /** What a file is made of, well-formed or not: each of these in any order. */
  const fragments = fc.constantFrom(
    '- pv: a',
    '- pv: b # comment',
    '- {pv: c, limit: 1}',
    '- {pv: d,',
    '   limit: 5}',
    '  limit: 10Gi',
    '    limit: 1',
    '  soft: 0.5',
    '- &x {pv: e, limit: 2}',
    '- *x',
    '- <<: *x',
    '- "q',
    '  r"',
    '- |',
    '  - pv: f',
    '- - pv: g',
    '  - pv: h',
    '  - limit: 1',
    '-',
    '- ',
    '# comment',
    '  # comment',
    '',
    '\t',
    '---',
    '...',
    'other: 1',
    'quotas:',
    '- path: subvol/ab/cd/i\r',
    '- ? pv',
    '  : j',
    '- !!map {pv: k, limit: 1}',
    '%YAML 1.2',
  );

  it('reads in pieces what it reads as a whole', () => {
    const head = fc.array(fragments, { maxLength: 2 });
    fc.assert(
      fc.property(head, fc.array(fragments, { maxLength: 12 }), fc.constantFrom('', '  '), (before, after, indent) => {
        const text = [...before, 'quotas:', ...after.map((line) => `${indent}${line}`)].join('\n');
        expect(parseQuotaFile(text, 1)).toEqual(parseWhole(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('names the lines of a long file', () => {
    const entries = Array.from({ length: 2_000 }, (_, n) => `  - pv: pvc-${n}\n    limit: ${n === 1_500 ? 'x' : 1}\n`);
    const { entries: read, refusals } = parseQuotaFile(`# limits\n\nquotas:\n\n${entries.join('')}`);
    expect(read).toHaveLength(1_999);
    expect(read.at(-1)?.line).toBe(5 + 2 * 1_999);
    expect(refusals).toEqual([{ line: 5 + 2 * 1_500, reason: expect.stringContaining('"limit"') }]);
  });
});
