/** What a person who asks is told of a heal, where one brick alone knows little: by the daemon's connections, and by the other bricks. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import type { Brick } from '../lab/brick.ts';
import type { CommandResult } from '../lab/command.ts';
import { brickDifferences } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';

const ENV = { BRICK_AGENT_HEAL_INTERVAL_MS: '200', BRICK_AGENT_IDENTITY_INTERVAL_MS: '500' };

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.create({ name: 'heal-told' });
});
afterAll(async () => lab.destroy());

/** As by a new disk: what a brick needs to start is there, and nothing else. */
async function wipe(brick: Brick): Promise<void> {
  await brick.kill('SIGKILL');
  for (const name of await readdir(brick.path)) await rm(`${brick.path}/${name}`, { recursive: true });
  await brick.prepare();
  await brick.start();
}

/** As soon as it is told so. */
async function told(agent: LabAgent, args: readonly string[], wanted: RegExp): Promise<CommandResult> {
  let last = '';
  try {
    return await lab.waitFor(`${args.join(' ')}: ${String(wanted)}`, async () => {
      const result = await agent.cli(...args);
      last = result.stdout + result.stderr;
      return wanted.test(last) ? result : undefined;
    });
  } catch (cause) {
    throw new Error(`told at last: ${last}`, { cause });
  }
}

