import { appendFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIZE_XATTR } from '../../src/brick/quota-xattrs.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { pendingOn } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, writeInfo } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
/** In place of 30 s, so that the tests need not wait for it. */
const VERIFY_OFTEN = { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '2000' };

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  agents = await Promise.all(volume.bricks.map(async (brick) => startAgent(lab, volume, brick, { env: VERIFY_OFTEN })));
});
afterAll(async () => lab.destroy());

function agentOf(brick: number): LabAgent {
  const agent = agents[brick];
  if (agent === undefined) throw new Error(`no agent ${brick}`);
  return agent;
}

async function setLimit(pv: string, limitBytes: number): Promise<void> {
  for (const agent of agents) {
    const { status } = await agent.api('PUT', `/v1/quotas/${pv}`, { limitBytes: String(limitBytes) });
    expect([200, 201]).toContain(status);
  }
}

/** Of all files in it, as `du` counts them. */
async function diskBytes(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(names.map(async (name) => (await stat(`${directory}/${name}`)).blocks * 512));
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('quota on a replica-3 volume', () => {
  it("brings Kadalu's limit to every brick, on disk and live, and stops a writer there", async () => {
    const pv = await createPv(client, 'pvc-kadalu', 10 * MiB);
    await waitLimit(lab, agents, pv.name, 10 * MiB);
    for (const brick of volume.bricks) {
      expect(brick.xattr(pv.relativePath, LIMIT_XATTR)?.toString()).toMatch(/^10485760\0?$/);
      expect(brick.xattr(pv.relativePath, NAMESPACE_XATTR)).toBeDefined();
    }
    // An audit may have come first.
    for (const agent of agents)
      expect(await conditionOf(agent, pv.name, 'Enforced')).toMatch(/^True (NamespaceSetEmpty|Audited)$/);
    expect((await quotaOf(agentOf(0), pv.name))?.status.refusedWrites.lastAt).toBeNull();
    const begun = Date.now();
    const { written, errno } = await writeUntilError(`${pv.path}/file`, 64 * 1024, 20 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeLessThanOrEqual(10 * MiB);
    expect(written).toBeGreaterThan(9 * MiB);
    for (const agent of agents) {
      await lab.waitFor('the refused write in the API, from the log of that brick', async () => {
        const { lastAt = null, since = null } = (await quotaOf(agent, pv.name))?.status.refusedWrites ?? {};
        return lastAt !== null && Date.parse(lastAt) >= begun && since !== null && since <= lastAt;
      });
    }
    expect((await agentOf(0).cli('quota', 'explain', pv.name)).stdout).toContain(
      'A write was refused for want of quota last at 20',
    );
    await lab.waitFor(
      'usage in the API',
      async () => {
        const quota = await quotaOf(agentOf(0), pv.name);
        return Number(quota?.status.usedBytes) > 9 * MiB;
      },
      { timeoutMs: 40_000 },
    );
  });

  it('lets the writer go on after a resize through the API, and keeps it above a resize by Kadalu', async () => {
    const pv = await createPv(client, 'pvc-resize', 4 * MiB);
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    expect((await writeUntilError(`${pv.path}/a`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    await setLimit(pv.name, 12 * MiB);
    expect((await writeUntilError(`${pv.path}/b`, 64 * 1024, 6 * MiB)).errno).toBeUndefined();
    await writeInfo(client, pv.name, 5 * MiB);
    await lab.waitFor('Kadalu seen', async () => (await quotaOf(agentOf(0), pv.name))?.spec.source === 'Api');
    await waitLimit(lab, agents, pv.name, 12 * MiB);
    for (const agent of agents) expect((await agent.api('DELETE', `/v1/quotas/${pv.name}`)).status).toBe(200);
    await waitLimit(lab, agents, pv.name, 5 * MiB);
    expect((await writeUntilError(`${pv.path}/c`, 64 * 1024, 6 * MiB)).errno).toBe('EDQUOT');
  });

  it('has limits and usage in force again after every brick was restarted, without a word from anybody', async () => {
    const pv = await createPv(client, 'pvc-restart', 6 * MiB);
    await waitLimit(lab, agents, pv.name, 6 * MiB);
    await writeFile(`${pv.path}/before`, Buffer.alloc(2 * MiB, 1));
    for (const brick of volume.bricks) {
      const written = (): boolean =>
        Number.parseInt(brick.xattr(pv.relativePath, SIZE_XATTR)?.toString() ?? '0') > 2 * MiB;
      await lab.waitFor('the usage on the disk', written);
    }
    for (const brick of volume.bricks) {
      await brick.kill('SIGTERM');
      await brick.start();
      await client.waitConnected();
      await lab.waitFor('no pending heals', async () => (await pendingOn(brick)) === 0);
    }
    await waitLimit(lab, agents, pv.name, 6 * MiB);
    const { written, errno } = await writeUntilError(`${pv.path}/file`, 64 * 1024, 12 * MiB);
    expect(errno).toBe('EDQUOT');
    // A brick that began to count at 0 again would take the 2 MiB of before once more.
    expect(written).toBeLessThanOrEqual(4 * MiB);
    expect(written).toBeGreaterThan(3 * MiB);
  });

  it('says Unknown while the brick is down, and brings a resize made meanwhile into force when it returns', async () => {
    const pv = await createPv(client, 'pvc-down', 4 * MiB);
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    const brick = volume.brick(2);
    const agent = agentOf(2);
    await brick.kill('SIGKILL');
    await lab.waitFor(
      'Live is Unknown',
      async () => (await conditionOf(agent, pv.name, 'Live')) === 'Unknown BrickDown',
    );
    expect((await agent.ops('/readyz')).status).toBe(503);
    expect((await agent.ops('/livez')).status).toBe(200);
    await setLimit(pv.name, 9 * MiB);
    expect(brick.xattr(pv.relativePath, LIMIT_XATTR)?.toString()).toBe(String(9 * MiB));
    await brick.start();
    await client.waitConnected();
    await waitLimit(lab, agents, pv.name, 9 * MiB);
    expect((await agent.ops('/readyz')).status).toBe(200);
  });

  it('calls a limit on a directory in use partly enforced, never enforced', async () => {
    const pv = await createPv(client, 'pvc-used', undefined);
    await mkdir(`${pv.path}/deep/deeper`, { recursive: true });
    await writeFile(`${pv.path}/deep/deeper/file`, Buffer.alloc(MiB));
    await setLimit(pv.name, 3 * MiB);
    await waitLimit(lab, agents, pv.name, 3 * MiB);
    for (const agent of agents) expect(await conditionOf(agent, pv.name, 'Enforced')).toBe('False PartlyEnforced');
    // What the condition says is true: below the root nothing is limited.
    await appendFile(`${pv.path}/deep/deeper/file`, Buffer.alloc(5 * MiB));
    expect((await stat(`${pv.path}/deep/deeper/file`)).size).toBe(6 * MiB);
  });

  it('lifts a removed limit at once, says RemovalPending, and forgets it with the brick process', async () => {
    const pv = await createPv(client, 'pvc-remove', undefined);
    await setLimit(pv.name, 2 * MiB);
    expect((await writeUntilError(`${pv.path}/a`, 64 * 1024, 4 * MiB)).errno).toBe('EDQUOT');
    for (const agent of agents) {
      await agent.api('DELETE', `/v1/quotas/${pv.name}`);
      expect(await conditionOf(agent, pv.name, 'Live')).toBe('False RemovalPending');
    }
    expect((await writeUntilError(`${pv.path}/b`, 64 * 1024, 4 * MiB)).errno).toBeUndefined();
    for (const brick of volume.bricks) expect(brick.xattr(pv.relativePath, LIMIT_XATTR)).toBeUndefined();
    await volume.brick(0).kill('SIGTERM');
    await volume.brick(0).start();
    await client.waitConnected();
    await lab.waitFor('forgotten', async () => (await conditionOf(agentOf(0), pv.name, 'Live')) === 'True NoLimit');
    expect(volume.brick(0).xattr(pv.relativePath, 'trusted.brick-agent.quota')).toBeUndefined();
  });

  it('adopts what a client has set, and notices when it is changed behind its back', async () => {
    const pv = await createPv(client, 'pvc-adopt', undefined);
    const helper = await volume.mount({ pid: -14 });
    setAttributeSync(`${helper.path}/${pv.relativePath}`, NAMESPACE_XATTR, 'true');
    setAttributeSync(`${helper.path}/${pv.relativePath}`, LIMIT_XATTR, String(7 * MiB));
    await waitLimit(lab, agents, pv.name, 7 * MiB);
    for (const agent of agents) expect((await quotaOf(agent, pv.name))?.spec.source).toBe('Disk');
    setAttributeSync(`${helper.path}/${pv.relativePath}`, LIMIT_XATTR, String(8 * MiB));
    await waitLimit(lab, agents, pv.name, 8 * MiB);
    await helper.unmount();
  });

  it('refuses bad info files one by one and forgets a deleted PV', async () => {
    const pv = await createPv(client, 'pvc-delete', 3 * MiB);
    await waitLimit(lab, agents, pv.name, 3 * MiB);
    await writeFile(`${client.path}/${pv.infoPath.replace('pvc-delete', 'pvc-bad')}`, 'not json');
    await lab.waitFor('the refusal', async () => {
      const { json } = await agentOf(1).api('GET', '/v1/quotas');
      return JSON.stringify(json).includes('pvc-bad.json');
    });
    await rm(pv.path, { recursive: true });
    await rm(`${client.path}/${pv.infoPath}`);
    for (const agent of agents) {
      await lab.waitFor('the PV to be forgotten', async () => (await quotaOf(agent, pv.name)) === undefined);
      expect((await agent.api('GET', `/v1/quotas/${pv.name}`)).status).toBe(404);
    }
  });

  it('keeps the limit of a PV that is archived under another name, and forgets the old one', async () => {
    const pv = await createPv(client, 'pvc-done', 4 * MiB);
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    await writeFile(`${pv.path}/kept`, Buffer.alloc(MiB, 1));
    const archived = `archived-${pv.name}`;
    const record = `${client.path}/${pv.infoPath}`;
    await rename(pv.path, pv.path.replace(/[^/]+$/, archived));
    await rename(record, record.replace(/[^/]+$/, `${archived}.json`));
    await waitLimit(lab, agents, archived, 4 * MiB);
    for (const agent of agents) {
      await lab.waitFor('the old name to be forgotten', async () => (await quotaOf(agent, pv.name)) === undefined);
      expect((await quotaOf(agent, archived))?.spec.source).toBe('Kadalu');
    }
    // It is a quota still, with what it holds.
    const { written, errno } = await writeUntilError(pv.path.replace(/[^/]+$/, `${archived}/more`), 64 * 1024, 8 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeLessThanOrEqual(3 * MiB);
  });

  it('stops eight writers at once, and tells how far beyond the limit they came', async () => {
    const limit = 24 * MiB;
    const pv = await createPv(client, 'pvc-eight', limit);
    await waitLimit(lab, agents, pv.name, limit);
    const writers = Array.from({ length: 8 }, async (_, n) =>
      writeUntilError(`${pv.path}/writer-${n}`, 128 * 1024, limit),
    );
    const results = await Promise.all(writers);
    expect(new Set(results.map(({ errno }) => errno))).toEqual(new Set(['EDQUOT']));
    const onDisk = volume.bricks.map((brick) => diskBytes(`${brick.path}/${pv.relativePath}`));
    const overshoot = Math.max(...(await Promise.all(onDisk))) - limit;
    console.log(`eight writers, a limit of ${limit / MiB} MiB: ${overshoot} bytes beyond it on the fullest brick`);
    // What each of them had under way when the limit was met.
    expect(overshoot).toBeLessThanOrEqual(8 * 128 * 1024);
    // What one brick has taken and another refused is healed by nobody before there is room.
    await rm(pv.path, { recursive: true });
  });

  it('finds everything again after it was killed', async () => {
    const pv = await createPv(client, 'pvc-kill', 3 * MiB);
    await setLimit(pv.name, 5 * MiB);
    const [first] = agents;
    await first?.kill();
    agents[0] = await startAgent(lab, volume, volume.brick(0), { env: VERIFY_OFTEN });
    await waitLimit(lab, agents, pv.name, 5 * MiB);
    expect((await quotaOf(agents[0], pv.name))?.spec.source).toBe('Api');
  });
});
