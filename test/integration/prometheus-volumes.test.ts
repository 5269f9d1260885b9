/** What the rules record of a volume is true of it, whatever its bricks hold: copies, copies without data, fragments, or other files. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { createPv } from '../lab/pv.ts';
import type { VolumeSpec } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { startPeers, waitLimit } from '../support/agents.ts';
import { Prometheus } from '../support/prometheus.ts';
import { skipsPromtool } from '../support/promtool.ts';

const MiB = 1024 * 1024;
const LIMIT_BYTES = 16 * MiB;
const WRITTEN_BYTES = 8 * MiB;
const RECORDED_MS = 60_000;
const RULES = readFileSync(resolve(import.meta.dirname, '../../deploy/prometheus/rules.yaml'), 'utf8');

interface Case {
  spec: VolumeSpec;
  env: Record<string, string>;
  /** Data fragments of a file, or 1. */
  data: number;
  /** Bricks of which each holds something else: what the volume is as large as. */
  sizes: number;
}

const CASES: Case[] = [
  { spec: { name: 'arb', type: 'arbiter' }, env: {}, data: 1, sizes: 1 },
  {
    spec: { name: 'ec', type: 'disperse', data: 2, redundancy: 1 },
    env: { BRICK_AGENT_DISPERSE_REDUNDANCY: '1' },
    data: 2,
    sizes: 2,
  },
  { spec: { name: 'dist', type: 'replica', bricks: 2, sets: 2 }, env: {}, data: 1, sizes: 2 },
];

const FAST = {
  BRICK_AGENT_PEER_INTERVAL_MS: '500',
  BRICK_AGENT_USAGE_INTERVAL_MS: '500',
  BRICK_AGENT_QUOTA_INTERVAL_MS: '500',
  BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000',
};

let lab: Lab | undefined;

afterEach(async () => {
  await lab?.destroy();
  lab = undefined;
});

describe.skipIf(skipsPromtool).each(CASES)('of the volume $spec.name', ({ spec, env, data, sizes }) => {
  it('size, limits and usage are those that clients see', async () => {
    const theLab = (lab = await Lab.create({ name: `recorded-${spec.name}` }));
    const volume = await theLab.volume(spec);
    await volume.start();
    const client = await volume.mount();
    const agents = await startPeers(theLab, volume, { ...FAST, ...env });
    const prometheus = await Prometheus.start(theLab, agents, RULES);
    const pv = await createPv(client, 'pvc-1', undefined);
    // Kadalu's record is a fragment or empty on some bricks: somebody has to say it.
    await agents[0]?.api('PUT', '/v1/quotas/pvc-1', { limitBytes: String(LIMIT_BYTES) });
    await waitLimit(theLab, agents, 'pvc-1', LIMIT_BYTES / data);
    expect(await writeUntilError(`${pv.path}/file`, 128 * 1024, WRITTEN_BYTES)).toEqual({
      written: WRITTEN_BYTES,
      errno: undefined,
    });
    for (const agent of agents) await agent.api('POST', '/v1/quotas/pvc-1/scan');

    const recorded = async (expression: string): Promise<number> => {
      const samples = await prometheus.query(expression);
      if (samples.length > 1) throw new Error(`${expression}: ${JSON.stringify(samples)}`);
      return Number(samples[0]?.value[1] ?? Number.NaN);
    };
    const isNear = async (name: string, wanted: number): Promise<void> => {
      let found = Number.NaN;
      const look = async (): Promise<boolean> => {
        found = await recorded(`${name}{volume="${spec.name}"}`);
        return found > 0.95 * wanted && found < 1.05 * wanted;
      };
      await theLab.waitFor(name, look, { timeoutMs: RECORDED_MS }).catch(() => undefined);
      expect({ name, found: Math.round((20 * found) / wanted) }).toEqual({ name, found: 20 });
    };

    await isNear('volume:gluster_brick_up:ratio', 1);
    await isNear('volume_pv:gluster_quota_limit_bytes:max', LIMIT_BYTES);
    await isNear('volume_pv:gluster_quota_limit_bytes:min', LIMIT_BYTES);
    await isNear('volume_pv:gluster_quota_used:ratio_max', WRITTEN_BYTES / LIMIT_BYTES);
    await isNear('volume_pv:gluster_quota_scanned_bytes:sum', WRITTEN_BYTES);
    // All bricks of the lab are on one disk.
    const disk = await recorded('max(gluster_brick_capacity_bytes)');
    await isNear('volume:gluster_brick_capacity_bytes:sum', sizes * disk);
    // Nothing of it is said of a brick that fits no other, and nobody is called.
    expect(
      await prometheus.query('count by (volume) (gluster_brick_data_bricks) != count by (volume) (gluster_brick_up)'),
    ).toEqual([]);
    expect(await prometheus.firing()).toEqual([]);
  });
});
