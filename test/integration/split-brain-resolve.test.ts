/** Split-brains made on real bricks and ended by each policy: what a client reads then, and what the bricks hold. */
import { chmod, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { resolutionSchema, type ResolutionView } from '../../src/agent/http/resolve-schemas.ts';
import type { LabAgent } from '../lab/agent.ts';
import { pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { DIVISIBLE, divide } from '../support/split-brain.ts';

const DATA = ['big', 'late', 'source', 'majority', 'changed', 'dirty'];
const FIRST = 'of the first brick, and longer';
const SECOND = 'of the others';

describe.each([
  ['replica', [0]],
  // The data bricks against one another, the arbiter with the second.
  ['arbiter', [0]],
] as const)('a %s volume that was divided', (type, first) => {
  let lab: Lab;
  let volume: Volume;
  let pv: Pv;
  let agents: LabAgent[];

  beforeAll(async () => {
    lab = await Lab.create({ name: `resolve-${type}` });
    const shdOptions = { 'cluster/replicate': { 'quorum-type': 'none' } };
    volume = await lab.volume({ name: 'vol1', type, ...DIVISIBLE, shdOptions });
    await volume.start();
    const before = await volume.mount();
    pv = await createPv(before, 'pvc-1', 1024 ** 2);
    for (const name of [...DATA, 'meta']) await writeFile(`${before.path}/${name}`, 'before');
    for (const name of ['one', 'two']) await writeFile(`${pv.path}/${name}`, 'before');
    await mkdir(`${before.path}/dir`);
    await before.unmount();
    await divide(volume, first, async (directory, side) => {
      for (const name of DATA) await writeFile(`${directory}/${name}`, side === 0 ? FIRST : SECOND);
      for (const name of ['one', 'two'])
        await writeFile(`${directory}/${pv.relativePath}/${name}`, side === 0 ? FIRST : SECOND);
      await chmod(`${directory}/meta`, 0o640 + side);
      await writeFile(`${directory}/dir/gfid`, String(side));
    });
    // Each brick stamps a write with its own clock; here the second is the latest for certain, and by no hair.
    const now = Date.now() / 1000;
    for (const [index, seconds] of [0, 20, 10].entries()) {
      await utimes(`${volume.brick(index).path}/late`, now, now + seconds);
    }
    await volume.shd.start();
    agents = await startPeers(lab, volume, {
      BRICK_AGENT_SHD: 'on',
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

  async function resolve(agent: LabAgent, ...args: string[]): Promise<{ code: number | null; view: ResolutionView }> {
    const { code, stdout, stderr } = await agent.cli('heal', 'resolve', ...args, '-o', 'json');
    const view: unknown = stdout === '' ? undefined : JSON.parse(stdout);
    if (!Check(resolutionSchema, view)) throw new Error(`not a resolution: ${stdout}${stderr}`);
    return { code, view };
  }

  /** Content on every brick that has data. */
  async function contents(path: string): Promise<string[]> {
    const bricks = volume.bricks.filter(({ isArbiter }) => !isArbiter);
    return await Promise.all(bricks.map(async (brick) => readFile(`${brick.path}/${path}`, 'utf8')));
  }

  it.each([
    ['big', ['--policy', 'bigger-file'], 0, FIRST],
    ['late', ['--policy', 'latest-mtime'], 1, SECOND],
    ['source', ['--policy', 'source-brick', '--source-brick', '0'], 0, FIRST],
    ['majority', ['--policy', 'majority'], 1, SECOND],
  ] as const)('%s is ended by %j', async (name, policy, source, content) => {
    // Whichever agent is asked.
    const agent = agentOf(DATA.indexOf(name) % agents.length);
    const planned = await resolve(agent, `/${name}`, ...policy);
    expect(planned).toMatchObject({
      code: 0,
      view: { results: null, items: [{ path: `/${name}`, refusal: null, source }] },
    });
    expect(new Set(await contents(name)).size).toBe(2);
    const { code, view } = await resolve(agent, `/${name}`, ...policy, '--yes');
    expect(view.results).toMatchObject([{ outcome: 'Healed' }]);
    expect([code, view.plan]).toEqual([0, planned.view.plan]);
    expect(new Set(await contents(name))).toEqual(new Set([content]));
    const client = await volume.mount();
    expect(await readFile(`${client.path}/${name}`, 'utf8')).toBe(content);
    await client.unmount();
    const again = await agent.cli('heal', 'resolve', `/${name}`, ...policy);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is not in split-brain')]);
  });

  it('metadata are ended by brick or majority only', async () => {
    const refused = await resolve(agentOf(0), '/meta', '--policy', 'bigger-file', '--yes');
    expect(refused).toMatchObject({
      code: 1,
      view: { results: null, items: [{ refusal: expect.stringContaining('metadata') }] },
    });
    const { view } = await resolve(agentOf(2), '/meta', '--policy', 'majority', '--yes');
    expect(view.results).toMatchObject([{ outcome: 'Healed' }]);
    const modes = await Promise.all(
      volume.bricks.map(async (brick) => (await stat(`${brick.path}/meta`)).mode & 0o777),
    );
    expect(new Set(modes)).toEqual(new Set([0o641]));
  });

  it('all of a PV are ended at once', async () => {
    await lab.waitFor('both to be known', async () =>
      (await agentOf(1).cli('heal', 'split-brain')).stdout.includes('/two'),
    );
    const { code, view } = await resolve(agentOf(1), '--pv', 'pvc-1', '--policy', 'latest-mtime', '--yes');
    expect(view.results).toMatchObject([{ outcome: 'Healed' }, { outcome: 'Healed' }]);
    expect(code).toBe(0);
    for (const name of ['one', 'two']) {
      expect(new Set(await contents(`${pv.relativePath}/${name}`))).toEqual(new Set([SECOND]));
    }
  });

  it('nothing is done when anything has changed since the plan', async () => {
    const body = { object: '/changed', policy: 'source-brick', sourceBrick: 1 };
    const { json } = await agentOf(0).api('POST', '/v1/heal/resolve', body, { timeoutMs: 60_000 });
    if (!Check(resolutionSchema, json)) throw new Error(JSON.stringify(json));
    await chmod(`${volume.brick(1).path}/changed`, 0o600);
    const reply = await agentOf(0).api('POST', '/v1/heal/resolve', { ...body, plan: json.plan }, { timeoutMs: 60_000 });
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('something has changed since plan')]);
    expect(new Set(await contents('changed')).size).toBe(2);
  });

  it('nothing is done while it is being written', async () => {
    const path = `${volume.brick(1).path}/dirty`;
    setAttributeSync(path, 'trusted.afr.dirty', Buffer.from('000000010000000000000000', 'hex'));
    const { view } = await resolve(agentOf(0), '/dirty', '--policy', 'source-brick', '--source-brick', '1', '--yes');
    expect(view).toMatchObject({ results: null, items: [{ refusal: expect.stringContaining('it is being written') }] });
    removeAttributeSync(path, 'trusted.afr.dirty');
  });

  it('a row that is not what was planned with is left alone by its agent', async () => {
    const { json } = await agentOf(1).api('GET', '/v1/heal/split-brain');
    const gfid = /"gfid":"([^"]+)","kinds":\["data"\]/.exec(JSON.stringify(json))?.[1];
    const add = { data: -1, metadata: 0, entry: 0 };
    const change = { gfid, child: 'vol1-client-0', add, expected: {} };
    const reply = await agentOf(1).api('POST', '/v1/peer/heal/changelog', change);
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('have changed since the plan')]);
  });

  it('what means different objects is left to people', async () => {
    const { code, view } = await resolve(agentOf(0), '/dir/gfid', '--policy', 'majority', '--yes');
    expect([code, view.results]).toEqual([1, null]);
    expect(view.items).toMatchObject([
      { kinds: ['gfid'], refusal: expect.stringContaining('different objects have its name') },
    ]);
  });

  it('leaves an audit line for every row, and an index without what is ended', async () => {
    for (const [name, brick] of [
      ['changed', '0'],
      ['dirty', '1'],
    ] as const) {
      const { view } = await resolve(
        agentOf(0),
        `/${name}`,
        '--policy',
        'source-brick',
        '--source-brick',
        brick,
        '--yes',
      );
      expect(view.results).toMatchObject([{ outcome: 'Healed' }]);
    }
    const lines = (await Promise.all(agents.map(async (agent) => agent.logs()))).flat();
    const audits = lines.flatMap(({ audit }) => (typeof audit === 'object' && audit !== null ? [audit] : []));
    expect(audits.filter((audit) => 'before' in audit && 'after' in audit).length).toBeGreaterThanOrEqual(8);
    // The directory and both files of the name that is left to people.
    await lab.waitFor('the rest of the index', async () => (await pendingHeals(volume)) <= 6, { timeoutMs: 30_000 });
  });
});
