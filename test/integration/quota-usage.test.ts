import { execFile } from 'node:child_process';
import { link, mkdir, open, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { conditionOf, quotaOf, waitLimit, type QuotaItem } from '../support/agents.ts';

const MiB = 1024 * 1024;
/** In place of 30 s, so that the tests need not wait for it. */
const VERIFY_OFTEN = {
  BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '2000',
  // What is found here is left as it is; quota-repair.test.ts sets it right.
  BRICK_AGENT_QUOTA_REPAIR: 'off',
};

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-usage' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  agents = await Promise.all(volume.bricks.map(async (brick) => startAgent(lab, volume, brick, { env: VERIFY_OFTEN })));
});
afterAll(async () => lab.destroy());

function first(): LabAgent {
  const [agent] = agents;
  if (agent === undefined) throw new Error('no agent');
  return agent;
}

async function du(brick: number, pv: Pv): Promise<bigint> {
  const path = `${volume.brick(brick).path}/${pv.relativePath}`;
  const { stdout } = await promisify(execFile)('du', ['-s', '--block-size=1', path]);
  return BigInt(stdout.split('\t')[0] ?? '');
}

/** Scans the PV now and answers what the agent says then. */
async function scan(agent: LabAgent, pv: Pick<Pv, 'name'>): Promise<QuotaItem> {
  const before = (await quotaOf(agent, pv.name))?.status.usage.scannedAt;
  expect((await agent.api('POST', `/v1/quotas/${pv.name}/scan`)).status).toBe(202);
  return await lab.waitFor(`scan of ${pv.name}`, async () => {
    const quota = await quotaOf(agent, pv.name);
    const { scannedAt = null } = quota?.status.usage ?? {};
    return scannedAt !== null && scannedAt !== before ? quota : undefined;
  });
}

/**
 * The measured usage is du's to the byte on every brick.
 *
 * @returns drift by brick, in bytes, as two scans one after the other have found it: what the agent itself believes of a counter (docs/quota.md)
 */
async function expectDu(pv: Pv): Promise<number[]> {
  return await Promise.all(
    agents.map(async (agent, index) => {
      const found: number[] = [];
      do {
        const { usage } = (await scan(agent, pv)).status;
        expect(usage.scannedBytes).toBe(String(await du(index, pv)));
        found.push(Number(usage.driftBytes));
        expect(found.length, `drifts of brick ${index}: ${found.join(', ')}`).toBeLessThan(6);
      } while (found.at(-1) !== found.at(-2));
      if (found.length > 2) console.warn(`brick ${index} first told other drifts: ${found.join(', ')}`);
      return found.at(-1) ?? Number.NaN;
    }),
  );
}

