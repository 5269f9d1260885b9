import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PendingEntry } from '../../../src/heal/entry.ts';
import {
  obstaclesAmong as judgeAll,
  obstaclesOf as judge,
  type PvUse,
  type PvUseOf,
} from '../../../src/heal/obstacle.ts';

function entry(fields: Partial<PendingEntry> = {}): PendingEntry {
  return {
    gfid: '11111111-1111-4111-8111-111111111111',
    state: 'Pending',
    type: 'file',
    paths: ['/subvol/ab/cd/pvc-1/file'],
    unknownNames: 0,
    pv: 'pvc-1',
    kinds: ['data'],
    blames: [{ child: 'vol1-client-2', isSelf: false, data: 1, metadata: 0, entry: 0 }],
    dirty: undefined,
    disperse: undefined,
    changedAt: 0,
    isNamespace: false,
    ...fields,
  };
}

const NOW = 1_000_000_000;
const obstaclesOf = (one: PendingEntry, useOf: PvUseOf, others: Record<string, PvUse> = {}) =>
  judge(one, { useOf, otherUses: () => new Map(Object.entries(others)), now: NOW });
const obstaclesAmong = (some: PendingEntry[], useOf: PvUseOf) =>
  judgeAll(some, { useOf, otherUses: () => new Map(), now: NOW });
const MiB = 1024n ** 2n;
const over = (): PvUse => ({ usedBytes: 8n * MiB, limitBytes: 2n * MiB });

