/** Limits that are set and removed through the API, by agents that know one another. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, LIMIT_XATTR, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, startPeers, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const FAST = { BRICK_AGENT_PEER_INTERVAL_MS: '500', BRICK_AGENT_QUOTA_INTERVAL_MS: '500' };

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-peers' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  // Our own address is among the peers.
  agents = await startPeers(lab, volume, FAST);
});
afterAll(async () => lab.destroy());

async function agentsAre(pv: Pv, type: string, wanted: string): Promise<void> {
  await lab.waitFor(`${type} ${wanted} of ${pv.name} on every brick`, async () => {
    const found = await Promise.all(agents.map(async (agent) => conditionOf(agent, pv.name, type)));
    return found.every((condition) => condition === wanted);
  });
}

describe('a limit that was set through the API of one agent', () => {
  it('is followed by the others, and removed there it is gone from all bricks', async () => {
    const pv = await createPv(client, 'pvc-one', undefined);
    const [first] = agents;
    expect((await first?.cli('quota', 'set', pv.name, '4Mi', '--claim', 'shop/data-db-0'))?.code).toBe(0);
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    const info = `gluster_quota_pv_info{pv="${pv.name}",namespace="shop",persistentvolumeclaim="data-db-0",`;
    for (const agent of agents) {
      expect((await quotaOf(agent, pv.name))?.spec.claim).toEqual({ namespace: 'shop', name: 'data-db-0' });
      expect((await agent.ops('/metrics')).text).toContain(info);
    }
    // Nobody who changes the limit need know it.
    expect((await first?.cli('quota', 'set', pv.name, '5Mi'))?.stdout).toMatch(/^Claim {7}shop\/data-db-0$/m);
    expect((await first?.cli('quota', 'set', pv.name, '4Mi', '--no-claim'))?.stdout).not.toContain('Claim');
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    await lab.waitFor('the claim to be forgotten', async () => {
      const texts = await Promise.all(agents.map(async (agent) => (await agent.ops('/metrics')).text));
      return !texts.some((text) => text.includes('gluster_quota_pv_info'));
    });
    const sources = await Promise.all(agents.map(async (agent) => (await quotaOf(agent, pv.name))?.spec.source));
    expect(sources).toEqual(['Api', 'Peer', 'Peer']);
    const explained = await agents[1]?.cli('quota', 'explain', pv.name);
    expect(explained?.stdout).toContain(
      `Wanted: 4 MiB by the agent of another brick (${first?.variable('BRICK_AGENT_API_LISTEN')}), which has it from the API.`,
    );
    expect((await writeUntilError(`${pv.path}/a`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');

    const removed = await first?.cli('quota', 'rm', pv.name);
    expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining('RemovalPending') });
    await agentsAre(pv, 'Live', 'False RemovalPending');
    expect((await writeUntilError(`${pv.path}/b`, 64 * 1024, 8 * MiB)).errno).toBeUndefined();
    for (const brick of volume.bricks) expect(brick.xattr(pv.relativePath, LIMIT_XATTR)).toBeUndefined();

    // The agent that was asked forgets it with its brick; the others do not take it up again for that.
    await volume.brick(0).kill('SIGTERM');
    await volume.brick(0).start();
    await client.waitConnected();
    await lab.waitFor(
      'forgotten',
      async () => first !== undefined && (await conditionOf(first, pv.name, 'Live')) === 'True NoLimit',
    );
    await lab.waitFor('heard by the others', async () => first !== undefined && (await removedBy(first)).length === 0);
    for (const agent of agents.slice(1)) {
      expect(await conditionOf(agent, pv.name, 'Live')).toBe('False RemovalPending');
      expect((await quotaOf(agent, pv.name))?.spec.limitBytes).toBeNull();
    }
  });

  it('is gone as well when it was set and removed on all of them at once', async () => {
    const pv = await createPv(client, 'pvc-all', undefined);
    for (const agent of agents) await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: '4Mi' });
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    // Each has heard of the others' limits.
    await lab.waitFor('the word of the others', async () => {
      const quotas = await Promise.all(agents.map(async (agent) => quotaOf(agent, pv.name)));
      return quotas.every((quota) => quota?.spec.sources.length === 2);
    });
    await Promise.all(agents.map(async (agent) => agent.api('DELETE', `/v1/quotas/${pv.name}`)));
    await agentsAre(pv, 'Live', 'False RemovalPending');
    for (const brick of volume.bricks) expect(brick.xattr(pv.relativePath, LIMIT_XATTR)).toBeUndefined();
  });
});

async function removedBy(agent: LabAgent): Promise<unknown[]> {
  const { json } = await agent.api('GET', '/v1/peer/quotas');
  return typeof json === 'object' && json !== null && 'removed' in json && Array.isArray(json.removed)
    ? json.removed
    : ['?'];
}
