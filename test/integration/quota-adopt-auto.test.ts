import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabAgent } from '../lab/agent.ts';
import { pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { conditionOf, startAgain, startPeers, waitLimit } from '../support/agents.ts';
import { FORGETFUL, OFTEN } from '../support/quota-subject.ts';

const MiB = 1024 * 1024;
const PV = 'pvc-auto';
/** The one that has something outside. */
const BRICK = 1;
/** The peers wait 15 s after a start of a brick, and one that waits for that tries every 10 s. */
const ADOPTED_DEADLINE_MS = 60_000;

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-adopt-auto' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount({ args: FORGETFUL });
  agents = await startPeers(lab, volume, OFTEN);
});
afterAll(async () => lab.destroy());

async function waitEnforced(brick: number, wanted: string): Promise<void> {
  await lab.waitFor(
    `Enforced of brick ${brick} to be ${wanted}`,
    async () => {
      const agent = agents[brick];
      const found = agent === undefined ? 'no agent' : await conditionOf(agent, PV, 'Enforced');
      if (found !== wanted) throw new Error(found);
      return true;
    },
    { timeoutMs: ADOPTED_DEADLINE_MS },
  );
}

async function adoptionsBy(agent: LabAgent | undefined): Promise<number> {
  return ((await agent?.logs()) ?? []).filter(({ msg }) => msg === 'a PV was adopted by the running bricks').length;
}

it('a PV that is outside on one brick alone is adopted by the agent of that one, which says what it waits for', async () => {
  const pv = await createPv(client, PV, undefined);
  await mkdir(`${pv.path}/old`);
  await writeFile(`${pv.path}/old/file`, 'x');
  for (const agent of agents) await agent.api('PUT', `/v1/quotas/${PV}`, { limitBytes: String(4 * MiB) });
  await waitLimit(lab, agents, PV, 4 * MiB);
  await waitEnforced(BRICK, 'False PartlyEnforced');
  // Another process meets all of it by name.
  for (const index of [0, 2]) {
    await volume.brick(index).stop();
    await volume.brick(index).start();
    await client.waitConnected();
    await lab.waitFor('nothing to heal', async () => (await pendingHeals(volume)) === 0);
    await waitEnforced(index, 'True Audited');
  }
  await waitEnforced(BRICK, 'False PartlyEnforced');
  await volume.brick(2).stop();
  const auto = { BRICK_AGENT_QUOTA_ADOPTION: 'auto' };
  for (const [index, agent] of agents.entries()) {
    await agent.stop();
    agents[index] = await startAgain(lab, volume, index, agent, auto, { waitReady: index !== 2 });
  }
  const agent = agents[BRICK];
  await lab.waitFor(
    'what the adoption waits for to be told',
    async () => {
      const { stdout = '' } = (await agent?.cli('quota', 'explain', PV)) ?? {};
      if (!/Adoption by the running bricks, Waiting since .*: PeerDown: brick 2 /.test(stdout)) throw new Error(stdout);
      return true;
    },
    { timeoutMs: 30_000 },
  );
  await volume.brick(2).start();
  await waitEnforced(BRICK, 'True Audited');
  // The audit that ends it comes before its end.
  await lab.waitFor('the adoption to end', async () => (await adoptionsBy(agent)) > 0);
  const led = await Promise.all(agents.map(adoptionsBy));
  expect(led).toEqual([0, 1, 0]);
  const { json } = (await agent?.api('GET', `/v1/quotas/${PV}`)) ?? {};
  expect(json).toMatchObject({ status: { adoption: { state: 'Succeeded', wrong: 0 } } });
});
