/** Split-brains made on real bricks, as the agents of their set find them and as glfsheal does. */
import { chmod, rm, stat, writeFile } from 'node:fs/promises';
import { getAttributeSync, listAttributesSync, removeAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { splitBrainSchema, type SplitBrainView } from '../../src/agent/http/heal-schemas.ts';
import type { LabAgent } from '../lab/agent.ts';
import { pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { DIVISIBLE, divide, glfshealSplitBrains, prepareFiles, splitEverything } from '../support/split-brain.ts';

async function splitBrainsOf(agent: LabAgent): Promise<SplitBrainView> {
  const { json } = await agent.api('GET', '/v1/heal/split-brain');
  if (!Check(splitBrainSchema, json)) throw new Error(`not a list: ${JSON.stringify(json)}`);
  return json;
}

/** Once a pass has been made with all agents there. */
async function settled(lab: Lab, agent: LabAgent): Promise<SplitBrainView> {
  const after = new Date().toISOString();
  return await lab.waitFor(
    'a comparison',
    async () => {
      const view = await splitBrainsOf(agent);
      return view.unknown === null && (view.checkedAt ?? '') > after ? view : undefined;
    },
    { timeoutMs: 30_000 },
  );
}

describe.each([
  ['replica', 3, [0]],
  ['replica', 2, [0]],
  ['arbiter', 3, [0]],
] as const)('a %s volume of %i bricks that was divided', (type, bricks, first) => {
  let lab: Lab;
  let volume: Volume;
  let agents: LabAgent[];

  beforeAll(async () => {
    lab = await Lab.create({ name: `split-${type}-${bricks}` });
    volume = await lab.volume({ name: 'vol1', type, bricks, ...DIVISIBLE });
    await volume.start();
    await prepareFiles(volume);
    await divide(volume, first, splitEverything);
    agents = await startPeers(lab, volume, {
      BRICK_AGENT_SPLIT_BRAIN_INTERVAL_MS: '500',
      BRICK_AGENT_HEAL_INTERVAL_MS: '500',
    });
  });
  afterAll(async () => lab.destroy());

  function agentOf(index: number): LabAgent {
    const agent = agents[index];
    if (agent === undefined) throw new Error('no such agent');
    return agent;
  }

  it('is found in split-brain by every agent, each object by its kind', async () => {
    const expected = { data: 'data', meta: 'metadata', both: 'data,metadata', gfid: 'gfid', type: 'type', '': 'entry' };
    for (const agent of agents) {
      const { items } = await settled(lab, agent);
      const found = items.map(({ path, kinds }) => [path?.replace(/^\/sb\/?/, ''), kinds.join()]);
      expect(Object.fromEntries(found)).toEqual(expected);
    }
  });

  it('is found so by glfsheal, which knows nothing of names', async () => {
    const theirs = await glfshealSplitBrains(lab, volume);
    for (const [index, agent] of agents.entries()) {
      const { items } = await splitBrainsOf(agent);
      const ours = items.filter(({ kinds }) => !kinds.includes('gfid') && !kinds.includes('type'));
      expect(new Set(ours.map(({ gfid }) => gfid))).toEqual(theirs[index]);
    }
  });

  it('shows whom each copy blames, and what is under the name elsewhere', async () => {
    const { items } = await splitBrainsOf(agentOf(0));
    const of = (path: string) => items.find((item) => item.path === path);
    expect(of('/sb/data')?.copies.slice(0, 2)).toMatchObject([
      {
        brickIndex: 0,
        state: 'present',
        size: 5,
        blames: expect.arrayContaining([expect.objectContaining({ brickIndex: 1, metadata: 0 })]),
      },
      { brickIndex: 1, state: 'present', size: 18, blames: [{ brickIndex: 0, metadata: 0, entry: 0 }] },
    ]);
    const [own, other] = of('/sb/type')?.copies ?? [];
    expect([own?.named?.type, other?.named?.type]).toEqual(['directory', 'file']);
    expect(other).toMatchObject({ state: 'gone' });
  });

  it('is told in lists, explanations and metrics', async () => {
    const list = await agentOf(0).cli('heal', 'list');
    expect(list.stdout.match(/SplitBrain/g)).toHaveLength(6);
    expect(list.stdout).toMatch(/(BlamesAll|Pending) .*\/sb\/pending/);
    const shown = await agentOf(0).cli('heal', 'split-brain');
    expect([shown.code, shown.stdout]).toEqual([1, expect.stringContaining('/sb/both\n')]);
    const explained = await agentOf(0).cli('heal', 'explain', '/sb/gfid');
    expect(explained.stdout).toContain(
      'ERROR SplitBrain: split-brain, confirmed by all bricks of the set: the bricks have',
    );
    const backlog = await agentOf(0).cli('heal', 'explain');
    expect(backlog.stdout).toMatch(/ERROR SplitBrain: 6 objects are in split-brain[\s\S]*heal resolve/);
    expect((await agentOf(0).cli('heal', 'status')).stdout).toMatch(/^Split-brain 6 objects/m);
    // Nobody blames its copy, though it blames all others.
    const pending = await agentOf(0).cli('heal', 'explain', '/sb/pending');
    expect(pending.stdout).not.toContain('ERROR SplitBrain');
    const { text } = await agentOf(0).ops('/metrics');
    const counts = [...text.matchAll(/^gluster_heal_split_brain_objects\{.*kind="(\w+)".*\} (\d+)$/gm)];
    expect(Object.fromEntries(counts.map(([, kind, count]) => [kind, Number(count)]))).toEqual({
      data: 2,
      metadata: 2,
      entry: 1,
      gfid: 1,
      type: 1,
    });
  });

  it('tells of a name that a brick has lost with its mark, until it is looked up', async () => {
    const second = `${volume.brick(1).path}/links/second`;
    for (const key of listAttributesSync(second)) {
      const isIts =
        key.startsWith('trusted.gfid2path.') && getAttributeSync(second, key).toString().endsWith('/second');
      if (isIts) removeAttributeSync(second, key);
    }
    await rm(second);
    const explain = async () => (await agentOf(0).cli('heal', 'explain', '/links/first')).stdout;
    expect(await explain()).toContain('WARNING NameMissing: brick 1 has the object and not its name /links/second');
    const client = await volume.mount();
    await stat(`${client.path}/links/second`);
    await lab.waitFor('the name', async () => !(await explain()).includes('NameMissing'));
    expect((await stat(second)).nlink).toBe(3);
    await client.unmount();
  });

  it('is not known without the agent of one brick, and known again with it', async () => {
    const last = agentOf(agents.length - 1);
    await last.kill();
    const view = await lab.waitFor('the loss', async () => {
      const found = await splitBrainsOf(agentOf(0));
      return found.unknown === null ? undefined : found;
    });
    expect(view.unknown).toMatch(new RegExp(`brick ${agents.length - 1}`));
    expect((await agentOf(0).ops('/metrics')).text).not.toContain('gluster_heal_split_brain_objects{');
    expect((await agentOf(0).cli('heal', 'list')).stdout).not.toContain('SplitBrain');
    expect((await agentOf(0).cli('heal', 'explain', '/sb/data')).stdout).toContain('SplitBrainUnknown');
  });
});

describe('writers', () => {
  it('are never taken for a split-brain, however many and with a brick that comes and goes', async () => {
    await using lab = await Lab.create({ name: 'split-writers' });
    const volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const client = await volume.mount();
    const agents = await startPeers(lab, volume, {
      BRICK_AGENT_SPLIT_BRAIN_INTERVAL_MS: '500',
      BRICK_AGENT_HEAL_INTERVAL_MS: '200',
    });
    const stop = new AbortController();
    const writers = Array.from({ length: 4 }, async (_, who) => {
      for (let turn = 0; !stop.signal.aborted; turn += 1) {
        await writeFile(`${client.path}/file-${who}`, `turn ${turn}`);
        await chmod(`${client.path}/file-${who}`, 0o600 + (turn % 8));
        await writeFile(`${client.path}/new-${who}-${turn % 5}`, 'x');
        await rm(`${client.path}/new-${who}-${(turn + 2) % 5}`, { force: true });
      }
    });
    await volume.brick(1).kill('SIGKILL');
    await lab.waitFor('a backlog', async () => (await pendingHeals(volume)) > 0);
    await volume.brick(1).start();
    await client.waitConnected();
    for (const agent of agents) expect((await settled(lab, agent)).items).toEqual([]);
    stop.abort();
    await Promise.all(writers);
    await lab.waitFor('the heal', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 30_000 });
    for (const agent of agents) expect(await settled(lab, agent)).toMatchObject({ items: [], unknown: null });
    const said = await Promise.all(
      agents.map(async (agent) => (await agent.logs()).filter(({ msg }) => msg === 'split-brain')),
    );
    expect(said).toEqual([[], [], []]);
  });
});
