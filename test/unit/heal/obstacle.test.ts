import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PendingEntry } from '../../../src/heal/entry.ts';
import { obstaclesAmong, obstaclesOf, type PvUse } from '../../../src/heal/obstacle.ts';

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

const over = (): PvUse => ({ usedBytes: 8n * 1024n ** 2n, limitBytes: 2n * 1024n ** 2n });

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

  it('says nothing of a PV at its limit or below, of none, and of what needs no space', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 62n }), fc.bigInt({ min: 0n, max: 1n << 62n }), (a, b) => {
        const [usedBytes, limitBytes] = a < b ? [a, b] : [b, a];
        expect(obstaclesOf(entry(), () => ({ usedBytes, limitBytes }))).toEqual([]);
      }),
    );
    expect(obstaclesOf(entry(), () => undefined)).toEqual([]);
    expect(obstaclesOf(entry({ pv: undefined }), over)).toEqual([]);
    expect(obstaclesOf(entry({ kinds: ['metadata'] }), over)).toEqual([]);
    expect(obstaclesOf(entry({ kinds: [], blames: [] }), over)).toEqual([]);
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
