/** What a real self-heal daemon says of a split-brain by UDP makes the agent look at once, and nothing more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { splitBrainSchema, type SplitBrainView } from '../../src/agent/http/heal-schemas.ts';
import { healSchema } from '../../src/agent/http/schemas.ts';
import type { LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { DIVISIBLE, divide, prepareFiles, splitEverything } from '../support/split-brain.ts';

/** Where the processes of GlusterFS 11.1 send events; it is compiled in. */
const PORT = '55555';

describe('events of Gluster', () => {
  let lab: Lab;
  let volume: Volume;
  let agents: LabAgent[];

  beforeAll(async () => {
    lab = await Lab.create({ name: 'events' });
    const shdOptions = { 'cluster/replicate': { 'quorum-type': 'none' } };
    volume = await lab.volume({ name: 'vol1', type: 'replica', ...DIVISIBLE, shdOptions });
    await volume.start();
    await prepareFiles(volume);
    agents = await startPeers(lab, volume, {
      BRICK_AGENT_HEAL_INTERVAL_MS: '500',
      // One comparison at the start, and no other by itself in this test.
      BRICK_AGENT_SPLIT_BRAIN_INTERVAL_MS: '3600000',
      BRICK_AGENT_GLUSTER_EVENTS_PORT: PORT,
    });
    await lab.waitFor('the first comparisons', async () => {
      const views = await Promise.all(agents.map(splitBrain));
      return views.every(({ checkedAt }) => checkedAt !== null);
    });
  });
  afterAll(async () => lab.destroy());

  function agentOf(index: number): LabAgent {
    const agent = agents[index];
    if (agent === undefined) throw new Error('no such agent');
    return agent;
  }

  async function splitBrain(agent: LabAgent): Promise<SplitBrainView> {
    const { json, text } = await agent.api('GET', '/v1/heal/split-brain');
    if (!Check(splitBrainSchema, json)) throw new Error(text);
    return json;
  }

  it('have the agent that hears them look at once', async () => {
    await divide(volume, [0], splitEverything);
    await lab.waitFor('the backlog', async () => {
      const { json } = await agentOf(1).api('GET', '/v1/heal');
      return Check(healSchema, json) && (json.pending.xattrop ?? 0) > 0;
    });
    // Nobody has compared anything since the start.
    expect((await Promise.all(agents.map(splitBrain))).flatMap(({ items }) => items)).toEqual([]);
    // All agents run on one host here, and one of them has the port; in a pod each has its own.
    await volume.shd.start();
    const found = await lab.waitFor(
      'a split-brain to be known',
      async () => {
        const views = await Promise.all(agents.map(splitBrain));
        return views.find(({ items }) => items.some(({ kinds }) => kinds.includes('data')));
      },
      { timeoutMs: 30_000 },
    );
    expect(found.items.map(({ path }) => path)).toContain('/sb/data');
  });
});
