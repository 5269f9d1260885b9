/** Bricks that are not ours, and one that stops answering: the agent writes nothing, says so, and goes on answering. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { randomUUID } from 'node:crypto';
import { removeAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, writeInfo } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';

const MiB = 1024 * 1024;
/** Of a probe or a scrape, whatever the disk does, in milliseconds. */
const PROMPT_MS = 1_000;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.create({ name: 'fence' });
});
afterAll(async () => lab.destroy());

/** Every xattr and every name below a directory, as one text. */
async function fingerprint(dir: string): Promise<string> {
  const run = promisify(execFile);
  const names = await run('find', [dir, '-printf', '%P %y %m %s %C@\\n']);
  const xattrs = await run('getfattr', ['-R', '-d', '-m', '.', '-e', 'hex', '--absolute-names', dir]);
  return `${names.stdout.split('\n').toSorted().join('\n')}\n${xattrs.stdout}`;
}

async function passes(agent: LabAgent, loop: string): Promise<number> {
  const { text } = await agent.ops('/metrics');
  return Number(new RegExp(`^brick_agent_loop_runs_total\\{loop="${loop}",.*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

describe('a brick that is not ours', () => {
  let volume: Volume;

  beforeAll(async () => {
    volume = await lab.volume({ name: 'vol1', type: 'single' });
    await volume.start();
    const client = await volume.mount();
    await createPv(client, 'pvc-1', 8 * MiB);
    await writeInfo(client, 'pvc-2', 8 * MiB);
    await client.unmount();
    await volume.brick(0).kill('SIGTERM');
  });

  it.each([
    ["another volume's", 'Different', async () => randomUUID()],
    [
      "nobody's",
      'Absent',
      async () => {
        removeAttributeSync(volume.brick(0).path, 'trusted.glusterfs.volume-id');
        return Promise.resolve(volume.volumeId);
      },
    ],
  ])('(%s) is fenced, and nothing is written there', async (_what, reason, volumeId) => {
    const brick = volume.brick(0);
    const env = {
      VOLUME_ID: await volumeId(),
      BRICK_AGENT_QUOTA_INTERVAL_MS: '100',
      BRICK_AGENT_IDENTITY_INTERVAL_MS: '500',
    };
    const before = await fingerprint(brick.path);
    const agent = await startAgent(lab, volume, brick, { env, waitReady: false });
    await lab.waitFor('five quota passes', async () => (await passes(agent, 'quota')) >= 5);
    const ready = await agent.ops('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.text).toMatch(/^\[-\]brick-identity failed: .*volume-id/m);
    expect((await agent.ops('/livez')).status).toBe(200);
    const { text } = await agent.ops('/metrics');
    expect(text).toContain('gluster_brick_fenced{volume="vol1"} 1\n');
    expect(text).toContain('gluster_brick_identity_verified{check="volumeId",volume="vol1"} 0\n');
    expect((await agent.api('GET', '/v1/status')).json).toMatchObject({
      ready: false,
      brick: {
        fenced: true,
        conditions: expect.arrayContaining([expect.objectContaining({ type: 'volumeId', reason })]),
      },
    });
    const put = await agent.api('PUT', '/v1/quotas/pvc-1', { limitBytes: '4Mi' });
    expect(put).toMatchObject({ status: 503, json: { reason: 'BrickFenced' } });
    expect((await agent.api('DELETE', '/v1/quotas/pvc-1')).status).toBe(503);
    expect((await agent.cli('quota', 'set', 'pvc-1', '4Mi')).code).toBe(1);
    await agent.stop();
    expect(await fingerprint(brick.path)).toBe(before);
  });

  it('(an empty directory where the disk should be) is fenced, and stays empty', async () => {
    const empty = `${lab.dir}/empty`;
    await mkdir(empty);
    const agent = await startAgent(lab, volume, volume.brick(0), { env: { BRICK_PATH: empty }, waitReady: false });
    await lab.waitFor('a quota pass', async () => (await passes(agent, 'quota')) >= 2);
    expect((await agent.ops('/readyz')).text).toContain('has no volume-id');
    await agent.stop();
    expect(await fingerprint(empty)).toMatch(/^\n? d 755 .*\n*$/);
  });
});

describe('a brick that hangs', () => {
  let client: Mount;
  let agent: LabAgent;

  // A FUSE mount whose server is stopped holds every system call, as a dead disk does. Gluster shows no volume-id through a mount,
  // so this brick is fenced as well.
  beforeAll(async () => {
    const volume = await lab.volume({ name: 'vol2', type: 'single' });
    await volume.start();
    client = await volume.mount();
    const env = {
      BRICK_PATH: client.path,
      BRICK_AGENT_BRICK_NAME: volume.brick(0).path,
      BRICK_AGENT_BRICK_DEADLINE_MS: '500',
      BRICK_AGENT_IDENTITY_INTERVAL_MS: '500',
    };
    agent = await startAgent(lab, volume, volume.brick(0), { env, waitReady: false });
    await lab.waitFor('the brick to be looked at', async () => (await passes(agent, 'identity')) >= 2);
  });

  /** Answers of every kind, each within its time. */
  async function ask(): Promise<{ livez: number; readyz: string; metrics: string; status: number; quotas: number }> {
    const soon = { timeoutMs: PROMPT_MS };
    const livez = await agent.ops('/livez', soon);
    const readyz = await agent.ops('/readyz', soon);
    const metrics = await agent.ops('/metrics', soon);
    const status = await agent.api('GET', '/v1/status', undefined, soon);
    const quotas = await agent.api('GET', '/v1/quotas', undefined, soon);
    return {
      livez: livez.status,
      readyz: readyz.text,
      metrics: metrics.text,
      status: status.status,
      quotas: quotas.status,
    };
  }

  it('is reported as such while everything else answers at once, and recovers by itself', async () => {
    expect((await ask()).metrics).toContain('gluster_brick_hung{volume="vol2"} 0\n');
    client.pause();
    await lab.waitFor('the brick to be marked as hung', async () =>
      (await ask()).metrics.includes('gluster_brick_hung{volume="vol2"} 1\n'),
    );
    for (let n = 0; n < 5; n += 1) {
      const { livez, readyz, metrics, status, quotas } = await ask();
      expect([livez, status, quotas]).toEqual([200, 200, 200]);
      expect(readyz).toMatch(/^\[-\]brick-disk failed: a system call on the brick has not come back since 20/m);
      expect(metrics).toContain('gluster_brick_fenced{volume="vol2"} 1\n');
      // The brick process itself is well, and its disk's size is not known any more.
      expect(metrics).toContain('gluster_brick_up{volume="vol2"} 1\n');
      expect(metrics).not.toContain('gluster_brick_capacity_bytes{');
      expect(metrics).not.toContain('gluster_heal_pending_entries{');
    }
    client.resume();
    await lab.waitFor('the brick to answer again', async () =>
      (await ask()).metrics.includes('gluster_brick_hung{volume="vol2"} 0\n'),
    );
    await lab.waitFor('its capacity', async () => (await ask()).metrics.includes('gluster_brick_capacity_bytes{'));
  });

  it('does not keep the agent from ending', async () => {
    client.pause();
    await lab.waitFor('the brick to be marked as hung', async () =>
      (await ask()).metrics.includes('gluster_brick_hung{volume="vol2"} 1\n'),
    );
    const { signal, durationMs } = await agent.stop();
    // Its thread cannot end, and an exit would wait for it: the process ends by the default action of the signal.
    expect(signal).toBe('SIGTERM');
    expect(durationMs).toBeLessThan(5_000);
  });
});
