import { Check } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import type { HealPeers } from '../../../src/agent/heal-peers.ts';
import { peerUsesSchema } from '../../../src/agent/http/heal-schemas.ts';
import { PvUses, type PvUsesOptions } from '../../../src/agent/pv-uses.ts';
import type { PvState } from '../../../src/quota/pv-state.ts';
import type { UsageScan } from '../../../src/quota/usage.ts';
import { pvState } from '../../support/pv-states.ts';

const MiB = 1024n ** 2n;
const VOLUME_ID = '2b9e329c-bdb8-11ee-989f-4e09040b9c74';
const config: PvUsesOptions['config'] = {
  volume: 'vol1',
  volumeId: VOLUME_ID,
  volumeType: 'Replica3',
  brickIndex: 4,
};

function scan(counter: bigint, expected: bigint): UsageScan {
  return {
    at: 1,
    diskBytes: expected,
    expectedCounter: expected,
    counterBefore: counter,
    counterAfter: counter,
    files: 1,
    directories: 1,
    durationMs: 1,
    incomplete: undefined,
    counted: true,
    brickGeneration: 1,
  };
}

function uses(states: readonly PvState[], change: Partial<PvUsesOptions> = {}): PvUses {
  return new PvUses({ config, state: (pv) => states.find((state) => state.pv === pv), peers: undefined, ...change });
}

const limited = (): PvState => pvState('pvc-1', { limit: 8n * MiB, used: 6n * MiB });

describe('PvUses', () => {
  it('answers for PVs with a limit, and leaves out others', () => {
    const answer = uses([limited(), pvState('pvc-2', {})]).answer(['pvc-1', 'pvc-2', 'pvc-3']);
    expect(answer).toEqual({
      volumeId: VOLUME_ID,
      brickIndex: 4,
      uses: [{ pv: 'pvc-1', usedBytes: String(6n * MiB), limitBytes: String(8n * MiB), excessBytes: null }],
    });
    expect(Check(peerUsesSchema, answer)).toBe(true);
  });

  it('tells by how much a scan has found the counter too high, and nothing of one that is right or too low', () => {
    const excessOf = (counter: bigint, expected: bigint) => {
      const state = limited();
      state.scan = scan(counter, expected);
      return uses([state]).answer(['pvc-1']).uses[0]?.excessBytes;
    };
    expect(excessOf(6n * MiB, 2n * MiB)).toBe(String(4n * MiB));
    expect(excessOf(6n * MiB, 6n * MiB)).toBeNull();
    expect(excessOf(2n * MiB, 6n * MiB)).toBeNull();
  });

  it('says 0 of a counter below 0, so that the others understand the answer', () => {
    const state = limited();
    if (state.live.kind !== 'result' || state.live.result.kind !== 'settled') throw new Error('not asked');
    state.live.result.statfs.free = state.live.result.statfs.blocks + 7n;
    const answer = uses([state]).answer(['pvc-1']);
    expect(answer.uses).toMatchObject([{ usedBytes: '0' }]);
    expect(Check(peerUsesSchema, answer)).toBe(true);
  });

  it('says nothing on an arbiter, whose counters mean nothing', () => {
    const arbiter = { ...config, volumeType: 'Arbiter', brickIndex: 5 } as const;
    expect(uses([limited()], { config: arbiter }).answer(['pvc-1']).uses).toEqual([]);
    expect(uses([limited()], { config: { ...arbiter, brickIndex: 4 } }).answer(['pvc-1']).uses).toHaveLength(1);
  });

  it('asks the others of its set once for each PV that waits, and gives them the names by which they are blamed', async () => {
    const asked: unknown[] = [];
    const peers: Pick<HealPeers, 'uses'> = {
      uses: async (pvs, members) => {
        asked.push([pvs, members]);
        const use = { pv: 'pvc-1', usedBytes: '3', limitBytes: '9', excessBytes: '2' };
        return await Promise.resolve(new Map([[5, [use, { ...use, pv: 'not asked for' }]]]));
      },
    };
    const { signal } = new AbortController();
    const entries = ['pvc-1', 'pvc-1', undefined, 'pvc-2'].map((pv) => ({ pv }));
    const others = await uses([], { peers }).others(entries, signal);
    expect(asked).toEqual([
      [
        ['pvc-1', 'pvc-2'],
        [3, 5],
      ],
    ]);
    expect([...others('pvc-1')]).toEqual([['vol1-client-5', { usedBytes: 3n, limitBytes: 9n, excessBytes: 2n }]]);
    expect(others('pvc-2').size + others('not asked for').size).toBe(0);
    await uses([], { peers }).others([], signal);
    expect(asked).toHaveLength(1);
    expect((await uses([]).others(entries, signal))('pvc-1').size).toBe(0);
  });
});
