import { execFile } from 'node:child_process';
import { chmod, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const run = promisify(execFile);

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-guard' });
});
afterAll(async () => lab.destroy());

/** What a container of that PV can do: an ordinary user in the PV's directory of an ordinary mount. */
async function asTenant(pv: Pv, key: string, value: string): Promise<void> {
  await run('setfattr', ['-n', key, '-v', value, '.'], { cwd: pv.path, uid: 1000, gid: 1000 });
}

async function createTenantPv(client: Mount, name: string, bytes: number): Promise<Pv> {
  const pv = await createPv(client, name, bytes);
  await chmod(pv.path, 0o777);
  return pv;
}

async function counter(agent: LabAgent, series: string): Promise<number> {
  const { text } = await agent.ops('/metrics');
  const line = text.split('\n').find((candidate) => candidate.startsWith(series));
  return Number(line?.split(' ').at(-1) ?? 'NaN');
}

/** The guard has just been at it: what a tenant does now is found by its next pass, 5 s later, and not half way through. */
async function afterPass(agent: LabAgent): Promise<void> {
  const rearms = await counter(agent, 'gluster_quota_rearms_total');
  await lab.waitFor('a pass of the guard', async () => (await counter(agent, 'gluster_quota_rearms_total')) > rearms);
}

async function refuses(pv: Pv): Promise<boolean> {
  return (await writeUntilError(`${pv.path}/probe`, 64 * 1024, MiB)).errno === 'EDQUOT';
}

/** A brick's volfile with the filter of quota messages right above simple-quota. */
function withFilter(volfile: string, volume: string): string {
  const filter = [
    `volume ${volume}-qfilter`,
    '    type features/simple-quota',
    '    option pass-through false',
    '    option use-backend true',
    `    subvolumes ${volume}-simple-quota`,
    'end-volume',
    '',
  ].join('\n');
  const above = `volume ${volume}-io-threads`;
  const [below = '', rest = ''] = volfile.split(above);
  return `${below}${filter}\n${above}${rest.replace(`subvolumes ${volume}-simple-quota`, `subvolumes ${volume}-qfilter`)}`;
}

describe('a tenant against the filter of quota messages', () => {
  it('cannot reach the real simple-quota, and what it does to the filter is undone', async () => {
    const volume = await lab.volume({ name: 'vol2', type: 'single' });
    const { volfileName } = volume.brick(0);
    await volume.configMap.swap({ [volfileName]: withFilter(await volume.configMap.text(volfileName), 'vol2') });
    await volume.start();
    const client = await volume.mount();
    const agent = await startAgent(lab, volume, volume.brick(0), {
      env: { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', BRICK_AGENT_QUOTA_GUARD_INTERVAL_MS: '1000' },
    });
    const pv = await createTenantPv(client, 'pvc-filter', 4 * MiB);
    await waitLimit(lab, [agent], pv.name, 4 * MiB);
    await lab.waitFor('the filter to be seen', async () =>
      (await agent.logs()).some(({ msg }) => String(msg).includes('runs a filter of quota messages')),
    );
    await asTenant(pv, 'glusterfs.quota.disable-check', '1');
    await asTenant(pv, 'glusterfs.quota.total-usage', '-99999999');
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    // It can only hurt itself, and not for long.
    await asTenant(pv, 'glusterfs.quota.disable-check', '0');
    await asTenant(pv, 'glusterfs.quota.total-usage', '99999999999');
    await rm(`${pv.path}/file`);
    await lab.waitFor('room again', async () => !(await refuses(pv)), { timeoutMs: 6_000 });
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    // A brick that starts with a full PV: the filter loads its size and never lowers it, until it is told.
    await lab.waitFor(
      'the size on disk',
      () => Number.parseInt(String(volume.brick(0).xattr(pv.relativePath, 'trusted.gfs.squota.size')), 10) > 3 * MiB,
    );
    await volume.brick(0).kill('SIGTERM');
    await volume.brick(0).start();
    await client.waitConnected();
    await rm(`${pv.path}/file`);
    await lab.waitFor('room again', async () => !(await refuses(pv)), { timeoutMs: 10_000 });
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    expect(await counter(agent, 'gluster_quota_tampering_total{kind="off"')).toBe(0);
  });
});

describe('a tenant against the quota of a brick', () => {
  let volume: Volume;
  let client: Mount;
  let agent: LabAgent;

  beforeAll(async () => {
    volume = await lab.volume({ name: 'vol1', type: 'single' });
    await volume.start();
    client = await volume.mount();
    agent = await startAgent(lab, volume, volume.brick(0));
  });

  it('has enforcement on again within one pass, without a word in the log of a brick that is left alone', async () => {
    const pv = await createTenantPv(client, 'pvc-off', 4 * MiB);
    const other = await createTenantPv(client, 'pvc-other', 4 * MiB);
    for (const { name } of [pv, other]) await waitLimit(lab, [agent], name, 4 * MiB);
    expect((await writeUntilError(`${other.path}/full`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    expect(await readFile(volume.brick(0).logFile, 'utf8')).not.toContain('ALLOC info');
    await afterPass(agent);
    await asTenant(pv, 'glusterfs.quota.disable-check', '1');
    // 8 MiB into 4 MiB: the trick works, for the whole brick.
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBeUndefined();
    await lab.waitFor('EDQUOT to hold again', async () => refuses(other), { timeoutMs: 6_000 });
    expect(await refuses(pv)).toBe(true);
    expect(await counter(agent, 'gluster_quota_tampering_total{kind="off"')).toBe(1);
    expect(await counter(agent, 'gluster_quota_tampering_total{kind="faked"')).toBe(0);
    expect(await counter(agent, 'gluster_quota_pv_tampering_total{pv="pvc-off",kind="off"')).toBe(1);
    expect(await counter(agent, 'gluster_quota_pv_tampering_total{pv="pvc-off",kind="faked"')).toBeNaN();
    expect((await agent.cli('quota', 'explain', 'pvc-off')).stdout).toContain('by whom cannot be known');
    expect(await counter(agent, 'gluster_quota_rearms_total')).toBeGreaterThan(0);
    const logged = (await agent.logs()).filter(({ msg }) => String(msg).startsWith('enforcement was switched off'));
    expect(logged).toMatchObject([{ pvs: expect.arrayContaining(['pvc-off']) }]);
  });

  it('finds the PV whose usage was faked, and tells the brick the truth from then on', async () => {
    const pv = await createTenantPv(client, 'pvc-fake', 4 * MiB);
    await waitLimit(lab, [agent], pv.name, 4 * MiB);
    await afterPass(agent);
    await asTenant(pv, 'glusterfs.quota.total-usage', '-99999999');
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBeUndefined();
    await lab.waitFor('EDQUOT to hold', async () => refuses(pv), { timeoutMs: 6_000 });
    expect(await counter(agent, 'gluster_quota_tampering_total{kind="faked"')).toBe(1);
    // From now on the brick adds nothing up by itself; every PV must still be limited, and released.
    const later = await createTenantPv(client, 'pvc-later', 4 * MiB);
    await waitLimit(lab, [agent], later.name, 4 * MiB);
    await writeUntilError(`${later.path}/half`, 64 * 1024, 3 * MiB);
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    expect((await writeUntilError(`${later.path}/rest`, 64 * 1024, 4 * MiB)).errno).toBe('EDQUOT');
    await rm(`${pv.path}/file`);
    await lab.waitFor('room again', async () => !(await refuses(pv)), { timeoutMs: 6_000 });
  });
});
