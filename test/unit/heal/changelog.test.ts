import { describe, expect, it } from 'vitest';
import { decodeChangelog, judgeCounters, type ReplicaSet } from '../../../src/heal/changelog.ts';

const SET: ReplicaSet = { self: 'vol1-client-0', others: ['vol1-client-1', 'vol1-client-2'] };
const PAIR: ReplicaSet = { self: 'vol1-client-0', others: ['vol1-client-1'] };

function log(data: number, metadata: number, entry: number): string {
  return [data, metadata, entry].map((value) => value.toString(16).padStart(8, '0')).join('');
}

function replica(rows: Record<string, [number, number, number]>, set: ReplicaSet | undefined = SET) {
  const counters = Object.entries(rows).map(([child, row]) => [`trusted.afr.${child}`, log(...row)]);
  return judgeCounters(Object.fromEntries(counters), set);
}

describe('decodeChangelog', () => {
  it('reads three big-endian counters', () => {
    expect(decodeChangelog('000000010000020000ff0000')).toEqual({ data: 1, metadata: 0x200, entry: 0xff_0000 });
    expect(decodeChangelog('ffffffff0000000000000000')?.data).toBe(0xffff_ffff);
  });

  it.each(['', '00', '0'.repeat(22), '0'.repeat(26), 'g'.repeat(24)])('refuses "%s"', (hex) => {
    expect(decodeChangelog(hex)).toBeUndefined();
  });
});

describe('judgeCounters of replicate', () => {
  it('says who is blamed for what', () => {
    expect(replica({ 'vol1-client-2': [2, 1, 0], 'vol1-client-1': [0, 0, 0] })).toEqual({
      verdict: 'Pending',
      kinds: ['data', 'metadata'],
      blames: [{ child: 'vol1-client-2', isSelf: false, data: 2, metadata: 1, entry: 0 }],
      dirty: undefined,
      disperse: undefined,
    });
  });

  it('calls it clean when there is nothing, and dirty when only a transaction is under way', () => {
    expect(replica({}).verdict).toBe('Clean');
    expect(replica({ 'vol1-client-1': [0, 0, 0], dirty: [0, 0, 0] })).toMatchObject({
      verdict: 'Clean',
      dirty: undefined,
    });
    expect(replica({ dirty: [1, 0, 0] })).toMatchObject({ verdict: 'Dirty', kinds: [], dirty: { data: 1 } });
  });

  it('is suspicious of a brick that blames all others for the same kind', () => {
    expect(replica({ 'vol1-client-1': [1, 0, 0], 'vol1-client-2': [5, 0, 0] }).verdict).toBe('BlamesAll');
    expect(replica({ 'vol1-client-1': [1, 0, 0], 'vol1-client-2': [0, 1, 0] }).verdict).toBe('Pending');
  });

  it('is not when there is but one other, or when the set is not known', () => {
    expect(replica({ 'vol1-client-1': [1, 1, 1] }, PAIR).verdict).toBe('Pending');
    const all = { 'trusted.afr.vol1-client-1': log(1, 0, 0), 'trusted.afr.vol1-client-2': log(1, 0, 0) };
    expect(judgeCounters(all, undefined).verdict).toBe('Pending');
  });

  it('says first that a brick blames itself', () => {
    const { verdict, blames } = replica({
      'vol1-client-0': [0, 1, 0],
      'vol1-client-1': [0, 1, 0],
      'vol1-client-2': [0, 1, 0],
    });
    expect(verdict).toBe('BlamesItself');
    expect(blames.map(({ isSelf }) => isSelf)).toEqual([true, false, false]);
  });

  it('does not judge what it cannot read', () => {
    expect(judgeCounters({ 'trusted.afr.vol1-client-1': '00' }, SET)).toMatchObject({ verdict: 'Unknown', blames: [] });
  });
});

describe('judgeCounters of disperse', () => {
  const version = '00000000000000030000000000000004';

  it('waits for heal when it is dirty', () => {
    const counters = { 'trusted.ec.dirty': `${'0'.repeat(15)}1${'0'.repeat(16)}`, 'trusted.ec.version': version };
    expect(judgeCounters(counters, undefined)).toEqual({
      verdict: 'Pending',
      kinds: ['data'],
      blames: [],
      dirty: undefined,
      disperse: { dirtyData: 1n, dirtyMetadata: 0n, versionData: 3n, versionMetadata: 4n },
    });
  });

  it('does not when it is not, whatever its versions', () => {
    expect(judgeCounters({ 'trusted.ec.version': version }, undefined)).toMatchObject({ verdict: 'Clean', kinds: [] });
    expect(judgeCounters({ 'trusted.ec.dirty': '01' }, undefined).verdict).toBe('Unknown');
  });
});