describe('usage on a replica-3 volume', () => {
  it("is du's to the byte, and the brick's counter is what it should be to the byte", async () => {
    const pv = await createPv(client, 'pvc-plain', 100 * MiB);
    await waitLimit(lab, agents, pv.name, 100 * MiB);
    await mkdir(`${pv.path}/dir/deeper`, { recursive: true });
    for (let index = 0; index < 30; index += 1) {
      await writeFile(`${pv.path}/dir/file-${index}`, Buffer.alloc(index * 1777, 1));
    }
    await writeFile(`${pv.path}/dir/deeper/large`, Buffer.alloc(3 * MiB, 1));
    await symlink('x'.repeat(200), `${pv.path}/symlink`);
    expect(await expectDu(pv)).toEqual([0, 0, 0]);
    for (const agent of agents) expect(await conditionOf(agent, pv.name, 'UsageTrue')).toBe('True AsMeasured');
  });

  it('counts hard links once, holes not at all, and nothing that is gone', async () => {
    const pv = await createPv(client, 'pvc-links', 100 * MiB);
    await waitLimit(lab, agents, pv.name, 100 * MiB);
    await mkdir(`${pv.path}/a`);
    await mkdir(`${pv.path}/b`);
    await writeFile(`${pv.path}/a/file`, Buffer.alloc(MiB, 1));
    await link(`${pv.path}/a/file`, `${pv.path}/b/link`);
    await link(`${pv.path}/a/file`, `${pv.path}/link`);
    await writeFile(`${pv.path}/sparse`, Buffer.alloc(8192, 1));
    await truncate(`${pv.path}/sparse`, 50 * MiB);
    await writeFile(`${pv.path}/gone`, Buffer.alloc(MiB, 1));
    await writeFile(`${pv.path}/replaced`, Buffer.alloc(MiB, 1));
    await writeFile(`${pv.path}/a/replacement`, Buffer.alloc(100_000, 1));
    await rm(`${pv.path}/gone`);
    await rename(`${pv.path}/a/replacement`, `${pv.path}/replaced`);
    expect(await expectDu(pv)).toEqual([0, 0, 0]);
    const quota = await quotaOf(first(), pv.name);
    expect(quota?.status.usage.files).toBe(5);
  });

  it("follows the brick's counter between scans", async () => {
    const pv = await createPv(client, 'pvc-between', 100 * MiB);
    await waitLimit(lab, agents, pv.name, 100 * MiB);
    await writeFile(`${pv.path}/first`, Buffer.alloc(MiB, 1));
    await expectDu(pv);
    await writeFile(`${pv.path}/first`, Buffer.alloc(3 * MiB, 1));
    const agent = first();
    const usage = await lab.waitFor('the counter', async () => {
      const now = (await quotaOf(agent, pv.name))?.status.usage;
      return Number(now?.counterBytes) >= 3 * MiB ? now : undefined;
    });
    expect(usage.source).toBe('ScanPlusCounter');
    expect(Number(usage.bytes) - Number(await du(0, pv))).toBe(0);
  });

  it('finds what an open and deleted file has left in the counter for ever', async () => {
    const pv = await createPv(client, 'pvc-unlinked', 100 * MiB);
    await waitLimit(lab, agents, pv.name, 100 * MiB);
    const file = await open(`${pv.path}/open`, 'w');
    await rm(`${pv.path}/open`);
    await file.write(Buffer.alloc(5 * MiB, 1));
    await file.close();
    const drifts = await expectDu(pv);
    for (const drift of drifts) expect(drift).toBeGreaterThan(4 * MiB);
    for (const agent of agents) expect(await conditionOf(agent, pv.name, 'UsageTrue')).toBe('False CountsTooMuch');
    const { text } = await first().ops('/metrics');
    expect(text).toMatch(/^gluster_quota_drift_bytes\{.*pv="pvc-unlinked".*\} 5\d{6}$/m);
  });

  it('is asked for on the command line', async () => {
    const agent = first();
    const { code, stdout } = await agent.cli('quota', 'scan', 'pvc-plain');
    expect(stdout).toMatch(/pvc-plain .* 32 .*True/);
    expect(code).toBe(0);
    const all = await agent.cli('quota', 'scan');
    expect(all.stdout).toContain('CountsTooMuch');
    expect(all.code).toBe(1);
    const verify = await agent.cli('quota', 'verify');
    expect(verify).toMatchObject({ code: 1, stdout: expect.stringMatching(/pvc-unlinked +Usage +no drift +5\d{6}/) });
    expect((await agent.cli('quota', 'scan', 'pvc-none')).code).toBe(1);
  });

  it('is not waited for longer than asked, and goes on all the same', async () => {
    const agent = first();
    const before = (await quotaOf(agent, 'pvc-plain'))?.status.usage.scannedAt;
    const brick = volume.brick(0);
    brick.signal('SIGSTOP');
    try {
      const given = await agent.cli('quota', 'scan', 'pvc-plain', '--timeout', '1s');
      expect(given).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('not done after 1.0 s') });
    } finally {
      brick.signal('SIGCONT');
    }
    await lab.waitFor('the scan', async () => (await quotaOf(agent, 'pvc-plain'))?.status.usage.scannedAt !== before);
  });

  it('is taken back by Ctrl-C, or by request, and what was measured before stands', async () => {
    const agent = first();
    const before = (await quotaOf(agent, 'pvc-plain'))?.status.usage;
    const brick = volume.brick(0);
    const scans = async (): Promise<unknown> => (await agent.api('GET', '/v1/scan')).json;
    const untilItRuns = async (): Promise<void> => {
      await lab.waitFor('the scan to begin', async () => {
        return expect
          .objectContaining({ running: expect.objectContaining({ pv: 'pvc-plain' }) })
          .asymmetricMatch(await scans());
      });
    };
    // It waits for the brick's counter.
    brick.signal('SIGSTOP');
    try {
      const { signal, stderr } = await agent.cliInterrupted(untilItRuns, 'quota', 'scan', 'pvc-plain');
      expect(signal).toBe('SIGINT');
      expect(stderr).toContain('pvc-plain: its scan is cancelled');
      const cancelled = [{ pv: 'pvc-plain', at: expect.any(String) }];
      expect(await scans()).toMatchObject({ running: null, requested: [], cancelled });

      await agent.api('POST', '/v1/quotas/pvc-plain/scan');
      await untilItRuns();
      expect(await agent.cli('quota', 'scan', '--cancel')).toMatchObject({
        code: 0,
        stdout: 'pvc-plain: its scan is cancelled; what was measured before stands\n',
      });
      expect(await scans()).toMatchObject({ running: null, requested: [], cancelled });
    } finally {
      brick.signal('SIGCONT');
    }
    expect(await agent.cli('quota', 'scan', 'pvc-plain', '--cancel')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no such scan'),
    });
    expect((await agent.cli('quota', 'scan', 'pvc-none', '--cancel')).code).toBe(1);
    expect((await quotaOf(agent, 'pvc-plain'))?.status.usage.scannedAt).toBe(before?.scannedAt);
    const audits = (await agent.logs()).filter((line) => JSON.stringify(line).includes('CancelScan'));
    expect(audits).toHaveLength(2);
    await scan(agent, { name: 'pvc-plain' });
    expect(await scans()).toMatchObject({ cancelled: [] });
  });

  it('survives a restart of the brick: scanned again, never called true by an old count', async () => {
    const pv = await createPv(client, 'pvc-restart', 100 * MiB);
    await waitLimit(lab, agents, pv.name, 100 * MiB);
    await writeFile(`${pv.path}/file`, Buffer.alloc(4 * MiB, 1));
    const brick = volume.brick(1);
    const agent = agents[1];
    if (agent === undefined) throw new Error('no agent');
    await scan(agent, pv);
    await writeFile(`${pv.path}/late`, Buffer.alloc(6 * MiB, 1));
    // What was not flushed is lost with the process.
    await brick.kill('SIGKILL');
    await brick.start();
    await client.waitConnected();
    await lab.waitFor(
      'the drift to be found',
      async () => (await conditionOf(agent, pv.name, 'UsageTrue')) === 'False CountsTooLittle',
    );
    expect((await quotaOf(agent, pv.name))?.status.usage.scannedBytes).toBe(String(await du(1, pv)));
  });
});
