import { describe, expect, it } from 'vitest';
import { decodeDict, encodeDict, type Dict } from '../../../src/rpc/dict.ts';
import { healRequest, readHealReply } from '../../../src/rpc/heal-reply.ts';
import { xlatorOp } from '../../../src/rpc/programs/brick-operations.ts';
import { XdrReader } from '../../../src/rpc/xdr.ts';
import { exchange, resultsOf } from '../../support/rpc-vectors.ts';

const SET = [{ name: 'h1r-replicate-0', id: 0 }];

function output(entries: Record<string, string | number>): Dict {
  return decodeDict(encodeDict(Object.entries(entries)));
}

function reply(entries: Record<string, string | number>, xlators = SET) {
  return readHealReply({ opRet: 0, errorText: '', output: output(entries) }, xlators);
}

function recorded(id: string) {
  return readHealReply(xlatorOp.decode(new XdrReader(resultsOf(exchange(id, '10.3')))), SET);
}

describe('healRequest', () => {
  it('names every translator twice: in its place and with its id', () => {
    const xlators = [
      { name: 'v-replicate-0', id: 0 },
      { name: 'v-replicate-3', id: 3 },
    ];
    expect(healRequest('full-heal', xlators)).toStrictEqual([
      ['xl-op', 2],
      ['count', 2],
      ['xl-0', 'v-replicate-0'],
      ['v-replicate-0', 0],
      ['xl-1', 'v-replicate-3'],
      ['v-replicate-3', 3],
    ]);
  });

  it.each([
    ['no translator', []],
    ['a name that is a key of the request', [{ name: 'count', id: 0 }]],
    ['the operation', [{ name: 'xl-op', id: 0 }]],
    ['a place', [{ name: 'xl-7', id: 0 }]],
    ['no name', [{ name: '', id: 0 }]],
    ['one name twice', [SET[0], { name: 'h1r-replicate-0', id: 1 }]],
    ['one id twice', [SET[0], { name: 'h1r-replicate-1', id: 0 }]],
  ])('refuses %s', (_, xlators) => {
    const named = xlators.filter((xlator) => xlator !== undefined);
    expect(() => healRequest('count', named)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});

describe('readHealReply', () => {
  it('puts children in the order of the set, which the daemon does not keep', () => {
    const { children } = recorded('shd-heal-index');
    expect(children.map(({ xlator, child, status }) => [xlator, child, status])).toStrictEqual([
      ['h1r-replicate-0', 0, 'Started self-heal'],
      ['h1r-replicate-0', 1, 'Started self-heal'],
      ['h1r-replicate-0', 2, 'Started self-heal'],
    ]);
  });

  it('tells pending entries from a brick that could not be asked', () => {
    const { children } = reply({ '0-0-hardlinks': 12, '0-1-status': 'Brick is not connected' });
    expect(children.map(({ pending, status }) => [pending, status])).toStrictEqual([
      [12, undefined],
      [undefined, 'Brick is not connected'],
    ]);
  });

  it('has no children when the daemon did nothing', () => {
    expect(recorded('shd-unknown-xlator')).toStrictEqual({ opRet: 0, errorText: '', children: [] });
  });

  it('keeps translators apart by the id that was sent, in the order of the request', () => {
    const xlators = [
      { name: 'b', id: 7 },
      { name: 'a', id: 1 },
    ];
    const { children } = reply(
      { '1-0-status': 'of a', '7-1-status': 'of b', '7-0-status': 'of b', '2-0-status': '?' },
      xlators,
    );
    expect(children.map(({ xlator, child, status }) => [xlator, child, status])).toStrictEqual([
      ['b', 0, 'of b'],
      ['b', 1, 'of b'],
      ['a', 0, 'of a'],
    ]);
  });

  it('ignores keys of another form', () => {
    expect(
      reply({ 'x-0-status': 'a', '0-0-status-': 'b', '-1-0-status': 'c', status: 'd', '0-0-': 'e' }).children,
    ).toStrictEqual([]);
  });

  it('reads the crawls of every local brick, the running one last', () => {
    const { children } = recorded('shd-statistics');
    expect(children.map(({ child, crawls }) => [child, crawls.length])).toStrictEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    expect(children[2]?.crawls[2]).toStrictEqual({
      kind: 'FULL',
      inProgress: true,
      startedText: 'Mon Nov 23 08:59:52 2026',
      endedText: undefined,
      healed: 0,
      failed: 0,
      splitBrain: 0,
    });
  });

  it('takes a crawl for running when the daemon does not say that it has ended', () => {
    const { children } = reply({ 'statistics-0-0-count': 1, 'statistics_crawl_type-0-0-0': 'INDEX' });
    expect(children[0]?.crawls[0]).toMatchObject({ kind: 'INDEX', inProgress: true, startedText: '' });
  });

  it('counts crawls by looking: a claimed number allocates nothing', () => {
    const { children } = reply({ 'statistics-0-0-count': 2_000_000_000 });
    expect(children[0]?.crawls).toStrictEqual([]);
  });

  it('leaves the kind of a crawl open that it does not know', () => {
    const { children } = reply({ 'statistics-0-0-count': 1, 'statistics_crawl_type-0-0-0': 'SOMETHING' });
    expect(children[0]?.crawls[0]?.kind).toBeUndefined();
  });
});
