import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEnvironment, startAgent, type LabAgent } from '../lab/agent.ts';
import { runCommand, type CommandResult } from '../lab/command.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, writeInfo, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, waitLimit } from '../support/agents.ts';
import { skipsOpenssl } from '../support/certificates.ts';
import { FakeKube } from '../support/fake-kube.ts';
import { TemporaryDirectory } from '../support/temporary.ts';

const MiB = 1024 * 1024;
const BLOCK = 4096;
const SIZE_XATTR = 'trusted.gfs.squota.size';
const RECORD_XATTR = 'trusted.brick-agent.quota';
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const run = promisify(execFile);

let lab: Lab;
let volume: Volume;
let client: Mount;

beforeAll(async () => {
  lab = await Lab.create({ name: 'prepare' });
  volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  client = await volume.mount();
});
afterAll(async () => lab.destroy());

async function cli(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  return await runCommand([process.execPath, MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...agentEnvironment(volume, volume.brick(0)), ...env },
  });
}

async function startBrick(): Promise<void> {
  await volume.brick(0).start();
  await client.waitConnected();
}

/** Three levels of directories, a sparse file, a hard link and a symlink. */
async function fill(pv: Pv): Promise<void> {
  await mkdir(`${pv.path}/old/deep`, { recursive: true });
  for (const [index, name] of ['a', 'old/b', 'old/deep/c'].entries()) {
    await writeFile(`${pv.path}/${name}`, Buffer.alloc((index + 1) * MiB + 1000, 1));
  }
  for (let file = 0; file < 20; file += 1) await writeFile(`${pv.path}/old/small-${file}`, 'x'.repeat(file * 100));
  await run('ln', [`${pv.path}/a`, `${pv.path}/old/hard`]);
  await run('ln', ['-s', 'a', `${pv.path}/old/soft`]);
  await run('truncate', ['-s', '3M', `${pv.path}/sparse`]);
}

/**
 * What a right counter says: allocated bytes of the regular files, each inode once and capped at its size, and 512 for each.
 * Read from `find`, which shares no code with the agent.
 */
async function trueCount(pv: Pv): Promise<number> {
  const dir = `${volume.brick(0).path}/${pv.relativePath}`;
  const { stdout } = await run('find', [dir, '-type', 'f', '-printf', '%i %b %s\n']);
  const inodes = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').map(Number)]),
  );
  return [...inodes.values()].reduce(
    (sum, [, blocks = 0, size = 0]) => sum + (Math.min(blocks, Math.ceil(size / 512)) + 1) * 512,
    0,
  );
}

async function dfUsed(pv: Pv): Promise<number> {
  const { bsize, blocks, bfree } = await statfs(pv.path);
  return (blocks - bfree) * bsize;
}

function onDisk(pv: Pv, name: string): string | undefined {
  return volume.brick(0).xattr(pv.relativePath, name)?.toString().replace('\0', '');
}

