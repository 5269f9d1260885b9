import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QUOTA_RECORD_XATTR } from '../../src/brick/quota-xattrs.ts';
import type { FaultPoint } from '../../src/lib/fault-point.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, startAgain, startPeers, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const LIMIT = 4 * MiB;
const CHUNK = 64 * 1024;
/** 32 calls may be under way at a time, and so much is more than none is refused. */
const BEYOND = 16 * MiB;
const FAST = { BRICK_AGENT_PEER_INTERVAL_MS: '500', BRICK_AGENT_QUOTA_INTERVAL_MS: '500' };

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-crash' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  agents = await startPeers(lab, volume, FAST);
});
afterAll(async () => lab.destroy());
afterEach(killAll);

async function killAll(): Promise<void> {
  await Promise.all(agents.map(async (agent) => (agent.running ? await agent.kill() : undefined)));
}

/** Those that do not run, each to die at its point. */
async function start(points: readonly (FaultPoint | undefined)[] = []): Promise<void> {
  agents = await Promise.all(
    agents.map(async (agent, index) =>
      agent.running
        ? agent
        : await startAgain(lab, volume, index, agent, { BRICK_AGENT_DIES_AT: points[index] }, { waitReady: false }),
    ),
  );
}

function first(): LabAgent {
  const [agent] = agents;
  if (agent === undefined) throw new Error('no agent');
  return agent;
}

/** The call that kills the first of them is never answered; it is the first that is taken. */
async function askUntilKilled(method: string, pv: Pv, body?: unknown): Promise<void> {
  const killed = first();
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

/** What the agents left on each of the bricks, and whether the next ones need nobody's help. */
async function expectFinished(pv: Pv): Promise<void> {
  await start();
  await waitLimit(lab, agents, pv.name, LIMIT);
  for (const brick of volume.bricks) {
    expect(brick.xattr(pv.relativePath, LIMIT_XATTR)?.toString().replace('\0', '')).toBe(String(LIMIT));
    expect(brick.xattr(pv.relativePath, NAMESPACE_XATTR)).toBeDefined();
  }
  const { written, errno } = await writeUntilError(`${pv.path}/file`, CHUNK, BEYOND);
  expect(errno).toBe('EDQUOT');
  expect(written).toBeGreaterThan(LIMIT - 4 * CHUNK);
  expect(written).toBeLessThanOrEqual(LIMIT);
  // Refused by all copies or by none.
  expect(await pendingHeals(volume)).toBe(0);
  expect(await brickDifferences(volume)).toEqual([]);
}

describe('agents of a replica set that are killed between two steps', () => {
  it.each<FaultPoint[]>([
    ['pass-read', 'disk-limit', 'disk-namespace'],
    ['pass-written', 'live-found', 'live-namespace'],
    ['live-limit', 'pass-live'],
  ])('leave at %s, %s, … what the next start completes', async (...points) => {
    await killAll();
    const pv = await createPv(client, `pvc-${points[0]}`, LIMIT);
    await start(points);
    for (const [index] of points.entries()) {
      expect(await agents[index]?.exited(), points[index]).toMatchObject({ signal: 'SIGKILL' });
    }
    await expectFinished(pv);
  });

  it('keep what the API of one was asked for, killed before it answered', async () => {
    const pv = await createPv(client, 'pvc-record', 8 * MiB);
    await start(['disk-record']);
    await askUntilKilled('PUT', pv, { limitBytes: String(LIMIT) });
    expect(volume.brick(0).xattr(pv.relativePath, QUOTA_RECORD_XATTR)?.toString()).toContain(String(LIMIT));
    await expectFinished(pv);
  });

  it.each<FaultPoint>(['live-lifted', 'pass-removed'])('remove at %s what was to be removed', async (point) => {
    const pv = await createPv(client, `pvc-${point}`, undefined);
    await start();
    await lab.waitFor('the limit to be taken', async () => {
      return (await first().api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(LIMIT) })).status < 300;
    });
    await waitLimit(lab, agents, pv.name, LIMIT);
    await first().kill();
    await start([point]);
    await askUntilKilled('DELETE', pv);
    await start();
    await lab.waitFor('the end of the removal on every brick', async () => {
      const found = await Promise.all(agents.map(async (agent) => await conditionOf(agent, pv.name, 'Live')));
      return found.every((condition) => condition === 'False RemovalPending');
    });
    for (const brick of volume.bricks) expect(brick.xattr(pv.relativePath, LIMIT_XATTR)).toBeUndefined();
    expect((await writeUntilError(`${pv.path}/file`, CHUNK, 2 * LIMIT)).errno).toBeUndefined();
  });
});
