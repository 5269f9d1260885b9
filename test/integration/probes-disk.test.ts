/** What the probes say while a brick's disk is frozen, damaged, full, or busy. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { doctorSchema } from '../../src/agent/http/doctor-schema.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Disk, hasLoopDevices } from '../lab/disk.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { recorded, type ProbeState } from '../support/probe-table.ts';
import { expectRecorded, told } from '../support/probes.ts';
import { samplesOf } from '../support/samples.ts';

// To shut a file system down is a matter of XFS's tools, also for ext4.
const canMount = (await hasLoopDevices()) && (await hasLoopDevices('xfs'));
if (!canMount) console.warn('no loop devices here: what probes say of broken disks is not tested');

/** In place of a minute, and of three, so that the test need not wait for them; in milliseconds. */
const LIVENESS_MS = 2_000;
const HEALTH_CHECK_MS = 6_000;
const VERDICT_MS = 60_000;
/** Gluster waits for 30 s before it ends a brick. In milliseconds. */
const ENDED_MS = 90_000;
const ENV = {
  BRICK_AGENT_BRICK_LIVENESS_MS: String(LIVENESS_MS),
  BRICK_AGENT_IDENTITY_INTERVAL_MS: '500',
  BRICK_AGENT_BRICK_DEADLINE_MS: '2000',
  BRICK_AGENT_BRICK_HEALTH_CHECK_MS: String(HEALTH_CHECK_MS),
};

const MiB = 1024 * 1024;
/** More than what the file system keeps for root. */
const RESERVE_PERCENT = 30;
const run = promisify(execFile);

