/** Split-brains made on real bricks and ended by each policy: what a client reads then, and what the bricks hold. */
import { chmod, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { gfidFromBytes } from '../../src/lib/gfid.ts';
import { resolutionSchema, type ResolutionView } from '../../src/agent/http/resolve-schemas.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { DIVISIBLE, divide } from '../support/split-brain.ts';

const DATA = ['big', 'late', 'source', 'majority', 'changed', 'dirty'];
/** In a directory of their own: on both sides, as different files. */
const ALL_NAMES = ['big-name', 'late-name', 'source-name', 'majority-name'];
const FIRST = 'of the first brick, and longer';
const SECOND = 'of the others';

describe.each([
  ['replica', [0]],
  // The data bricks against one another, the arbiter with the second.
  ['arbiter', [0]],
] as const)('a %s volume that was divided', (type, first) => {
  const NAMES = type === 'replica' ? ALL_NAMES : ['majority-name'];
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
      for (const name of NAMES) await writeFile(`${directory}/dir/${name}`, side === 0 ? FIRST : SECOND);
      if (side === 0) {
        await mkdir(`${directory}/dir/type`);
        await writeFile(`${directory}/dir/type/inside`, FIRST);
        await mkdir(`${directory}/dir/by-hand`);
        await writeFile(`${directory}/dir/by-hand/inside`, FIRST);
      } else for (const name of ['type', 'by-hand']) await writeFile(`${directory}/dir/${name}`, SECOND);
    });
    // Each brick stamps a write with its own clock; here the second is the latest for certain, and by no hair.
    const now = Date.now() / 1000;
    for (const [index, seconds] of [0, 20, 10].entries()) {
      for (const name of type === 'replica' ? ['late', 'dir/late-name'] : ['late']) {
        await utimes(`${volume.brick(index).path}/${name}`, now, now + seconds);
      }
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

  /** Exactly the plan that was shown. */
  async function carryOut(agent: LabAgent, object: string, flags: readonly string[], plan: string): Promise<void> {
    const [, policy, , index] = flags;
    const body = { object, policy, plan, ...(index === undefined ? {} : { sourceBrick: Number(index) }) };
    const { json, text } = await agent.api('POST', '/v1/heal/resolve', body, { timeoutMs: 60_000 });
    expect(json, text).toMatchObject({ plan, results: [{ outcome: 'Healed' }] });
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
    await carryOut(agent, `/${name}`, policy, planned.view.plan);
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
    const { code, view } = await resolve(agentOf(2), '/meta', '--policy', 'majority', '--yes');
    expect(code).toBe(0);
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

  // With an arbiter one will do, and the policies of names know no difference.
  it.each(
    (
      [
        ['big-name', ['--policy', 'bigger-file'], 0, FIRST],
        ['late-name', ['--policy', 'latest-mtime'], 1, SECOND],
        ['source-name', ['--policy', 'source-brick', '--source-brick', '0'], 0, FIRST],
        ['majority-name', ['--policy', 'majority'], 1, SECOND],
      ] as const
    ).filter(([name]) => type === 'replica' || name === 'majority-name'),
  )('different files named %s are ended by %j', async (name, policy, source, content) => {
    const agent = agentOf(NAMES.indexOf(name) % agents.length);
    const planned = await resolve(agent, `/dir/${name}`, ...policy);
    expect(planned).toMatchObject({ code: 0, view: { results: null, items: [{ kinds: ['gfid'], source }] } });
    expect(planned.view.items[0]?.removals.map(({ brickIndex }) => brickIndex)).toEqual(source === 0 ? [1, 2] : [0]);
    expect(new Set(await contents(`dir/${name}`)).size).toBe(2);
    await carryOut(agent, `/dir/${name}`, policy, planned.view.plan);
    expect(new Set(await contents(`dir/${name}`))).toEqual(new Set([content]));
    const client = await volume.mount();
    expect(await readFile(`${client.path}/dir/${name}`, 'utf8')).toBe(content);
    await client.unmount();
  });

  it('a directory is kept where a file has its name, and never removed', async () => {
    const refused = await resolve(agentOf(0), '/dir/type', '--policy', 'source-brick', '--source-brick', '1', '--yes');
    expect(refused).toMatchObject({
      code: 1,
      view: { results: null, items: [{ kinds: ['type'], refusal: expect.stringContaining('not removed') }] },
    });
    const { view } = await resolve(agentOf(0), '/dir/type', '--policy', 'source-brick', '--source-brick', '0', '--yes');
    expect(view.results).toMatchObject([{ outcome: 'Healed' }]);
    await lab.waitFor('what is in it', async () => {
      const found = await Promise.allSettled([contents('dir/type/inside')]);
      return found.every(
        (one) => one.status === 'fulfilled' && new Set(one.value).size === 1 && one.value[0] === FIRST,
      );
    });
  });

  it('a directory gives way to a file by hand, as the docs say', async () => {
    const brick = volume.brick(0);
    for (const path of ['dir/by-hand/inside', 'dir/by-hand']) {
      const gfid = gfidFromBytes(brick.xattr(path, 'trusted.gfid') ?? Buffer.alloc(0));
      await rm(`${brick.path}/${path}`, { recursive: true });
      await rm(`${brick.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`);
    }
    const path = 'dir/by-hand';
    await lab.waitFor(
      'the file',
      async () => {
        await agentOf(1).cli('heal', 'start');
        const [found] = await Promise.allSettled([contents(path)]);
        return found.status === 'fulfilled' && found.value.every((content) => content === SECOND);
      },
      { timeoutMs: 30_000 },
    );
    expect(new Set(await contents(path))).toEqual(new Set([SECOND]));
  });

  it('a name is left alone by its agent where the bricks do not confirm', async () => {
    const { json } = await agentOf(1).api('GET', '/v1/heal/split-brain');
    const gfid = /"gfid":"([^"]+)","kinds":\["data"\]/.exec(JSON.stringify(json))?.[1];
    const place = { type: 'file', size: 1, modifiedAt: 0, mode: 0, uid: 0, gid: 0, counters: {}, names: [] };
    const parent = '00000000-0000-0000-0000-000000000001';
    const removal = { parent, name: 'changed', gfid, expected: place };
    const reply = await agentOf(1).api('POST', '/v1/peer/heal/name', removal);
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('do not confirm')]);
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
    expect(audits).toContainEqual(expect.objectContaining({ action: 'RemoveName', size: SECOND.length }));
    await agentOf(0).cli('heal', 'start');
    await lab.waitFor('an empty index', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 60_000 });
    expect(await brickDifferences(volume)).toEqual([]);
  });
});
