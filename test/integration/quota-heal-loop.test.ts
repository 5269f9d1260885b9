import { chmod } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, NAMESPACE_XATTR } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const SINK = 2;

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-heal-loop' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  // What is on the disk is looked at as often as a heal tries: it has to be left to that.
  const env = { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', BRICK_AGENT_QUOTA_INTERVAL_MS: '100' };
  agents = await Promise.all(volume.bricks.map(async (brick) => startAgent(lab, volume, brick, { env })));
});
afterAll(async () => lab.destroy());

async function loggedBy(agent: LabAgent | undefined, text: string): Promise<number> {
  return ((await agent?.logs()) ?? []).filter(({ msg }) => String(msg).includes(text)).length;
}

describe('the metadata heal of a PV that was changed while a brick was down', () => {
  it('is ended by the agent of the brick that is healed, and the limit holds all the time', async () => {
    const pv = await createPv(client, 'pvc-loop', 4 * MiB);
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    const sink = volume.brick(SINK);
    await sink.kill('SIGKILL');
    await chmod(pv.path, 0o770);
    await sink.start();
    await client.waitConnected();
    await lab.waitFor('the heal to end', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 40_000 });
    expect(await loggedBy(agents[SINK], 'was removed from this brick')).toBe(1);
    expect(await loggedBy(agents[0], 'was removed from this brick')).toBe(0);
    const blame = volume.brick(0).xattr(pv.relativePath, 'trusted.afr.vol1-client-2');
    expect(blame?.equals(Buffer.alloc(12))).toBe(true);
    expect(sink.xattr(pv.relativePath, NAMESPACE_XATTR)).toBeDefined();
    await waitLimit(lab, agents, pv.name, 4 * MiB);
    expect((await writeUntilError(`${pv.path}/file`, 64 * 1024, 8 * MiB)).errno).toBe('EDQUOT');
    expect((await agents[SINK]?.ops('/metrics'))?.text).toMatch(/gluster_quota_heal_loop_remedies_total\S* 1\n/);
  });
});