describe.skipIf(!canMount)('beside a brick with a disk of its own', () => {
  let lab: Lab;
  let volume: Volume;
  let disk: Disk;
  let agent: LabAgent;
  let client: Mount;
  /** Of a second volume: a file system that is shut down does not come back. */
  let other: { volume: Volume; disk: Disk; agent: LabAgent };

  beforeAll(async () => {
    lab = await Lab.create({ name: 'probes-disk' });
    const brickOptions = (reserve: number) => ({
      'storage/posix': { 'health-check-interval': 1, reserve },
      'performance/io-threads': { 'thread-count': 1 },
    });
    const start = async (name: string, reserve: number): Promise<{ volume: Volume; disk: Disk; agent: LabAgent }> => {
      const made = await lab.volume({ name, type: 'single', brickOptions: brickOptions(reserve) });
      const itsDisk = await Disk.mount(lab, made.brick(0).path);
      await made.brick(0).prepare();
      await made.start();
      return { volume: made, disk: itsDisk, agent: await startAgent(lab, made, made.brick(0), { env: ENV }) };
    };
    ({ volume, disk, agent } = await start('vol1', 1));
    other = await start('vol2', RESERVE_PERCENT);
    client = await volume.mount();
    await lab.waitFor('the first health check', async () => (await healthCheckAge()) < HEALTH_CHECK_MS / 1000);
    await comes('brick and self-heal daemon run');
  });
  afterAll(async () => lab.destroy());

  async function healthCheckAge(): Promise<number> {
    const samples = samplesOf((await agent.ops('/metrics')).text);
    const at = samples.get('gluster_brick_health_check_timestamp_seconds{volume="vol1"}');
    return at === undefined ? Number.POSITIVE_INFINITY : Date.now() / 1000 - at;
  }

  async function bytes(of: LabAgent, what: string): Promise<number> {
    const samples = [...samplesOf((await of.ops('/metrics')).text)];
    return samples.find(([name]) => name.startsWith(`gluster_brick_${what}_bytes{`))?.[1] ?? Number.NaN;
  }

  async function doctorFindings(of: LabAgent): Promise<string> {
    const { json } = await of.api('GET', '/v1/doctor');
    const findings = Check(doctorSchema, json) ? json.findings : [];
    return findings.map(({ check, reason, severity }) => `${severity} ${check} ${reason}`).join('\n');
  }

  /** What the probes say when they say what was written down of the state, or at the end of their time. */
  async function comes(state: ProbeState, of = agent): Promise<string> {
    let last = '';
    await lab
      .waitFor(state, async () => (last = await told(of)) === recorded(state), { timeoutMs: VERDICT_MS })
      .catch(() => undefined);
    return last;
  }

  async function becomes(state: ProbeState, of = agent): Promise<string> {
    const last = await comes(state, of);
    await expectRecorded(state, last, (await of.ops('/brick/readyz?verbose')).text);
    return last;
  }

  /** For three times the time of a verdict: what is not dead must not be called so. */
  async function stays(state: ProbeState): Promise<void> {
    const seen = await becomes(state);
    const until = performance.now() + 3 * LIVENESS_MS;
    while (performance.now() < until) expect(await told(agent)).toBe(seen);
  }

  it('a brick tells what it leaves to its clients, less what it keeps back', async () => {
    await comes('brick and self-heal daemon run', other.agent);
    const kept = (await bytes(other.agent, 'free')) - (await bytes(other.agent, 'writable'));
    expect(kept / (await bytes(other.agent, 'capacity'))).toBeCloseTo(RESERVE_PERCENT / 100, 2);
  });

  it('load on a single io-thread is no reason to fail', async () => {
    const writers = Array.from({ length: 8 }, async (_, n) =>
      run('dd', ['if=/dev/zero', `of=${client.path}/load-${n}`, 'bs=4K', 'count=600', 'oflag=dsync']),
    );
    const isDone = Promise.allSettled(writers).then(() => true);
    const seen = new Set<string>();
    do seen.add(await told(agent));
    while (!(await Promise.race([isDone, new Promise((resolve) => setTimeout(resolve, 50, false))])));
    expect([...seen]).toHaveLength(1);
    await expectRecorded('io-threads busy with writes', [...seen].join(''));
    await run('rm', ['-f', ...Array.from({ length: 8 }, (_, n) => `${client.path}/load-${n}`)]);
  });

  it('a full disk is ready, because reads and removals are served', async () => {
    await disk.fill();
    await stays('disk full');
    expect(await bytes(agent, 'available')).toBe(0);
    await lab.waitFor('the brick to say that nothing is left', async () => (await bytes(agent, 'writable')) === 0);
    await disk.empty();
    await becomes('brick and self-heal daemon run');
  });

  it('a frozen file system is not ready once the health check of the brick is old, and alive', async () => {
    await disk.freeze();
    await becomes('file system frozen (fsfreeze), nobody writes');
    await stays('file system frozen, for as long as the health check may be old');
    expect(await healthCheckAge()).toBeGreaterThan(HEALTH_CHECK_MS / 1000);
    expect((await agent.ops('/brick/readyz?verbose')).text).toMatch(/^\[-\]health-check failed: /m);
    // The doctor names it, too; the brick itself answers as ever.
    expect(await doctorFindings(agent)).toContain('error brick-health-check HealthCheckOld');
  });

  it('with a write that waits in its only io-thread it is not ready either, and alive', async () => {
    const writer = run('dd', ['if=/dev/zero', `of=${client.path}/held`, 'bs=4K', 'count=1', 'oflag=dsync']);
    await lab.waitFor('STATFS to wait behind it', async () =>
      /^\[-\]statfs failed/m.test((await agent.ops('/brick/readyz?verbose')).text),
    );
    await stays('file system frozen, with writers in all io-threads');
    await disk.thaw();
    expect((await writer).stderr).toContain('1+0 records out');
    await becomes('brick and self-heal daemon run');
  });

  it('a disk that cannot read some sectors is ready and alive: the rest is served, and a copy has the others', async () => {
    await run('dd', ['if=/dev/urandom', `of=${client.path}/damaged`, 'bs=1M', 'count=24']);
    await disk.loseEndOf('damaged');
    const fresh = await volume.mount();
    await expect(run('cat', [`${fresh.path}/damaged`], { encoding: 'buffer', maxBuffer: 64 * MiB })).rejects.toThrow(
      /Input\/output error/,
    );
    await fresh.unmount();
    await stays('single reads get EIO');
  });

  it('a file system that the kernel made read-only is not ready', async () => {
    await disk.damage();
    await becomes('file system read-only');
    expect((await agent.ops('/brick/readyz?verbose')).text).toMatch(/^\[-\]brick-identity failed: .*read-only/m);
    expect((await agent.ops('/metrics')).text).toContain(
      'gluster_brick_identity_verified{check="readWrite",volume="vol1"} 0\n',
    );
  });

  it('a disk that answers everything with EIO is not ready, and the agent goes on', async () => {
    await other.disk.fail();
    await becomes('disk answers everything with EIO', other.agent);
    expect((await other.agent.ops('/brick/readyz?verbose')).text).toMatch(
      /^\[-\]brick-identity failed: .*was shut down and answers EIO/m,
    );
    expect(await doctorFindings(other.agent)).toContain('error identity ShutDown');
  });

  it('and the bricks are dead when Gluster has ended them for that', async () => {
    const ended = [volume, other.volume].map(async (each) => each.brick(0).exited(ENDED_MS));
    for (const end of await Promise.all(ended)) expect(end).toMatchObject({ signal: null });
    await becomes('file system read-only, after Gluster has ended the brick');
    await becomes('disk answers everything with EIO, after Gluster has ended the brick', other.agent);
  });
});
