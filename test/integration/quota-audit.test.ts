import { appendFile, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, NAMESPACE_XATTR } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const OFTEN = { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', BRICK_AGENT_QUOTA_AUDIT_INTERVAL_MS: '500' };

let lab: Lab;
let volume: Volume;
let client: Mount;
let agent: LabAgent;

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-audit' });
  volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  client = await volume.mount();
  agent = await startAgent(lab, volume, volume.brick(0), { env: OFTEN });
});
afterAll(async () => lab.destroy());

async function waitEnforced(pv: string, wanted: string): Promise<void> {
  await lab.waitFor(`${pv} to be ${wanted}`, async () => (await conditionOf(agent, pv, 'Enforced')) === wanted, {
    timeoutMs: 20_000,
  });
}

async function enforcedMessage(pv: string): Promise<string> {
  const quota = await quotaOf(agent, pv);
  return quota?.status.conditions.find(({ type }) => type === 'Enforced')?.message ?? '';
}

/** ISO time of the audit that the condition tells of. */
async function auditedAt(pv: string): Promise<string> {
  return /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(await enforcedMessage(pv))?.[0] ?? '';
}

describe('audit of a brick by statedump', () => {
  it('proves a new PV by what is in the memory of the brick', async () => {
    const pv = await createPv(client, 'pvc-new', 4 * MiB);
    await waitLimit(lab, [agent], pv.name, 4 * MiB);
    await mkdir(`${pv.path}/a/b`, { recursive: true });
    await writeFile(`${pv.path}/a/b/file`, 'x');
    await waitEnforced(pv.name, 'True Audited');
    await lab.waitFor('the new entries in the audit', async () =>
      (await enforcedMessage(pv.name)).includes('all 4 files'),
    );
    expect((await writeUntilError(`${pv.path}/a/b/file`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
  });

  it('counts what a directory in use had cached, and is right about it', async () => {
    const pv = await createPv(client, 'pvc-used', undefined);
    await mkdir(`${pv.path}/deep/naïve\n`, { recursive: true });
    await writeFile(`${pv.path}/deep/naïve\n/file`, 'x');
    await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(2 * MiB) });
    await waitLimit(lab, [agent], pv.name, 2 * MiB);
    await waitEnforced(pv.name, 'False PartlyEnforced');
    await lab.waitFor('counts', async () => (await enforcedMessage(pv.name)).includes('of 4 files'));
    expect(await enforcedMessage(pv.name)).toMatch(/of 4 files and directories .*, 3 are not counted/);
    await appendFile(`${pv.path}/deep/naïve\n/file`, Buffer.alloc(3 * MiB));
  });

  it('is adopted on request by the running brick, where it is the only one', async () => {
    const pv = await createPv(client, 'pvc-adopt', undefined);
    await mkdir(`${pv.path}/deep/er`, { recursive: true });
    const file = await open(`${pv.path}/deep/er/file`, 'w');
    try {
      await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(2 * MiB) });
      await waitLimit(lab, [agent], pv.name, 2 * MiB);
      const { code, stdout } = await agent.cli('quota', 'adopt', pv.name);
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('2 directories moved') });
      await waitEnforced(pv.name, 'True Audited');
      const fill = async (): Promise<void> => {
        for (let index = 0; index < 100; index += 1) await file.write(Buffer.alloc(64 * 1024));
      };
      await expect(fill()).rejects.toMatchObject({ errno: -122 });
    } finally {
      await file.close().catch(() => undefined);
    }
  });

  it('is clean after a restart of the brick, with files that were open all the time', async () => {
    const pv = await createPv(client, 'pvc-open', 2 * MiB);
    await waitLimit(lab, [agent], pv.name, 2 * MiB);
    await mkdir(`${pv.path}/dir`);
    const file = await open(`${pv.path}/dir/file`, 'w');
    try {
      await file.write(Buffer.alloc(64 * 1024));
      await volume.brick(0).kill('SIGTERM');
      await volume.brick(0).start();
      await client.waitConnected();
      // The file comes back by its bare gfid, so outside of the PV; only an audit after that can know.
      const connectedAt = new Date().toISOString();
      await lab.waitFor('an audit of the open file', async () => (await auditedAt(pv.name)) > connectedAt);
      await waitEnforced(pv.name, 'True Audited');
      await waitEnforced('pvc-used', 'True Audited');
      let written = 0;
      const fill = async (): Promise<void> => {
        while (written < 8 * MiB) written += (await file.write(Buffer.alloc(64 * 1024))).bytesWritten;
      };
      await expect(fill()).rejects.toMatchObject({ errno: -122 });
    } finally {
      await file.close().catch(() => undefined);
    }
  });

  it('finds a namespace that was made inside of a PV, names it, does not adopt it, and sees its end', async () => {
    const pv = await createPv(client, 'pvc-nest', 2 * MiB);
    await waitLimit(lab, [agent], pv.name, 2 * MiB);
    await mkdir(`${pv.path}/sub/deep`, { recursive: true });
    // Any other client is refused, also with all capabilities.
    expect(() => setAttributeSync(`${pv.path}/sub`, NAMESPACE_XATTR, 'true')).toThrow(
      expect.objectContaining({ code: 'EPERM' }),
    );
    const helper = await volume.mount({ pid: -14 });
    setAttributeSync(`${helper.path}/${pv.relativePath}/sub`, NAMESPACE_XATTR, 'true');
    await waitEnforced(pv.name, 'False NestedNamespace');
    expect(await enforcedMessage(pv.name)).toContain('a directory of the PV is a namespace of its own: "sub"');
    // That it matters:
    expect((await writeUntilError(`${pv.path}/sub/file`, 64 * 1024, 4 * MiB)).errno).toBeUndefined();
    expect((await agent.cli('quota', 'explain', pv.name)).stdout).toContain('setfattr -x trusted.glusterfs.namespace');
    expect((await agent.api('POST', `/v1/quotas/${pv.name}/adoption`)).status).toBe(409);
    const brick = volume.brick(0);
    expect(brick.xattr(`${pv.relativePath}/sub`, NAMESPACE_XATTR)).toBeDefined();
    removeAttributeSync(`${brick.path}/${pv.relativePath}/sub`, NAMESPACE_XATTR);
    await helper.unmount();
    await brick.kill('SIGTERM');
    await brick.start();
    await client.waitConnected();
    await waitEnforced(pv.name, 'True Audited');
    expect((await writeUntilError(`${pv.path}/sub/deep/file`, 64 * 1024, 4 * MiB)).errno).toBe('EDQUOT');
  });

  it('leaves no statedump behind, and none of others is touched', async () => {
    const name = 'bricks-x.1.dump.1700000000';
    await writeFile(`${volume.brick(0).runDir}/${name}`, '');
    const writtenAt = new Date().toISOString();
    await lab.waitFor('another audit', async () => {
      return (await auditedAt('pvc-open')) > writtenAt;
    });
    await agent.stop();
    expect((await readdir(volume.brick(0).runDir)).filter((file) => file.includes('dump'))).toEqual([name]);
  });
});