describe('obstaclesOf', () => {
  it('names a PV that holds more than the brick which is healed may take', () => {
    expect(obstaclesOf(entry(), over)).toEqual([
      {
        reason: 'PvOverLimit',
        severity: 'error',
        message:
          'pvc-1 holds 8 MiB here and its limit is 2 MiB: vol1-client-2 takes no more than that and refuses what heal writes ' +
          'beyond it (EDQUOT), so this heal does not end',
        remedy: expect.stringContaining('raise its limit'),
      },
    ]);
  });

  describe('of a brick that refuses alone', () => {
    const own = (usedBytes: bigint, limitBytes: bigint) => (): PvUse => ({ usedBytes, limitBytes });
    const reasonsOf = (one: PendingEntry, use: PvUseOf, sink: PvUse, child = 'vol1-client-2'): string[] =>
      obstaclesOf(one, use, { [child]: sink }).map(({ reason }) => reason);
    const roomy = own(8n * MiB, 32n * MiB);

    it('says that its limit is lower, and to set it for all', () => {
      const [found, ...more] = obstaclesOf(entry(), roomy, {
        'vol1-client-2': { usedBytes: 2n * MiB, limitBytes: 4n * MiB },
      });
      expect(found).toMatchObject({
        reason: 'SinkLimitLower',
        severity: 'error',
        message: expect.stringContaining('4 MiB on vol1-client-2 and 32 MiB here, where it holds 8 MiB'),
        remedy: expect.stringContaining(`brick-agent quota set pvc-1 ${32n * MiB}`),
      });
      expect(more).toEqual([]);
    });

    it('says that its counter is wrong, measured or not, and to repair it', () => {
      const sink = { usedBytes: 32n * MiB, limitBytes: 32n * MiB };
      expect(obstaclesOf(entry(), roomy, { 'vol1-client-2': sink })).toMatchObject([
        {
          reason: 'SinkCountsMore',
          message: expect.stringContaining('or it still has what was deleted here'),
          remedy: expect.stringContaining('quota repair pvc-1'),
        },
      ]);
      expect(obstaclesOf(entry(), roomy, { 'vol1-client-2': { ...sink, excessBytes: 24n * MiB } })).toMatchObject([
        { reason: 'SinkCountsMore', message: expect.stringContaining('24 MiB too high') },
      ]);
    });

    it('tells a PV that is full everywhere from it', () => {
      const full = own(8n * MiB, 8n * MiB);
      expect(reasonsOf(entry(), full, { usedBytes: 8n * MiB, limitBytes: 8n * MiB })).toEqual(['PvFull']);
      expect(reasonsOf(entry(), full, { usedBytes: 6n * MiB, limitBytes: 8n * MiB })).toEqual(['PvFull']);
      expect(reasonsOf(entry(), over, { usedBytes: 2n * MiB, limitBytes: 2n * MiB })).toEqual(['PvOverLimit']);
    });

    it('says nothing where it has room, where another one has none, and where nothing needs room', () => {
      const short = { usedBytes: 4n * MiB, limitBytes: 4n * MiB };
      expect(reasonsOf(entry(), roomy, { usedBytes: 2n * MiB, limitBytes: 32n * MiB })).toEqual([]);
      // A lower limit that is far away stands in nobody's way.
      expect(reasonsOf(entry(), roomy, { usedBytes: 2n * MiB, limitBytes: 16n * MiB })).toEqual([]);
      expect(reasonsOf(entry(), roomy, short, 'vol1-client-1')).toEqual([]);
      expect(reasonsOf(entry({ kinds: ['metadata'] }), roomy, short)).toEqual([]);
    });

    it('looks at all others for what was left dirty, of which nobody is blamed', () => {
      const left = entry({ state: 'Dirty', kinds: [], blames: [], changedAt: NOW - 120_000 });
      const sink = { usedBytes: 4n * MiB, limitBytes: 4n * MiB };
      expect(reasonsOf(left, roomy, sink, 'vol1-client-1')).toEqual(['LeftDirty', 'SinkLimitLower']);
    });

    it('is never both, whatever they count', () => {
      const bytes = fc.bigInt({ min: 0n, max: 64n * MiB });
      fc.assert(
        fc.property(bytes, bytes, bytes, bytes, (used, limit, sinkUsed, sinkLimit) => {
          const sink = { usedBytes: sinkUsed, limitBytes: sinkLimit };
          const found = reasonsOf(entry(), own(used, limit), sink);
          expect(found.length).toBeLessThanOrEqual(1);
          expect(found[0] !== 'SinkLimitLower' || sinkLimit < limit).toBe(true);
          expect(found[0] !== 'SinkCountsMore' || (sinkUsed > used && sinkLimit >= limit)).toBe(true);
        }),
      );
    });
  });

  it('says nothing of a PV with room, warns of one without, and says nothing of none and of what needs no space', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 62n }), fc.bigInt({ min: 0n, max: 4n * MiB }), (usedBytes, room) => {
        const found = obstaclesOf(entry(), () => ({ usedBytes, limitBytes: usedBytes + room }));
        expect(found.map(({ reason }) => reason)).toEqual(room < MiB ? ['PvFull'] : []);
      }),
    );
    expect(obstaclesOf(entry(), () => undefined)).toEqual([]);
    expect(obstaclesOf(entry({ pv: undefined }), over)).toEqual([]);
    expect(obstaclesOf(entry({ kinds: ['metadata'] }), over)).toEqual([]);
    expect(obstaclesOf(entry({ kinds: [], blames: [] }), over)).toEqual([]);
  });

  it('tells what a write has left dirty from what is being written', () => {
    const left = entry({ state: 'Dirty', kinds: [], blames: [], dirty: { data: 1, metadata: 0, entry: 0 } });
    const full: PvUseOf = () => ({ usedBytes: 8n * MiB - 4096n, limitBytes: 8n * MiB });
    const reasonsAt = (ageMs: number, useOf: PvUseOf): string[] =>
      obstaclesOf({ ...left, changedAt: NOW - ageMs }, useOf).map(({ reason }) => reason);
    expect(reasonsAt(59_999, full)).toEqual([]);
    expect(reasonsAt(60_000, full)).toEqual(['LeftDirty', 'PvFull']);
    expect(reasonsAt(60_000, over)).toEqual(['LeftDirty', 'PvOverLimit']);
    expect(reasonsAt(3_600_000, () => undefined)).toEqual(['LeftDirty']);
    expect(obstaclesOf({ ...left, changedAt: undefined }, full)).toEqual([]);
    expect(obstaclesOf({ ...left, changedAt: NOW - 3_600_000 }, full)[0]).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/^\/subvol\/ab\/cd\/pvc-1\/file .* for 1 h/),
    });
  });

  it('knows a quota directory whose metadata heals for ever', () => {
    const blames = [{ child: 'vol1-client-2', isSelf: false, data: 0, metadata: 72, entry: 0 }];
    const loop = entry({ isNamespace: true, kinds: ['metadata'], blames, paths: ['/subvol/ab/cd/pvc-1'] });
    expect(obstaclesOf(loop, () => undefined)).toMatchObject([
      { reason: 'NamespaceLoop', remedy: expect.stringContaining('<brick>/subvol/ab/cd/pvc-1') },
    ]);
    expect(obstaclesOf({ ...loop, isNamespace: false }, () => undefined)).toEqual([]);
  });
});

describe('obstaclesAmong', () => {
  it('tells each once a PV, and no more than five', () => {
    const many = Array.from({ length: 100 }, (_, index) => entry({ pv: `pvc-${index % 3}` }));
    expect(obstaclesAmong(many, over).map(({ message }) => message.split(' ')[0])).toEqual(['pvc-0', 'pvc-1', 'pvc-2']);
    const more = many.map((_, index) => entry({ pv: `pvc-${index}` }));
    expect(obstaclesAmong(more, over)).toHaveLength(5);
  });
});
