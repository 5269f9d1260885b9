import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { gfidFromBytes } from '../../src/lib/gfid.ts';
import { shownLimit, shownUsage } from '../../src/quota/live-limit.ts';
import { BrickClient } from '../../src/rpc/brick-client.ts';
import { PID } from '../../src/rpc/credential.ts';
import { Check } from 'typebox/value';
import { healEntriesSchema, quotaViewSchema } from '../../src/agent/http/schemas.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const OFTEN = { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', BRICK_AGENT_HEAL_INTERVAL_MS: '500' };

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-repair' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  agents = await Promise.all(volume.bricks.map(async (brick) => startAgent(lab, volume, brick, { env: OFTEN })));
});
afterAll(async () => lab.destroy());

function first(): LabAgent {
  const [agent] = agents;
  if (agent === undefined) throw new Error('no agent');
  return agent;
}

/** What every counter of the PV should be, by the names in it: blocks up to the size, and 512 bytes a file. */
async function truth(pv: Pv): Promise<number> {
  const { stdout } = await promisify(execFile)('find', [pv.path, '-type', 'f', '-printf', '%b %s %i\n']);
  const seen = new Set<string>();
  let bytes = 0;
  for (const line of stdout.trim().split('\n')) {
    const [blocks = '0', size = '0', inode = ''] = line.split(' ');
    if (line !== '' && !seen.has(inode)) bytes += (Math.min(Number(blocks), Math.ceil(Number(size) / 512)) + 1) * 512;
    seen.add(inode);
  }
  return bytes;
}

function counters(pv: Pv): number[] {
  return volume.bricks.map((brick) =>
    Number(brick.xattr(pv.relativePath, 'trusted.gfs.squota.size')?.toString().replace('\0', '')),
  );
}

async function repairAll(pv: Pv): Promise<string[]> {
  const outcomes: string[] = [];
  for (const agent of agents) {
    const { code, stdout } = await agent.cli('quota', 'repair', pv.name, '-o', 'json');
    const view: unknown = JSON.parse(stdout);
    outcomes.push(`${code} ${Check(quotaViewSchema, view) ? view.status.repair?.state : 'no view'}`);
  }
  return outcomes;
}

describe('a limit that is higher on one brick than on the others', () => {
  it('makes writes fail that this brick has taken: each copy is left dirty, nobody is blamed, and heal ends it where there is room', async () => {
    const pv = await createPv(client, 'pvc-uneven', undefined);
    const limits = [4 * MiB, 4 * MiB, 64 * MiB];
    for (const [index, agent] of agents.entries())
      await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(limits[index]) });
    for (const [index, agent] of agents.entries()) await waitLimit(lab, [agent], pv.name, limits[index] ?? 0);
    const file = `${pv.path}/file`;
    const piece = Buffer.alloc(MiB, 1);
    await expect(writeFile(file, Buffer.concat(Array.from({ length: 8 }, () => piece)))).rejects.toMatchObject({
      errno: -122,
    });
    const sizes = await Promise.all(
      volume.bricks.map(async ({ path }) => (await stat(`${path}/${pv.relativePath}/file`)).size),
    );
    expect(sizes[2]).toBeGreaterThan(sizes[0] ?? 0);
    for (const brick of volume.bricks) {
      const dirty = brick.xattr(`${pv.relativePath}/file`, 'trusted.afr.dirty');
      expect(dirty?.readUInt32BE(0)).toBeGreaterThan(0);
    }
    expect(await pendingHeals(volume)).toBe(0);
    const { json } = await first().api('GET', '/v1/heal/entries?index=dirty');
    if (!Check(healEntriesSchema, json)) throw new Error(`not a page: ${JSON.stringify(json)}`);
    expect(json.items).toMatchObject([{ state: 'Dirty', pv: pv.name, blames: [], kinds: [] }]);
    // The daemon takes the largest copy for the good one, and the others refuse what is missing until they have room.
    expect((await first().api('POST', '/v1/heal', { kind: 'index' })).status).toBe(202);
    expect(await brickDifferences(volume)).not.toEqual([]);
    for (const agent of agents) await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(64 * MiB) });
    await waitLimit(lab, agents, pv.name, 64 * MiB);
    await first().api('POST', '/v1/heal', { kind: 'index' });
    await lab.waitFor('the heal', async () => (await brickDifferences(volume)).length === 0);
  });
});

