import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimText, isSameClaim, parseClaim, readClaim } from '../../../src/quota/claim.ts';
import { knownClaim, ownClaim, type PeerWish, type Wishes } from '../../../src/quota/desired.ts';
import { decodeRecord, encodeRecord } from '../../../src/quota/record.ts';

const wishes: Wishes = { fileBytes: undefined, softRatio: undefined, kadaluBytes: undefined, peer: undefined };
const claim = (name: string) => ({ namespace: 'shop', name });

describe('a claim', () => {
  it.each([
    ['shop/data', claim('data')],
    ['shop/data-db-0.eu', claim('data-db-0.eu')],
    [`${'n'.repeat(63)}/${'c'.repeat(253)}`, { namespace: 'n'.repeat(63), name: 'c'.repeat(253) }],
  ])('%s is one', (text, expected) => {
    expect(parseClaim(text)).toEqual(expected);
    expect(claimText(expected)).toBe(text);
  });

  it.each([
    ['shop', '<namespace>/<name>'],
    ['shop/a/b', '<namespace>/<name>'],
    ['/a', 'its namespace'],
    ['Shop/a', 'its namespace'],
    ['a.b/a', 'its namespace'],
    ['-a/a', 'its namespace'],
    ['a-/a', 'its namespace'],
    [`${'n'.repeat(64)}/a`, 'its namespace'],
    ['shop/', 'its name '],
    ['shop/A', 'its name '],
    ['shop/a_b', 'its name '],
    ['shop/a..b', 'its name '],
    ['shop/a.-b', 'its name '],
    ['shop/a\n', 'its name '],
    [`shop/${'c'.repeat(254)}`, 'its name '],
  ])('%j is none', (text, reason) => expect(parseClaim(text)).toContain(reason));

  it.each([
    undefined,
    null,
    5,
    'shop/data',
    [],
    {},
    { namespace: 'shop' },
    { namespace: 'shop', name: 5 },
    { ...claim('a'), uid: 'b' },
  ])('%j is none', (value) => expect(readClaim(value)).toEqual(expect.any(String)));

  it('never throws, and what it takes it takes again', () => {
    const names = fc.string({ unit: fc.constantFrom('a', '0', '-', '.', 'A', '_') });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ namespace: names, name: names })), (value) => {
        const read = readClaim(value);
        expect(readClaim(value)).toEqual(read);
        expect(typeof read === 'string' ? read : parseClaim(claimText(read))).toEqual(read);
      }),
    );
  });

  it('stands in the record of the API, and one that is none takes no limit away', () => {
    const record = { kind: 'limit', limitBytes: 5n, claim: claim('data') } as const;
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
    expect(encodeRecord({ kind: 'limit', limitBytes: 5n })).toBe('{"v":1,"limitBytes":"5"}');
    const broken = '{"v":1,"limitBytes":"5","claim":{"namespace":"Shop","name":"data"}}';
    expect(decodeRecord(broken)).toEqual({ kind: 'limit', limitBytes: 5n });
    expect(knownClaim(broken, wishes)).toBeUndefined();
  });

  it('is that of the highest source that has one', () => {
    const record = encodeRecord({ kind: 'limit', limitBytes: 5n, claim: claim('api') });
    const bare = encodeRecord({ kind: 'limit', limitBytes: 5n });
    const peer = (source: 'Api' | 'File'): PeerWish => ({
      source,
      limitBytes: 5n,
      claim: claim(`peer-${source.toLowerCase()}`),
    });
    const fileClaim = claim('file');
    const known = (text: string | undefined, from: Partial<Wishes>) => knownClaim(text, { ...wishes, ...from })?.name;
    expect(known(record, { peer: peer('Api'), fileClaim })).toBe('api');
    expect(known(bare, { peer: peer('Api'), fileClaim })).toBe('peer-api');
    expect(known(bare, { peer: peer('File'), fileClaim })).toBe('file');
    expect(known(undefined, { peer: peer('File') })).toBe('peer-file');
    expect(known(undefined, { peer: { source: 'Removed', limitBytes: undefined } })).toBeUndefined();
    expect(ownClaim(bare, { ...wishes, peer: peer('Api') })).toBeUndefined();
    expect(ownClaim(bare, { ...wishes, fileClaim })).toBe(fileClaim);
    expect(isSameClaim(claim('a'), claim('a'))).toBe(true);
    expect(isSameClaim(claim('a'), undefined)).toBe(false);
  });
});
