/** Limits on bricks that cannot read them for themselves: disperse, arbiter, the second subvolume of a distributed volume. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, LIMIT_XATTR } from '../lab/pv.ts';
import type { Volume, VolumeSpec } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { quotaOf, startPeers, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.destroy();
  lab = undefined;
});

const FAST = {
  BRICK_AGENT_PEER_INTERVAL_MS: '500',
  BRICK_AGENT_USAGE_INTERVAL_MS: '500',
  BRICK_AGENT_QUOTA_INTERVAL_MS: '500',
  BRICK_AGENT_HEAL_INTERVAL_MS: '500',
};

async function setUp(spec: VolumeSpec): Promise<{ lab: Lab; volume: Volume; agents: LabAgent[] }> {
  lab = await Lab.create({ name: 'layouts' });
  const volume = await lab.volume(spec);
  await volume.start();
  return { lab, volume, agents: await startPeers(lab, volume, FAST) };
}

describe('limits on other layouts', () => {
  it('gives each brick of a disperse volume its share, set by the API of one', async () => {
    const { lab: theLab, volume, agents } = await setUp({ name: 'ec', type: 'disperse', data: 2, redundancy: 1 });
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-ec', 32 * MiB);
    // Kadalu's file is a fragment on every brick: nobody can read it, so somebody has to say it.
    await agents[0]?.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: '16Mi' });
    await waitLimit(theLab, agents, pv.name, 8 * MiB);
    for (const brick of volume.bricks)
      expect(brick.xattr(pv.relativePath, LIMIT_XATTR)?.toString()).toMatch(/^8388608\0?$/);
    const sources = await Promise.all(agents.map(async (agent) => (await quotaOf(agent, pv.name))?.spec.source));
    expect(sources).toEqual(['Api', 'Peer', 'Peer']);
    const { errno, written } = await writeUntilError(`${pv.path}/file`, 128 * 1024, 32 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeGreaterThan(15 * MiB);
    expect(written).toBeLessThanOrEqual(16 * MiB);
    // What was there before it became a quota is counted by the repair, on each brick its fragments.
    const old = await createPv(client, 'pvc-ec-old', undefined);
    await mkdir(`${old.path}/dir`);
    await writeFile(`${old.path}/dir/file`, Buffer.alloc(12 * MiB, 1));
    await agents[0]?.api('PUT', `/v1/quotas/${old.name}`, { limitBytes: '64Mi' });
    await waitLimit(theLab, agents, old.name, 32 * MiB);
    for (const agent of agents) {
      const { code, stdout } = await agent.cli('quota', 'repair', old.name);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/Repaired|Nothing/) });
    }
    for (const brick of volume.bricks) {
      expect(brick.xattr(old.relativePath, 'trusted.gfs.squota.size')?.toString()).toBe(`${6 * MiB + 512}\0`);
    }
  });

  it("brings Kadalu's limit to an arbiter brick, whose copy of the file is empty", async () => {
    const { lab: theLab, volume, agents } = await setUp({ name: 'arb', type: 'arbiter' });
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-arbiter', 8 * MiB);
    await waitLimit(theLab, agents, pv.name, 8 * MiB);
    const sources = await Promise.all(agents.map(async (agent) => (await quotaOf(agent, pv.name))?.spec.source));
    expect(sources).toEqual(['Kadalu', 'Kadalu', 'Peer']);
    expect((await writeUntilError(`${pv.path}/file`, 128 * 1024, 16 * MiB)).errno).toBe('EDQUOT');
    const answers = await Promise.all(agents.map(async (agent) => agent.api('POST', `/v1/quotas/${pv.name}/repair`)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 501]);
  });

  it('brings a limit to the subvolume of a distributed volume that does not have the file', async () => {
    const { lab: theLab, volume, agents } = await setUp({ name: 'dist', type: 'replica', bricks: 3, sets: 2 });
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-distributed', 8 * MiB);
    await waitLimit(theLab, agents, pv.name, 8 * MiB);
    const sources = await Promise.all(agents.map(async (agent) => (await quotaOf(agent, pv.name))?.spec.source));
    // Files land on both subvolumes by their names. Each alone would let 8 MiB pass; told of one another they stop at 8 MiB
    // together, and at what is written while the word goes round.
    let written = 0;
    let errno: string | undefined;
    for (let file = 0; file < 64 && errno === undefined; file += 1) {
      const result = await writeUntilError(`${pv.path}/file-${file}`, 64 * 1024, 256 * 1024);
      written += result.written;
      errno = result.errno;
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    expect(errno).toBe('EDQUOT');
    expect(written).toBeGreaterThan(7 * MiB);
    expect(written).toBeLessThan(12 * MiB);
    const expected = ['Kadalu', 'Kadalu', 'Kadalu', 'Peer', 'Peer', 'Peer'];
    expect(sources.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(expected);
  });
});

describe('a distributed volume of which a subvolume is silent', () => {
  it('says so, and goes on limiting what is written on the others', async () => {
    const { lab: theLab, volume, agents } = await setUp({ name: 'silent', type: 'single', sets: 2 });
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-silent', 8 * MiB);
    await waitLimit(theLab, agents, pv.name, 8 * MiB);
    const [first, second] = agents;
    if (first === undefined || second === undefined) throw new Error('no agents');
    const stateIs = async (agent: LabAgent, wanted: string): Promise<void> => {
      await theLab.waitFor(
        `usage of the volume ${wanted}`,
        async () => (await quotaOf(agent, pv.name))?.status.volumeUsage?.state === wanted,
        { timeoutMs: 30_000 },
      );
    };
    await stateIs(first, 'Sum');
    await stateIs(second, 'Sum');
    const good = await first.cli('quota', 'get', pv.name);
    expect(good).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume .*Sum: the sum of all subvolumes/) });

    // Its last word counts.
    await fill(1, 2 * MiB);
    await theLab.waitFor('the word of the other', async () => Number(await volumeBytes(first)) > 2 * MiB);
    await second.stop();
    await stateIs(first, 'Stale');
    expect(Number(await volumeBytes(first))).toBeGreaterThan(2 * MiB);
    const list = await first.cli('quota', 'list');
    expect(list).toMatchObject({ code: 1, stdout: expect.stringContaining('VolumeUsageStale') });
    const address = second.variable('BRICK_AGENT_API_LISTEN') ?? '';
    const stale = await first.cli('quota', 'explain', pv.name);
    expect(stale.stdout).toMatch(new RegExp(`subvolume 1: 2(\\.\\d)? MiB, by the agent at ${address} \\d+ s ago`));
    expect(stale.stdout).toContain(`the agent at ${address} (subvolume 1) does not answer: `);

    // An agent that starts now has never heard it; the brick was told before, and does not add up by itself any more.
    await first.stop();
    const next = await startAgent(theLab, volume, volume.brick(0), {
      env: {
        ...FAST,
        BRICK_AGENT_API_TOKEN_FILE: first.variable('BRICK_AGENT_API_TOKEN_FILE'),
        BRICK_AGENT_PEERS: first.variable('BRICK_AGENT_PEERS'),
      },
    });
    await stateIs(next, 'Incomplete');
    const explained = await next.cli('quota', 'explain', pv.name);
    expect(explained.code).toBe(1);
    expect(explained.stdout).toContain('subvolume 1 has never told');
    expect(explained.stdout).toContain(`the agent at ${address} has never answered: `);
    expect((await next.cli('quota', 'verify')).stdout).toMatch(/pvc-silent +Volume/);
    const { text } = await next.ops('/metrics');
    expect(text).toMatch(/^gluster_quota_volume_usage_pvs\{.*state="Incomplete".*\} 1$/m);
    await new Promise((resolve) => {
      // Six rounds: so long it waits for the other's word.
      setTimeout(resolve, 3_500);
    });
    const { written, errno } = await fill(0, 16 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeLessThan(12 * MiB);

    /** Writes into files that land on that subvolume, slowly enough for the word to go round. */
    async function fill(subvolume: number, bytes: number): Promise<{ written: number; errno: string | undefined }> {
      const brick = volume.brick(subvolume);
      let written = 0;
      for (let file = 0; written < bytes && file < 400; file += 1) {
        const name = `${subvolume}-${file}`;
        try {
          await writeFile(`${pv.path}/${name}`, '');
        } catch {
          return { written, errno: 'EDQUOT' };
        }
        if (!existsSync(`${brick.path}/${pv.relativePath}/${name}`)) continue;
        const result = await writeUntilError(`${pv.path}/${name}`, 64 * 1024, 256 * 1024);
        written += result.written;
        if (result.errno !== undefined) return { written, errno: result.errno };
        await new Promise((resolve) => {
          setTimeout(resolve, 100);
        });
      }
      return { written, errno: undefined };
    }

    async function volumeBytes(agent: LabAgent): Promise<string | null | undefined> {
      return (await quotaOf(agent, pv.name))?.status.volumeUsage?.usedBytes;
    }
  });
});