describe('prepare on a stopped brick', () => {
  let used: Pv;
  let removed: Pv;

  it('refuses a running brick and a wrong one, and writes nothing', async () => {
    used = await createPv(client, 'pvc-used', 16 * MiB);
    removed = await createPv(client, 'pvc-removed', undefined);
    await fill(used);
    const running = await cli(['prepare']);
    expect(running).toMatchObject({ code: 1, stdout: '' });
    expect(running.stderr).toMatch(/the brick process runs \(pid \d+\)/);
    // The port alone tells it as well.
    const byPort = await cli(['prepare'], { BRICK_AGENT_BRICK_PID_FILE: '/nonexistent' });
    expect(byPort.stderr).toMatch(/the brick process runs: port 127\.0\.0\.1:\d+ answers/);
    await volume.brick(0).kill('SIGTERM');
    const other = await cli(['prepare'], { VOLUME_ID: '11111111-2222-4333-8444-555555555555' });
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("this is another volume's brick");
    expect(onDisk(used, LIMIT_XATTR)).toBeUndefined();
  });

  it('writes limits and the true usage, finishes a removal, and says so', async () => {
    const root = `${volume.brick(0).path}/${removed.relativePath}`;
    setAttributeSync(root, NAMESPACE_XATTR, 'true');
    setAttributeSync(root, LIMIT_XATTR, String(2n ** 50n));
    setAttributeSync(root, RECORD_XATTR, '{"v":1,"removed":true}');
    const before = await cli(['quota', 'verify', '--offline', '-o', 'json']);
    expect(before.code).toBe(1);
    expect(JSON.parse(before.stdout)).toMatchObject({ differences: [{ pv: 'pvc-removed' }, { pv: 'pvc-used' }] });
    const { code, stdout, stderr } = await cli(['prepare', '-o', 'json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ exact: true });
    expect(onDisk(used, LIMIT_XATTR)).toBe(String(16 * MiB));
    expect(onDisk(used, SIZE_XATTR)).toBe(String(await trueCount(used)));
    expect(onDisk(removed, LIMIT_XATTR)).toBeUndefined();
    expect(onDisk(removed, RECORD_XATTR)).toBeUndefined();
    const after = await cli(['quota', 'verify', '--offline']);
    expect(after).toMatchObject({ code: 0, stdout: '1 PVs: no difference\n' });
  });

  it('makes the start exact: df, EDQUOT in old sub-directories, and what a delete gives back', async () => {
    await startBrick();
    const before = await trueCount(used);
    expect(await dfUsed(used)).toBe(Math.floor(before / BLOCK) * BLOCK);
    const { written, errno } = await writeUntilError(`${used.path}/old/deep/new`, 64 * 1024, 32 * MiB);
    expect(errno).toBe('EDQUOT');
    // To the last write that fitted.
    expect(before + written).toBeLessThanOrEqual(16 * MiB);
    expect(before + written).toBeGreaterThan(16 * MiB - 128 * 1024);
    await rm(`${used.path}/old/deep/c`);
    await rm(`${used.path}/old/deep/new`);
    expect(await dfUsed(used)).toBe(Math.floor((await trueCount(used)) / BLOCK) * BLOCK);
  });

  it('out of time: limits are on disk, the old usage is left, the PV is listed', async () => {
    await volume.brick(0).kill('SIGTERM');
    const root = `${volume.brick(0).path}/${used.relativePath}`;
    setAttributeSync(root, SIZE_XATTR, '4096\0');
    removeAttributeSync(root, LIMIT_XATTR);
    const { code, stdout } = await cli(['prepare', '--deadline', '0']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/pvc-used +NotMeasured .*the time was up/);
    expect(onDisk(used, LIMIT_XATTR)).toBe(String(16 * MiB));
    expect(onDisk(used, SIZE_XATTR)).toBe('4096');
    expect((await cli(['prepare', '--deadline', '0', '--best-effort'])).code).toBe(0);
    expect((await cli(['prepare'])).code).toBe(0);
    expect(onDisk(used, SIZE_XATTR)).toBe(String(await trueCount(used)));
  });

  it('finds a limit and a usage changed behind everybody on the stopped brick', async () => {
    const root = `${volume.brick(0).path}/${used.relativePath}`;
    setAttributeSync(root, LIMIT_XATTR, String(99 * MiB));
    const limit = await cli(['quota', 'verify', '--offline', '-o', 'json']);
    expect(limit.code).toBe(1);
    expect(JSON.parse(limit.stdout)).toMatchObject({
      differences: [{ pv: 'pvc-used', what: 'OnDisk', wanted: String(16 * MiB), found: String(99 * MiB) }],
    });
    expect((await cli(['prepare'])).code).toBe(0);
    setAttributeSync(root, SIZE_XATTR, '12345\0');
    const usage = await cli(['quota', 'verify', '--offline', '-o', 'json']);
    expect(usage.code).toBe(1);
    expect(JSON.parse(usage.stdout)).toMatchObject({ differences: [{ what: 'Usage', found: '12345' }] });
    expect((await cli(['prepare'])).code).toBe(0);
    await startBrick();
  });
});

describe('the quota file', () => {
  let agent: LabAgent;
  let file: string;
  let pv: Pv;
  /** Undefined: no certificates can be made here. */
  let kube: FakeKube | undefined;
  let secrets: TemporaryDirectory;

  beforeAll(async () => {
    secrets = new TemporaryDirectory('prepare-kube');
    kube = skipsOpenssl ? undefined : await FakeKube.start(secrets.path);
  });
  afterAll(async () => {
    await kube?.stop();
    secrets[Symbol.dispose]();
  });

  async function softLimit(): Promise<string> {
    return await conditionOf(agent, pv.name, 'BelowSoftLimit');
  }

  async function metric(name: string): Promise<string | undefined> {
    const { text } = await agent.ops('/metrics');
    return text.split('\n').find((line) => line.startsWith(name));
  }

  it('adds a limit beside a bad entry, which is refused by its line', async () => {
    pv = await createPv(client, 'pvc-file', undefined);
    file = `${volume.dir}/quotas.yaml`;
    await writeFile(file, 'quotas:\n  - {pv: pvc-file, limit: 4Mi, soft: 0.5}\n  - {pv: pvc-file-2, limit: lots}\n');
    const env = { BRICK_AGENT_QUOTA_FILE: file, BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', ...kube?.environment };
    agent = await startAgent(lab, volume, volume.brick(0), { env });
    await waitLimit(lab, [agent], pv.name, 4 * MiB);
    expect(await softLimit()).toBe('True Below');
    expect((await quotaOf(agent, pv.name))?.spec.source).toBe('File');
    const { json } = await agent.api('GET', '/v1/quotas');
    expect(JSON.stringify(json)).toContain('quotaFile line 3');
    expect((await writeUntilError(`${pv.path}/a`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
  });

  it('says that the soft limit is reached, and that it is not any more: condition, metrics, log and Event', async () => {
    await lab.waitFor('the soft limit reached', async () => (await softLimit()) === 'False Above');
    const metrics = async (): Promise<number[]> =>
      await Promise.all(
        ['gluster_quota_used_bytes', 'gluster_quota_soft_limit_bytes'].map(async (name) =>
          Number((await metric(name))?.split(' ').at(-1)),
        ),
      );
    const [used = 0, soft] = await metrics();
    expect(soft).toBe(2 * MiB);
    expect(used).toBeGreaterThan(2 * MiB);
    const warning = 'uses its soft limit or more';
    const ended = 'uses less than its soft limit again';
    const saying = async (message: string) => (await agent.logs()).filter(({ msg }) => msg === message);
    expect(await saying(warning)).toMatchObject([{ pv: pv.name }]);
    await truncate(`${pv.path}/a`, MiB);
    await lab.waitFor('less than the soft limit', async () => (await softLimit()) === 'True Below');
    expect(await saying(warning)).toHaveLength(1);
    expect(await saying(ended)).toMatchObject([{ pv: pv.name }]);
    if (kube === undefined) return;
    await lab.waitFor('both Events', () =>
      Promise.resolve(['PvAboveSoftLimit', 'PvBelowSoftLimit'].every((reason) => kube?.reasons().includes(reason))),
    );
  });

  it('changes it, and keeps the last good one when the file is broken', async () => {
    await writeFile(file, 'quotas:\n  - {pv: pvc-file, limit: 6Mi, soft: 0.5}\n');
    await waitLimit(lab, [agent], pv.name, 6 * MiB);
    await writeFile(file, 'quotas: [');
    await lab.waitFor('the complaint', async () => {
      const { json } = await agent.api('GET', '/v1/quotas');
      return JSON.stringify(json).includes('the last good one stays in force');
    });
    await waitLimit(lab, [agent], pv.name, 6 * MiB);
    expect(await metric('gluster_quota_file_valid')).toMatch(/ 0$/);
    expect(await metric('gluster_quota_soft_limit_bytes')).toMatch(new RegExp(` ${3 * MiB}$`));
  });

  it('goes back to Kadalu when the entry is taken out', async () => {
    await writeInfo(client, pv.name, 5 * MiB);
    await writeFile(file, 'quotas: []\n');
    await waitLimit(lab, [agent], pv.name, 5 * MiB);
    expect((await quotaOf(agent, pv.name))?.spec.source).toBe('Kadalu');
    expect(await metric('gluster_quota_refused_entries')).toMatch(/ 0$/);
    expect(await metric('gluster_quota_file_valid')).toMatch(/ 1$/);
  });
});
