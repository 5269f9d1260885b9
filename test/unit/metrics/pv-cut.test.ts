import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { quotaCollector } from '../../../src/metrics/collectors/quota.ts';
import { countConditions, mostInteresting } from '../../../src/metrics/pv-cut.ts';
import { MetricsRegistry } from '../../../src/metrics/registry.ts';
import type { PvState } from '../../../src/quota/pv-state.ts';
import { pvState } from '../../support/metric-sources.ts';
import { samplesOf } from '../../support/samples.ts';
import { rendered } from '../../support/scrape.ts';

const MiB = 1n << 20n;

function pv(name: string, usedMiB: bigint, verdict: 'True' | 'False' | 'Unknown' = 'True'): PvState {
  const state = pvState(name, 100n * MiB, true);
  state.conditions = state.conditions.map((condition) => ({ ...condition, status: verdict }));
  if (state.live.kind === 'result' && state.live.result.kind === 'settled') {
    state.live.result.statfs = { blockSize: 4096n, blocks: 25_600n, free: 25_600n - usedMiB * 256n, simpleQuota: true };
  }
  return state;
}

const names = (states: readonly PvState[]): string[] => states.map((state) => state.pv);

describe('the cut', () => {
  const states = [pv('small', 1n), pv('full', 90n), pv('wrong', 2n, 'False'), pv('b', 5n), pv('a', 5n)];

  it('takes what does not hold, then what uses most, then by name', () => {
    expect(names(mostInteresting(states, 1))).toEqual(['wrong']);
    expect(names(mostInteresting(states, 4))).toEqual(['wrong', 'full', 'a', 'b']);
    expect(names(mostInteresting(states.toReversed(), 4))).toEqual(['wrong', 'full', 'a', 'b']);
  });

  it.each([0, 5, 6])('of %d leaves all as they are', (max) => {
    expect(mostInteresting(states, max)).toBe(states);
  });

  it('shows in the scrape, which counts all PVs still', async () => {
    const collector = quotaCollector({ hasSynced: true, refusals: [], states: () => states }, { maxPvs: 2 });
    const samples = samplesOf(await rendered(new MetricsRegistry([collector], {}, silentLog)));
    const used = [...samples.keys()].filter((series) => series.startsWith('gluster_quota_used_bytes'));
    expect(used).toEqual(['gluster_quota_used_bytes{pv="wrong"}', 'gluster_quota_used_bytes{pv="full"}']);
    expect(samples.get('gluster_quota_pvs')).toBe(5);
    expect(samples.get('gluster_quota_pvs_left_out')).toBe(3);
    expect(samples.get('gluster_quota_condition_pvs{condition="Live",status="True"}')).toBe(4);
    expect(samples.get('gluster_quota_condition_pvs{condition="Live",status="False"}')).toBe(1);
    expect(samples.get('gluster_quota_condition_pvs{condition="Live",status="Unknown"}')).toBe(0);
  });
});

describe('countConditions', () => {
  it('counts PVs with a limit only', () => {
    const states = [pv('a', 1n, 'Unknown'), pvState('without', undefined, true)];
    const { pvs, conditions } = countConditions(states);
    expect(pvs).toBe(states.length);
    expect(conditions.get('Live')).toEqual({ True: 0, False: 0, Unknown: 1 });
    expect(countConditions([])).toEqual({ pvs: 0, conditions: new Map() });
  });
});
