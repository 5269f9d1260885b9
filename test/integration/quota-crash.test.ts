import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QUOTA_RECORD_XATTR } from '../../src/brick/quota-xattrs.ts';
import type { FaultPoint } from '../../src/lib/fault-point.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const LIMIT = 4 * MiB;
const CHUNK = 64 * 1024;
/** 32 calls may be under way at a time, and so much is more than none is refused. */
const BEYOND = 16 * MiB;

let lab: Lab;
let volume: Volume;
let client: Mount;
let agent: LabAgent | undefined;

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-crash' });
  volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  client = await volume.mount();
});
afterAll(async () => lab.destroy());
afterEach(async () => {
  if (agent?.running === true) await agent.stop();
});

async function start(point?: FaultPoint): Promise<LabAgent> {
  const env = point === undefined ? {} : { BRICK_AGENT_DIES_AT: point };
  agent = await startAgent(lab, volume, volume.brick(0), { env, waitReady: false });
  return agent;
}

/** The call that kills it is never answered; it is the first that is taken. */
async function askUntilKilled(killed: LabAgent, method: string, pv: Pv, body?: unknown): Promise<void> {
  await lab.waitFor(
    `${method} to kill the agent`,
    async () => {
      if (killed.running) await killed.api(method, `/v1/quotas/${pv.name}`, body).catch(() => undefined);
      return !killed.running;
    },
    { timeoutMs: 20_000 },
  );
  expect(await killed.exited()).toMatchObject({ signal: 'SIGKILL' });
}

/** What the agent left, and whether the next one needs nobody's help. */
async function expectFinished(pv: Pv): Promise<void> {
  const next = await start();
  await next.waitReady();
  await waitLimit(lab, [next], pv.name, LIMIT);
  const brick = volume.brick(0);
  expect(brick.xattr(pv.relativePath, LIMIT_XATTR)?.toString().replace('\0', '')).toBe(String(LIMIT));
  expect(brick.xattr(pv.relativePath, NAMESPACE_XATTR)).toBeDefined();
  const { written, errno } = await writeUntilError(`${pv.path}/file`, CHUNK, BEYOND);
  expect(errno).toBe('EDQUOT');
  expect(written).toBeGreaterThan(LIMIT - 4 * CHUNK);
  expect(written).toBeLessThanOrEqual(LIMIT);
}

describe('an agent that is killed between two steps', () => {
  it.each<FaultPoint>([
    'pass-read',
    'disk-limit',
    'disk-namespace',
    'pass-written',
    'live-found',
    'live-namespace',
    'live-limit',
    'pass-live',
  ])('leaves at %s what the next start completes', async (point) => {
    const pv = await createPv(client, `pvc-${point}`, LIMIT);
    const killed = await start(point);
    expect(await killed.exited()).toMatchObject({ signal: 'SIGKILL' });
    await expectFinished(pv);
  });

  it('keeps what the API was asked for, killed before it answered', async () => {
    const pv = await createPv(client, 'pvc-record', 8 * MiB);
    await askUntilKilled(await start('disk-record'), 'PUT', pv, { limitBytes: String(LIMIT) });
    expect(volume.brick(0).xattr(pv.relativePath, QUOTA_RECORD_XATTR)?.toString()).toContain(String(LIMIT));
    await expectFinished(pv);
  });

  it.each<FaultPoint>(['live-lifted', 'pass-removed'])('removes at %s what was to be removed', async (point) => {
    const pv = await createPv(client, `pvc-${point}`, undefined);
    const before = await start();
    await before.waitReady();
    await before.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(LIMIT) });
    await waitLimit(lab, [before], pv.name, LIMIT);
    await before.kill();
    await askUntilKilled(await start(point), 'DELETE', pv);
    const next = await start();
    await next.waitReady();
    await lab.waitFor('the end of the removal', async () => {
      return (await conditionOf(next, pv.name, 'Live')) === 'False RemovalPending';
    });
    expect(volume.brick(0).xattr(pv.relativePath, LIMIT_XATTR)).toBeUndefined();
    expect((await writeUntilError(`${pv.path}/file`, CHUNK, 2 * LIMIT)).errno).toBeUndefined();
  });
});
