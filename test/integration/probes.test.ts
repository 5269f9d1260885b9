/** What the probes say beside real processes: running, frozen, killed, starting, and on a disk that hangs. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { expectRecorded, told } from '../support/probes.ts';

/** In place of a minute, so that the test need not wait for one; in milliseconds. */
const LIVENESS_MS = 2_000;
/** Longest that a verdict may take beyond its time, on a busy machine, in milliseconds. */
const SLACK_MS = 15_000;

/** A connection is given up when three pings, 5 s apart, have not been answered within 2 s each; in milliseconds. */
const MISSED_MS = 21_000;

const FAST = {
  BRICK_AGENT_BRICK_LIVENESS_MS: String(LIVENESS_MS),
  BRICK_AGENT_IDENTITY_INTERVAL_MS: '500',
};

let lab: Lab;
let volume: Volume;
let agent: LabAgent;

beforeAll(async () => {
  lab = await Lab.create({ name: 'probes' });
});
afterAll(async () => lab.destroy());

async function until(
  what: string,
  path: string,
  status: number,
  timeoutMs = LIVENESS_MS + SLACK_MS,
): Promise<{ text: string; tookMs: number }> {
  const start = performance.now();
  const reply = await lab.waitFor(
    what,
    async () => {
      const seen = await agent.ops(`${path}?verbose`);
      return seen.status === status ? seen : undefined;
    },
    { timeoutMs },
  );
  return { text: reply.text, tookMs: performance.now() - start };
}

describe('beside a brick of a replica set', () => {
  beforeAll(async () => {
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    agent = await startAgent(lab, volume, volume.brick(0), { env: FAST });
  });

  it('all pass while it runs', async () => {
    await until('readiness', '/brick/readyz', 200);
    await expectRecorded('brick and self-heal daemon run', await told(agent));
    expect((await agent.ops('/livez')).status).toBe(200);
    // On a busy machine it may say for a moment that it has not looked lately.
    const says = async (path: string, text: string): Promise<void> =>
      void (await lab.waitFor(text, async () => (await agent.ops(`${path}?verbose`)).text === text));
    await says('/brick/livez', '[+]process ok\n[+]port ok\nbrick/livez check passed\n');
    await says('/shd/livez', '[+]process ok\n[+]socket ok\nshd/livez check passed\n');
  });

  it('a frozen brick is dead after its time and not before, and alive again when it answers', async () => {
    volume.brick(0).pause();
    const { text, tookMs } = await until('death', '/brick/livez', 503);
    expect(tookMs).toBeGreaterThan(LIVENESS_MS);
    expect(text).toMatch(/^\[\+\]process ok$/m);
    expect(text).toMatch(/^\[-\]port failed: no answer for /m);
    await expectRecorded('brick frozen (SIGSTOP) for its time', await told(agent));
    volume.brick(0).resume();
    await until('life', '/brick/livez', 200);
    await until('readiness', '/brick/readyz', 200);
  });

  it('a killed brick is dead after its time, and one that starts is not', async () => {
    await volume.brick(0).kill('SIGKILL');
    const { text, tookMs } = await until('death', '/brick/livez', 503);
    expect(tookMs).toBeGreaterThan(LIVENESS_MS - 500);
    expect(text).toMatch(/^\[-\]process failed: pid \d+ of .* is not running for /m);
    await expectRecorded('brick killed, for its time', await told(agent));
    await volume.brick(0).start();
    await until('start', '/brick/startupz', 200);
    await until('life', '/brick/livez', 200);
    await until('readiness', '/brick/readyz', 200);
  });

  it('the self-heal daemon is judged by itself', async () => {
    volume.shd.pause();
    const { text } = await until('death of the daemon', '/shd/livez', 503);
    expect(text).toMatch(/^\[-\]socket failed: no answer for /m);
    await expectRecorded('self-heal daemon frozen, for its time', await told(agent));
    volume.shd.resume();
    await until('life', '/shd/livez', 200);
    await volume.shd.kill('SIGKILL');
    expect((await until('death', '/shd/livez', 503)).text).toMatch(/^\[-\]process failed: /m);
  });
});

describe('with a minute of patience', () => {
  it('a frozen brick is not ready at once, and alive', async () => {
    agent = await startAgent(lab, volume, volume.brick(1), {
      env: { BRICK_AGENT_BRICK_DEADLINE_MS: '500', BRICK_AGENT_SHD: 'off' },
    });
    await until('readiness', '/brick/readyz', 200);
    volume.brick(1).pause();
    await until('no readiness', '/brick/readyz', 503);
    await until('no readiness of the pod', '/readyz', 503, MISSED_MS + SLACK_MS);
    await expectRecorded('brick frozen for less than its time', await told(agent));
    expect((await agent.ops('/brick/livez?verbose')).text).toContain('brick/livez check passed');
    volume.brick(1).resume();
  });
});

describe('beside a brick that has never started', () => {
  it('livez passes, startupz and readyz do not', async () => {
    volume = await lab.volume({ name: 'vol2', type: 'single' });
    agent = await startAgent(lab, volume, volume.brick(0), { env: FAST, waitReady: false });
    await lab.waitFor('three times its time', async () => {
      const { text } = await agent.ops('/brick/livez?verbose');
      return Number(/for (\d+)\.\d s \(\d+ tries\)/.exec(text)?.[1] ?? 0) >= (3 * LIVENESS_MS) / 1000;
    });
    await expectRecorded('brick not started yet, however long', await told(agent));
    expect((await agent.ops('/brick/startupz?verbose')).text).toContain('brick/startupz check failed');
    await volume.start();
    await until('start', '/brick/startupz', 200);
    await until('readiness', '/brick/readyz', 200);
  });
});

describe('beside a brick whose disk hangs', () => {
  let disk: Mount;
  afterEach(() => disk.resume());

  // A FUSE mount whose server is stopped holds every system call, as a dead disk does: here it is the disk of a second brick.
  it('livez passes and readyz does not, however long', async () => {
    const below = await lab.volume({ name: 'vol3', type: 'single' });
    await below.start();
    disk = await below.mount();
    volume = await lab.volume({ name: 'vol4', type: 'single' });
    await volume.start();
    const env = {
      ...FAST,
      BRICK_PATH: disk.path,
      BRICK_AGENT_BRICK_NAME: volume.brick(0).path,
      BRICK_AGENT_BRICK_DEADLINE_MS: '500',
    };
    agent = await startAgent(lab, volume, volume.brick(0), { env, waitReady: false });
    await until('start', '/brick/startupz', 200);
    disk.pause();
    await lab.waitFor('the brick to be marked as hung', async () =>
      (await agent.ops('/metrics')).text.includes('gluster_brick_hung{volume="vol4"} 1\n'),
    );
    // Silent as well: what a process does whose threads all wait for that disk.
    volume.brick(0).pause();
    await lab.waitFor('three times its time', async () => {
      const { text } = await agent.ops('/brick/livez?verbose');
      return Number(/no answer for (\d+)\./.exec(text)?.[1] ?? 0) >= (3 * LIVENESS_MS) / 1000;
    });
    expect((await agent.ops('/brick/livez?verbose')).text).toMatch(/^\[\+\]port ok \(the disk hangs/m);
    await expectRecorded('brick silent while its disk hangs', await told(agent));
    volume.brick(0).resume();
  });
});