describe('a distributed disperse volume', () => {
  let volume: Volume;
  let client: Mount;
  let first: LabAgent;
  let second: LabAgent;

  beforeAll(async () => {
    volume = await lab.volume({ name: 'ec', type: 'disperse', sets: 2 });
    await volume.start();
    client = await volume.mount();
    // Of each set: a brick without anything is called empty.
    await mkdir(`${client.path}/before`);
    const env = { ...ENV, BRICK_AGENT_DISPERSE_REDUNDANCY: '1' };
    [first, second] = await Promise.all([
      startAgent(lab, volume, volume.brick(0), { env }),
      startAgent(lab, volume, volume.brick(3), { env }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([first?.stop(), second?.stop()]);
    await client?.unmount();
  });

  async function disconnected(agent: LabAgent): Promise<string[]> {
    const { text } = await agent.ops('/metrics');
    return [...text.matchAll(/^gluster_heal_daemon_disconnected_bricks\{.*set="(\w+)".*\} (\d+)$/gm)].map(
      ([, set, count]) => `${set} ${count}`,
    );
  }

  it('has a daemon of which only the TCP connections are known', async () => {
    // Of a disperse volume what is being written stands in the index for a moment, too.
    const wanted = /Complete[\s\S]*Connected +unknown: .* TCP connection to each of 6 bricks/;
    // Right after its start the agent may not have heard from the brick yet, and says so.
    await lab.waitFor('exit 0', async () => (await told(first, ['heal', 'status'], wanted)).code === 0);
    expect(await disconnected(first)).toEqual([]);
  });

  it('that loses a brick is told which, and of which set', async () => {
    await volume.brick(2).kill('SIGKILL');
    // Some on each set, as their names hash.
    for (let file = 0; file < 12; file += 1) await writeFile(`${client.path}/file-${file}`, Buffer.alloc(10_000, 1));
    await told(first, ['heal', 'status'], /Connected +not to all: .*no connection to ec-client-2: start it/);
    await told(second, ['heal', 'status'], /Connected +not to all: .*no connection to ec-client-2 \(another set\)/);
    expect([await disconnected(first), await disconnected(second)]).toEqual([
      ['own 1', 'other 0'],
      ['own 0', 'other 1'],
    ]);
    const explained = await told(first, ['heal', 'explain'], /Progressing/);
    expect(explained.code).toBe(1);
    expect(explained.stdout).toMatch(/^ERROR BrickNotConnected: .*ec-client-2 of ec-disperse-0$/m);
    expect(explained.stdout).not.toMatch(/TooFewBricks|WaitsForCrawl/);
    const ofOther = await second.cli('heal', 'explain');
    expect([ofOther.code, ofOther.stdout]).toEqual([0, expect.stringContaining('INFO BrickNotConnected')]);
  });

  it('that loses one more of that set is told that nothing heals there', async () => {
    await volume.brick(1).kill('SIGKILL');
    const wanted = /^ERROR TooFewBricks: .* reaches 1 of the 3 bricks of ec-disperse-0, .* fewer than 2$/m;
    expect((await told(first, ['heal', 'explain'], wanted)).code).toBe(1);
    expect((await second.cli('heal', 'explain')).stdout).not.toContain('TooFewBricks');
  });

  it('is healed when they are back, and nothing is in the way any more', async () => {
    await volume.start();
    await told(first, ['heal', 'status'], /Connected +unknown: .* TCP connection to each of 6 bricks/);
    expect((await told(first, ['heal', 'explain'], /NothingPending/)).code).toBe(0);
    expect(await disconnected(first)).toEqual([]);
  });

  it('whose brick was wiped is told so there, refuses a mark that it does not know, and is restored by a full heal', async () => {
    const brick = volume.brick(2);
    await wipe(brick);
    const wiped = await startAgent(lab, volume, brick, { env: { ...ENV, BRICK_AGENT_DISPERSE_REDUNDANCY: '1' } });
    const explained = await told(wiped, ['heal', 'explain'], /ERROR BrickEmpty/);
    expect(explained.stdout).toMatch(/to do: .*heal start --full where that is refused/);
    const marked = await wiped.cli('heal', 'mark-replaced', '--yes');
    expect([marked.code, marked.stderr]).toEqual([1, expect.stringContaining('heal start --full')]);
    expect((await first.cli('heal', 'start', '--full')).code).toBe(0);
    await lab.waitFor('the full heal', async () => (await brickDifferences(volume)).length === 0, {
      timeoutMs: 60_000,
    });
    expect((await told(wiped, ['heal', 'status'], /Complete/)).code).toBe(0);
    await wiped.stop();
  });
});

describe('a replicated volume', () => {
  let volume: Volume;
  let client: Mount;
  let agents: LabAgent[];
  const agentOf = (index: number): LabAgent => {
    const agent = agents[index];
    if (agent === undefined) throw new Error(`no agent ${index}`);
    return agent;
  };

  beforeAll(async () => {
    volume = await lab.volume({ name: 'afr', type: 'replica' });
    await volume.start();
    client = await volume.mount();
    await writeFile(`${client.path}/before`, 'before');
    agents = await startPeers(lab, volume, ENV);
    await Promise.all(agents.map(async (agent) => await told(agent, ['heal', 'status'], /to all, 3 bricks/)));
  });

  it('whose brick is down says so in its own pod, though that brick knows of nothing', async () => {
    await volume.brick(2).kill('SIGKILL');
    for (let file = 0; file < 4; file += 1) await writeFile(`${client.path}/missed-${file}`, 'missed');
    const status = await told(agentOf(2), ['heal', 'status'], /^Brick +does not serve \(.*ECONNREFUSED/m);
    expect([status.code, status.stdout]).toEqual([1, expect.stringContaining('Complete: nothing waits')]);
    const wanted = /ERROR BrickDown: [\s\S]*BehindOther: this brick missed what brick 0 has[\s\S]*what brick 1 has/;
    const explained = await told(agentOf(2), ['heal', 'explain'], wanted);
    expect(explained.code).toBe(1);
    expect(explained.stdout).toContain('no connection to afr-client-2 (this brick)');
    expect((await agentOf(0).cli('heal', 'explain')).stdout).not.toMatch(/BehindOther|BrickDown|this brick/);
  });

  it('tells what a list leaves out, and that nothing is being written is not that nothing waits', async () => {
    const cut = await agentOf(0).cli('heal', 'list', '--limit', '2');
    expect(cut.stdout).toMatch(/^There are more/m);
    expect((await agentOf(0).cli('heal', 'list')).stdout).not.toContain('There are more');
    const dirty = await told(agentOf(0), ['heal', 'list', '--index', 'dirty'], /^Nothing is being written/);
    expect(dirty.code).toBe(0);
  });

  it('tells what its daemon is about, while something waits and when nothing does any more', async () => {
    const crawls = /^Crawls +of the index, (?:under way|the last): \d+ healed/m;
    expect((await told(agentOf(0), ['heal', 'status'], crawls)).stdout).toMatch(/^Pending +[1-9]/m);
    await volume.start();
    await told(agentOf(0), ['heal', 'status'], /Complete[\s\S]*^Crawls +of the index, the last: \d+ healed/m);
    await lab.waitFor('a daemon at rest', async () =>
      /^gluster_heal_daemon_crawling\{.*\} 0$/m.test((await agentOf(0).ops('/metrics')).text),
    );
    // None is made without having been asked for: a brick that is back is crawled for.
    const { daemon } = JSON.parse((await agentOf(0).cli('heal', 'status', '-o', 'json')).stdout);
    expect(daemon.crawls.newest).toEqual([expect.objectContaining({ kind: 'index', running: 0, splitBrain: 0 })]);
    await volume.brick(2).kill('SIGKILL');
    for (let file = 0; file < 4; file += 1) await writeFile(`${client.path}/more-${file}`, 'missed');
  });

  it('is asked once more for a heal, and tells what the daemon says then', async () => {
    const before = await agentOf(0).cli('heal', 'start');
    expect(before.stdout).toMatch(/brick 1: Started self-heal[\s\S]*brick 2: Brick is not connected/);
    await volume.brick(1).kill('SIGKILL');
    await told(agentOf(0), ['heal', 'explain'], /TooFewBricks: .* reaches 1 of the 3 bricks/);
    const again = await agentOf(0).cli('heal', 'start');
    expect(again.stdout).not.toMatch(/brick 1: Started self-heal/);
    await volume.start();
    await told(agentOf(0), ['heal', 'status'], /Complete/);
  });

  it('whose daemon has just ended is told so at once, and not that a brick keeps it waiting', async () => {
    // The agent looks at processes seldom, and has not seen it.
    await agentOf(1).stop();
    const seldom = await startAgent(lab, volume, volume.brick(1), {
      env: { ...ENV, BRICK_AGENT_IDENTITY_INTERVAL_MS: '60000' },
    });
    await told(seldom, ['heal', 'status'], /to all, 3 bricks/);
    await volume.shd.kill('SIGKILL');
    const explained = await seldom.cli('heal', 'explain');
    expect(explained.stdout).toMatch(/^ERROR HealDaemonDown: pid \d+ .*is not running$/m);
    expect(explained.stdout).not.toContain('HealDaemonSilent');
  });

  it('without peers says that, where the other bricks would have to be asked', async () => {
    await agentOf(0).stop();
    const alone = await startAgent(lab, volume, volume.brick(0), { env: ENV });
    const resolved = await alone.cli('heal', 'resolve', '/before', '--policy', 'majority');
    expect([resolved.code, resolved.stderr]).toEqual([1, expect.stringContaining('no peers are configured')]);
    const wrong = await alone.cli('heal', 'explain', 'before');
    expect(wrong.stderr).toContain('"before" is neither a gfid nor a path');
    const both = await agentOf(2).cli('heal', 'resolve', '/before', '--pv', 'x', '--policy', 'majority');
    expect(both.stderr).toContain('and not both');
  });
});

describe('an arbiter that was wiped', () => {
  it('is marked on the others, and healed', async () => {
    const volume = await lab.volume({ name: 'arb', type: 'arbiter' });
    await volume.start();
    const client = await volume.mount();
    for (let file = 0; file < 8; file += 1) await writeFile(`${client.path}/file-${file}`, 'content');
    await client.unmount();
    const agents = await startPeers(lab, volume, ENV);
    const arbiter = agents[2];
    if (arbiter === undefined) throw new Error('no agent');
    await wipe(volume.brick(2));
    await told(arbiter, ['heal', 'mark-replaced'], /brick 0: trusted.afr.arb-client-2 [\s\S]*brick 1: /);
    const marked = await arbiter.cli('heal', 'mark-replaced', '--yes');
    expect([marked.code, marked.stdout.match(/: marked$/gm)?.length]).toEqual([0, 2]);
    await lab.waitFor('the heal', async () => (await brickDifferences(volume)).length === 0, { timeoutMs: 60_000 });
    await told(arbiter, ['heal', 'safe-to-stop'], /Safe/);
    await Promise.all(agents.map(async (agent) => await agent.stop()));
  });
});

describe('a volume of one copy', () => {
  it('is not waited for before its brick is stopped, and has no daemon to be asked', async () => {
    const volume = await lab.volume({ name: 'one', type: 'single' });
    await volume.start();
    const agent = await startAgent(lab, volume, volume.brick(0), { env: ENV });
    const stopped = await agent.cli('pre-stop', '--wait', '50s', '-o', 'json');
    const { waitedMs, reasons } = JSON.parse(stopped.stdout);
    expect([stopped.code, waitedMs < 5000, reasons[0].code]).toEqual([1, true, 'SingleCopy']);
    const started = await agent.cli('heal', 'start');
    expect([started.code, started.stderr]).toEqual([1, expect.stringContaining('no self-heal daemon')]);
  });
});
