/** Split-brains made on real bricks and ended by each policy: what a client reads then, and what the bricks hold. */
import { chmod, open as openFile, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { gfidFromBytes } from '../../src/lib/gfid.ts';
import { resolutionSchema, type ResolutionView } from '../../src/agent/http/resolve-schemas.ts';
import { POLICIES, type Policy } from '../../src/heal/resolve.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { pvPath } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import {
  contentsOf,
  expectedContents,
  FIRST,
  KINDS,
  MATRIX,
  prepareMatrix,
  pvOf,
  SECOND,
  setTimes,
  splitMatrix,
} from '../support/resolve-matrix.ts';
import { DIVISIBLE, divide } from '../support/split-brain.ts';

const DATA = ['changed', 'dirty', 'open'];
const saying = (text: string): unknown => expect.stringContaining(text);

describe.each([
  ['replica', [0]],
  // The data bricks against one another, the arbiter with the second.
  ['arbiter', [0]],
] as const)('a %s volume that was divided', (type, first) => {
  let lab: Lab;
  let volume: Volume;
  let agents: LabAgent[];
  /** Of a client that had it open before, and still has. */
  let open: FileHandle;
  let holder: Mount;

  beforeAll(async () => {
    lab = await Lab.create({ name: `resolve-${type}` });
    const shdOptions = { 'cluster/replicate': { 'quorum-type': 'none' } };
    volume = await lab.volume({ name: 'vol1', type, ...DIVISIBLE, shdOptions });
    await volume.start();
    const before = await volume.mount();
    await prepareMatrix(before);
    for (const name of DATA) await writeFile(`${before.path}/${name}`, 'before');
    // Through an outage a client keeps what it has open.
    open = await openFile(`${before.path}/open`, 'r+');
    holder = before;
    await divide(volume, first, async (directory, side) => {
      for (const name of DATA) await writeFile(`${directory}/${name}`, side === 0 ? FIRST : SECOND);
      await splitMatrix(directory, side);
    });
    await setTimes(volume);
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

  /** The plan for all of a PV, once all of it is known; then exactly that is carried out, and nothing else. */
  async function endAllOf(agent: LabAgent, policy: Policy): Promise<{ planned: ResolutionView; done: ResolutionView }> {
    const cells = Object.keys(MATRIX[policy]).length;
    const flags = policy === 'source-brick' ? ['--source-brick', '0'] : [];
    const planned = await lab.waitFor('all of the PV to be known', async () => {
      const { code, stdout } = await agent.cli('heal', 'split-brain', '-o', 'json');
      if (code !== 1 || stdout.split(`/${pvOf(policy)}/`).length - 1 < cells) return undefined;
      const { view } = await resolve(agent, '--pv', pvOf(policy), '--policy', policy, ...flags);
      return view.items.length === cells ? view : undefined;
    });
    const body = { pv: pvOf(policy), policy, plan: planned.plan, ...(flags.length > 0 ? { sourceBrick: 0 } : {}) };
    const { json, text } = await agent.api('POST', '/v1/heal/resolve', body, { timeoutMs: 60_000 });
    if (!Check(resolutionSchema, json)) throw new Error(text);
    return { planned, done: json };
  }

  it('each policy ends what it can of every kind, and says of the others what would', async () => {
    const dataBricks = volume.bricks.filter(({ isArbiter }) => !isArbiter);
    // Whichever agent is asked.
    const ended = await Promise.all(
      POLICIES.map(async (policy, at) => ({ policy, ...(await endAllOf(agentOf(at % agents.length), policy)) })),
    );
    const client = await volume.mount();
    for (const { policy, planned, done } of ended) {
      const pv = pvPath(pvOf(policy));
      const byName = planned.items.map((item) => [item.path?.slice(pv.length + 2) ?? '', item] as const);
      const wanted = Object.fromEntries(
        Object.entries(MATRIX[policy]).map(([name, kept]) => {
          const isRefused = typeof kept === 'string';
          const outcome = isRefused ? { refusal: saying(kept) } : { refusal: null, source: kept };
          // Of names, the bricks that have another object lose it.
          const losers = isRefused || !/gfid|type/.test(KINDS[name] ?? '') ? [] : kept === 0 ? [1, 2] : [0];
          return [name, { kinds: KINDS[name], removals: losers, ...outcome }];
        }),
      );
      const shown = byName.map(([name, { kinds, removals, refusal, source }]) => {
        const outcome = refusal === null ? { refusal, source } : { refusal };
        return [name, { kinds: kinds.join(), removals: removals.map(({ brickIndex }) => brickIndex), ...outcome }];
      });
      expect(Object.fromEntries(shown), policy).toEqual(wanted);
      expect(done.plan).toBe(planned.plan);
      // On a busy machine a heal may last longer than the agent waits; that it comes is seen below.
      const outcomes = byName.map(([name, { gfid }]) => {
        const outcome = done.results?.find((one) => one.gfid === gfid)?.outcome;
        return [name, outcome === 'Healing' ? 'Healed' : outcome];
      });
      expect(Object.fromEntries(outcomes), JSON.stringify(done.results)).toEqual(
        Object.fromEntries(
          Object.entries(MATRIX[policy]).map(([name, kept]) => [name, typeof kept === 'string' ? 'Refused' : 'Healed']),
        ),
      );
      // What is in a directory that is kept is healed after it.
      await lab.waitFor(`${policy} on all bricks and for a client`, async () => {
        for (const path of [...dataBricks.map((brick) => brick.path), client.path]) {
          const found = await contentsOf(`${path}/${pv}`);
          expect(found, `${path}: ${JSON.stringify(found)}`).toMatchObject(expectedContents(policy));
        }
        return true;
      });
    }
    const again = await agentOf(2).cli('heal', 'resolve', `/${pvPath(pvOf('majority'))}/data`, '--policy', 'majority');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is not in split-brain')]);
    await client.unmount();
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

  it('nothing is done while it is being written, or while a client has it open', async () => {
    const path = `${volume.brick(1).path}/dirty`;
    setAttributeSync(path, 'trusted.afr.dirty', Buffer.from('000000010000000000000000', 'hex'));
    await holder.waitConnected();
    const keep = ['--policy', 'source-brick', '--source-brick', '1', '--yes'];
    const refused = await Promise.all(
      ['/dirty', '/open'].map(async (name, at) => (await resolve(agentOf(at), name, ...keep)).view),
    );
    expect(refused).toMatchObject([
      { results: null, items: [{ refusal: saying('it is being written') }] },
      { results: null, items: [{ refusal: saying('it is in use, 1 open file handle on brick 1: ') }] },
    ]);
    expect(new Set(await contents('open')).size).toBe(2);
    removeAttributeSync(path, 'trusted.afr.dirty');
    await open.close();
    await holder.unmount();
  });

  it('a row that is not what was planned with is left alone by its agent', async () => {
    const { json } = await agentOf(1).api('GET', '/v1/heal/split-brain');
    const gfid = /"gfid":"([^"]+)","kinds":\["data"\]/.exec(JSON.stringify(json))?.[1];
    const add = { data: -1, metadata: 0, entry: 0 };
    const change = { gfid, child: 'vol1-client-0', add, expected: {} };
    const reply = await agentOf(1).api('POST', '/v1/peer/heal/changelog', change);
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('have changed since the plan')]);
  });

  it('a directory gives way to a file by hand, as the docs say', async () => {
    const brick = volume.brick(0);
    const path = `${pvPath(pvOf('majority'))}/names/dir`;
    for (const removed of [`${path}/inside`, path]) {
      const gfid = gfidFromBytes(brick.xattr(removed, 'trusted.gfid') ?? Buffer.alloc(0));
      await rm(`${brick.path}/${removed}`, { recursive: true });
      await rm(`${brick.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`);
    }
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
    // All that is left, each by one that ends it.
    const left = [
      ['/changed', '--policy', 'source-brick', '--source-brick', '0'],
      ['/dirty', '--policy', 'source-brick', '--source-brick', '1'],
      ['/open', '--policy', 'source-brick', '--source-brick', '1'],
      ['--pv', pvOf('source-brick'), '--policy', 'majority'],
      ['--pv', pvOf('bigger-file'), '--policy', 'source-brick', '--source-brick', '0'],
      ['--pv', pvOf('latest-mtime'), '--policy', 'source-brick', '--source-brick', '0'],
    ];
    const ended = await Promise.all(
      left.map(async (args, at) => resolve(agentOf(at % agents.length), ...args, '--yes')),
    );
    for (const { view } of ended) {
      const outcomes = (view.results ?? []).filter(({ outcome }) => outcome !== 'Refused');
      expect(outcomes.length).toBeGreaterThan(0);
      // What the agent did not wait for, the comparison of the bricks does.
      const others = outcomes.filter(({ outcome }) => outcome !== 'Healed' && outcome !== 'Healing');
      expect(others, JSON.stringify(view)).toEqual([]);
    }
    const lines = (await Promise.all(agents.map(async (agent) => agent.logs()))).flat();
    const audits = lines.flatMap(({ audit }) => (typeof audit === 'object' && audit !== null ? [audit] : []));
    expect(audits.filter((audit) => 'before' in audit && 'after' in audit).length).toBeGreaterThanOrEqual(8);
    expect(audits).toContainEqual(expect.objectContaining({ action: 'RemoveName', size: SECOND.length }));
    await agentOf(0).cli('heal', 'start');
    await lab.waitFor('an empty index', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 60_000 });
    expect(await brickDifferences(volume)).toEqual([]);
    // Names of both sides are there, as soon as none of the directory means different objects.
    for (const policy of POLICIES) {
      const names = `${volume.brick(0).path}/${pvPath(pvOf(policy))}/names`;
      expect([await readFile(`${names}/side-0`, 'utf8'), await readFile(`${names}/side-1`, 'utf8')]).toEqual([
        FIRST,
        SECOND,
      ]);
    }
  });
});