describe('counters of running bricks', () => {
  it('are lowered to the byte after a file was written while it was deleted, without being asked for', async () => {
    const pv = await createPv(client, 'pvc-deleted', 40 * MiB);
    await waitLimit(lab, agents, pv.name, 40 * MiB);
    await writeFile(`${pv.path}/kept`, Buffer.alloc(3 * MiB, 1));
    const file = await open(`${pv.path}/open`, 'w');
    await rm(`${pv.path}/open`);
    await file.write(Buffer.alloc(30 * MiB, 1));
    for (const agent of agents) expect((await agent.api('POST', `/v1/quotas/${pv.name}/scan`)).status).toBe(202);
    for (const agent of agents) {
      await lab.waitFor(
        'the repair to wait',
        async () => (await quotaOf(agent, pv.name))?.status.repair?.reason === 'OpenDeletedFiles',
        { timeoutMs: 60_000 },
      );
    }
    await file.close();
    for (const agent of agents) expect((await agent.api('POST', `/v1/quotas/${pv.name}/scan`)).status).toBe(202);
    for (const agent of agents) {
      await lab.waitFor(
        'the repair',
        async () => (await quotaOf(agent, pv.name))?.status.repair?.state === 'Repaired',
        { timeoutMs: 90_000 },
      );
      await lab.waitFor(
        'the counter to be true',
        async () => (await conditionOf(agent, pv.name, 'UsageTrue')) === 'True AsMeasured',
      );
    }
    const right = await truth(pv);
    expect(counters(pv)).toEqual([right, right, right]);
    const { written, errno } = await writeUntilError(`${pv.path}/more`, 64 * 1024, 60 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeGreaterThan(36 * MiB);
    const { text } = await first().ops('/metrics');
    expect(text).toMatch(/^gluster_quota_repairs_total\{direction="lowered",.*\} 1$/m);
    expect(text).toMatch(/^gluster_quota_repaired_bytes_total\{direction="lowered",.*\} 3\d{7}$/m);
    const line = (await first().logs()).find(({ msg }) => String(msg).includes('counter was set right'));
    expect(line).toMatchObject({ pv: pv.name, audit: true });
  });

  it('are lowered in a full PV, too, which takes no new file', async () => {
    const pv = await createPv(client, 'pvc-full', 20 * MiB);
    await waitLimit(lab, agents, pv.name, 20 * MiB);
    await writeFile(`${pv.path}/disk`, Buffer.alloc(6 * MiB, 1));
    for (const agent of agents) await agent.api('POST', `/v1/quotas/${pv.name}/scan`);
    // What comes after the first scan is looked at when somebody asks.
    for (const agent of agents) {
      await lab.waitFor('the first scan', async () => {
        const quota = await quotaOf(agent, pv.name);
        return quota?.status.usage.driftBytes === '0' && quota.status.repair?.requested !== true;
      });
    }
    // Each counts the whole file once more.
    for (let times = 0; times < 3; times += 1) {
      await promisify(execFile)('fallocate', ['-l', String(6 * MiB), `${pv.path}/disk`]).catch(() => undefined);
    }
    await expect(writeFile(`${pv.path}/another`, Buffer.alloc(4 * MiB))).rejects.toMatchObject({ errno: -122 });
    for (const outcome of await repairAll(pv)) expect(outcome).toMatch(/^0 (Repaired|Nothing)$/);
    const right = await truth(pv);
    expect(counters(pv)).toEqual([right, right, right]);
    await writeFile(`${pv.path}/another`, Buffer.alloc(4 * MiB));
    expect(await repairAll(pv)).toEqual(['0 Nothing', '0 Nothing', '0 Nothing']);
    const { stdout } = await first().cli('quota', 'explain', pv.name);
    expect(stdout).toContain('Nothing (AsMeasured)');
  });

  it('are raised in a brick that forgot them, since a client came before its agent', async () => {
    const pv = await createPv(client, 'pvc-forgotten', 20 * MiB);
    await waitLimit(lab, agents, pv.name, 20 * MiB);
    await writeFile(`${pv.path}/disk`, Buffer.alloc(6 * MiB, 1));
    const right = await truth(pv);
    await lab.waitFor('the usage on the disk', () => counters(pv).every((bytes) => bytes === right));
    const brick = volume.brick(0);
    await first().stop();
    await brick.kill('SIGTERM');
    await brick.start();
    // As a client does that knows the PV's parent from before: by its gfid, which a new brick process has not met yet.
    const { port, path: brickName } = brick;
    const early = new BrickClient({ host: '127.0.0.1', port, brickName, clock: systemClock, log: silentLog });
    try {
      await lab.waitFor('a connection', () => early.isUp);
      const parent = gfidFromBytes(brick.xattr(dirname(pv.relativePath), 'trusted.gfid') ?? Buffer.alloc(0));
      const found = await early.lookup(parent, pv.name, { pid: process.pid });
      if (found === undefined) throw new Error('the PV was not found');
      // Not even its namespace: the limit that the agent sets afterwards begins at 0, and the disk goes on saying what it said.
      expect(shownLimit(await early.statfs(found.iatt.gfid, { pid: PID.quotaHelper }))).toBeUndefined();
      expect(counters(pv)[0]).toBe(right);
      agents[0] = await startAgent(lab, volume, brick, { env: OFTEN });
      await lab.waitFor(
        'the repair',
        async () => {
          const shown = await early.statfs(found.iatt.gfid, { pid: PID.quotaHelper });
          return Number(shownUsage(shown) ?? 0) === right - (right % Number(shown.blockSize));
        },
        { timeoutMs: 60_000 },
      );
    } finally {
      await early.stop();
    }
    const audit = (await first().logs()).find(({ msg }) => String(msg).includes('was set right: raised by 6.0 MiB'));
    expect(audit).toMatchObject({ pv: pv.name, audit: true });
    await lab.waitFor(
      'the counter to be true',
      async () => (await conditionOf(first(), pv.name, 'UsageTrue')) === 'True AsMeasured',
    );
    await lab.waitFor('the counter on the disk', () => counters(pv).every((bytes) => bytes === right));
    await lab.waitFor('no pending heals', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 60_000 });
  });

  it('are raised beyond the limit where they count too little, and the limit is never lifted', async () => {
    const pv = await createPv(client, 'pvc-old', undefined);
    await mkdir(`${pv.path}/old/deep`, { recursive: true });
    await writeFile(`${pv.path}/old/deep/file`, Buffer.alloc(90 * MiB, 1));
    for (const agent of agents) await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(50 * MiB) });
    await waitLimit(lab, agents, pv.name, 50 * MiB);
    // Those that nobody asked for yet may have done it by themselves.
    for (const outcome of await repairAll(pv)) expect(outcome).toMatch(/^0 (Repaired|Nothing)$/);
    const right = await truth(pv);
    expect(right).toBeGreaterThan(90 * MiB);
    expect(counters(pv)).toEqual([right, right, right]);
    await expect(writeFile(`${pv.path}/new`, 'x')).rejects.toMatchObject({ errno: -122 });
    for (const brick of volume.bricks) expect(await readFile(brick.logFile, 'utf8')).not.toContain(String(2 ** 50));
  });

  it('is seen by no client: no entry is left, nothing waits for heal, the bricks are equal', async () => {
    expect(await pendingHeals(volume)).toBe(0);
    expect(await brickDifferences(volume)).toEqual([]);
    for (const pv of ['pvc-deleted', 'pvc-full', 'pvc-old']) {
      for (const brick of volume.bricks) {
        const names = await readdir(`${brick.path}/${(await quotaOf(first(), pv))?.path}`);
        expect(names.filter((name) => name.startsWith('.kq'))).toEqual([]);
        expect(await readdir(`${brick.path}/.glusterfs/unlink`)).toEqual([]);
      }
    }
  });

  it('removes the name of a helper that an agent has left when it was killed', async () => {
    const agent = first();
    const pv = 'pvc-full';
    const dir = `${volume.brick(0).path}/${(await quotaOf(agent, pv))?.path}`;
    await agent.kill();
    const brick = volume.brick(0);
    const wire = new BrickClient({
      host: '127.0.0.1',
      port: brick.port,
      brickName: brick.path,
      clock: systemClock,
      log: silentLog,
    });
    await lab.waitFor('the wire', async () => wire.isUp);
    const parent = (await wire.resolvePath(dir.slice(brick.path.length + 1).split('/'), { pid: -14 }))?.iatt.gfid ?? '';
    await wire.mknod(
      { parent, name: '.kq-counter', mode: 0o600, gfid: '6b716374-1111-4111-8111-111111111111' },
      { pid: -14 },
    );
    await wire.stop();
    expect(await readdir(dir)).toContain('.kq-counter');
    agents[0] = await startAgent(lab, volume, brick, { env: OFTEN });
    await lab.waitFor('the sweep', async () => !(await readdir(dir)).includes('.kq-counter'));
    expect(await pendingHeals(volume)).toBe(0);
  });

  it('is back to the byte after a brick was killed with writes that it had not put on disk', async () => {
    const pv = await createPv(client, 'pvc-killed', 200 * MiB);
    await waitLimit(lab, agents, pv.name, 200 * MiB);
    await writeFile(`${pv.path}/first`, Buffer.alloc(20 * MiB, 1));
    const brick = volume.brick(1);
    await lab.waitFor('a flush', () => counters(pv)[1] === 20 * MiB + 512);
    await writeFile(`${pv.path}/second`, Buffer.alloc(10 * MiB + 1, 1));
    await rm(`${pv.path}/first`);
    await writeFile(`${pv.path}/third`, 'x');
    await brick.kill('SIGKILL');
    await brick.start();
    await client.waitConnected();
    const right = await truth(pv);
    await lab.waitFor('the counter', () => counters(pv)[1] === right, { timeoutMs: 30_000 });
    const { blocks, bfree, bsize } = await statfs(pv.path);
    expect((blocks - bfree) * bsize).toBe(Math.floor(right / bsize) * bsize);
  });
});
