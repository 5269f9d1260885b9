/** Changes that only a restart brings in: agents of a replica set restart their bricks by themselves, one after the other. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { volfileListSchema, type VolfileView } from '../../src/agent/http/schemas.ts';
import { volfilePlanListSchema, type VolfilePlanView } from '../../src/agent/http/volfile-plan-schemas.ts';
import { SETTLE_MS } from '../../src/heal/disruption.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { ConfigMap } from '../lab/config-map.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import { Supervisor } from '../lab/supervisor.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { ClientLoad } from '../support/client-load.ts';
import { expectNoErrorsBut } from '../support/in-flight.ts';

const MiB = 1024 ** 2;
/** Long enough for a brick on a busy machine to come back, short enough for a test to wait for one that does not. */
const RETURN_MS = 12_000;

/** The brick whose agent shares no process namespace with it. */
const UNSEEN = 1;

let lab: Lab;
let volume: Volume;
let client: Mount;
let pv: Pv;
let agents: LabAgent[];
let supervisors: Supervisor[];
/** What a person edits. The bricks read the lab's own directory, which is made the staging directory. */
let source: ConfigMap;
const good: string[] = [];
let names: string[] = [];
let env: Record<string, string>;

beforeAll(async () => {
  lab = await Lab.create({ name: 'volfile-restart' });
  volume = await lab.volume({ name: 'vol1', type: 'replica' });
  source = new ConfigMap(`${volume.dir}/source`);
  names = [...volume.bricks.map(({ volfileName }) => volfileName), volume.shd.volfileName, `${volume.name}.vol`];
  const texts = await Promise.all(names.map(async (name) => [name, await volume.configMap.text(name)] as const));
  await rm(volume.configMap.dir, { recursive: true });
  await mkdir(volume.configMap.dir);
  for (const [name, text] of texts) await writeFile(`${volume.configMap.dir}/${name}`, text);
  await source.swap(Object.fromEntries(texts));
  for (const { volfileName } of volume.bricks) good.push(await source.text(volfileName));
  await volume.start();
  supervisors = volume.bricks.map((brick) => new Supervisor(brick));
  client = await volume.mount();
  pv = await createPv(await volume.mount({ pid: -14 }), 'pvc-1', 256 * MiB, { limit: true });
  env = {
    BRICK_AGENT_VOLFILE_DIR: source.dir,
    BRICK_AGENT_VOLFILE_STAGING: volume.configMap.dir,
    BRICK_AGENT_VOLFILE_RESTART: 'auto',
    BRICK_AGENT_VOLFILE_RETURN_MS: String(RETURN_MS),
    // Nothing but the restart makes the brick write down what it counts.
    BRICK_AGENT_QUOTA_GUARD_INTERVAL_MS: '0',
    BRICK_AGENT_QUOTA_AUDIT_INTERVAL_MS: '0',
  };
  agents = await startPeers(lab, volume, env, (index) => ({ ownPids: index === UNSEEN }));
});
afterAll(async () => {
  await Promise.all(supervisors.map(async (supervisor) => supervisor.stop()));
  await lab.destroy();
});

/** The volfile of a brick with one more translator below the index. */
function withTranslator(text: string, type: string): string {
  return text
    .replace(
      'volume vol1-index\n',
      `volume vol1-extra\n    type ${type}\n    subvolumes vol1-io-threads\nend-volume\n\n$&`,
    )
    .replace(/(volume vol1-index\n[^]*?subvolumes )vol1-io-threads/, '$1vol1-extra');
}

async function volfileOf(agent: LabAgent | undefined, name: 'brick' | 'shd'): Promise<VolfileView> {
  const json = (await agent?.api('GET', '/v1/volfiles'))?.json;
  const view = Check(volfileListSchema, json) ? json.items.find(({ process }) => process === name) : undefined;
  if (view === undefined) throw new Error(`no volfile of the ${name}: ${JSON.stringify(json)}`);
  return view;
}

async function brickVolfile(index: number): Promise<VolfileView> {
  return await volfileOf(agents[index], 'brick');
}

/** `InForce True`, ... */
function conditionsOf({ conditions }: VolfileView): string[] {
  return conditions.map(({ type, status }) => `${type} ${status}`);
}

async function verdict(index: number): Promise<string> {
  const { outcome, reason } = await brickVolfile(index);
  return `${outcome}/${reason}`;
}

/** What the running process wrote down as its graph when it started. */
async function startedGraph(index: number): Promise<string> {
  const log = await readFile(volume.brick(index).logFile, 'utf8');
  return log.slice(log.lastIndexOf('Final graph:'));
}

describe('what a ConfigMap would do', () => {
  it('is said by the agent of each brick before it is applied, and nothing is done', async () => {
    const [agent] = agents;
    if (agent === undefined) throw new Error('no agent');
    await lab.waitFor('what runs', async () => {
      const { json } = await agent.api('GET', '/v1/volfiles');
      return Check(volfileListSchema, json) && json.items.every(({ reason }) => reason === 'SameFile');
    });
    const { pid } = volume.brick(0);
    const before = await agent.api('GET', '/v1/volfiles');
    const files = Object.fromEntries(
      await Promise.all([...names].map(async (name) => [name, await source.text(name)] as const)),
    );
    const plan = async (change: Record<string, string>): Promise<VolfilePlanView[]> => {
      const { json } = await agent.api('POST', '/v1/volfiles/plan', { files: { ...files, ...change } });
      if (!Check(volfilePlanListSchema, json)) throw new Error(JSON.stringify(json));
      return json.items;
    };
    const same = await plan({});
    expect(same.map(({ process, kind, action }) => [process, kind, action])).toEqual([
      ['brick', 'unchanged', 'none'],
      ['shd', 'unchanged', 'none'],
    ]);
    const text = good[0] ?? '';
    const name = volume.brick(0).volfileName;
    const [tree] = await plan({ [name]: withTranslator(text, 'features/upcall') });
    expect(tree).toMatchObject({ kind: 'topology', action: 'restart', restartBy: 'agent' });
    const live = text.replace('count-fop-hits off', 'count-fop-hits on');
    expect((await plan({ [name]: live }))[0]).toMatchObject({
      kind: 'options',
      action: 'reload',
      changes: [{ key: 'count-fop-hits', from: 'off', to: 'on', live: 'logged' }],
    });
    const fatal = text.replace(/ *option auth-path .*\n/, '');
    expect((await plan({ [name]: fatal }))[0]).toMatchObject({ kind: 'rejected', action: 'refuse' });

    const path = `${volume.dir}/candidate.vol`;
    await writeFile(path, live);
    const diff = await agent.cli('volfile', 'diff', '--process', 'brick', path);
    expect(diff.stdout).toContain('brick: options: the same translators, other options; a running process takes it');
    expect(diff.stdout).toContain('"off" -> "on" (live)');
    expect(diff.code).toBe(1);
    const dir = await agent.cli('volfile', 'plan', `${source.dir}/..data`);
    expect([dir.code, dir.stdout]).toEqual([0, expect.stringMatching(/^brick: unchanged[^]*\nshd: unchanged/)]);

    expect((await agent.api('GET', '/v1/volfiles')).json).toEqual(before.json);
    expect(volume.brick(0).pid).toBe(pid);
  });
});

describe('an agent that shares no process namespace', () => {
  it('says what is known all the same, and nothing else', async () => {
    const agent = agents[UNSEEN];
    if (agent === undefined) throw new Error('no agent');
    await lab.waitFor('what runs', async () => (await verdict(UNSEEN)) === 'Unchanged/SameFile');
    const { text } = await agent.ops('/metrics');
    // Neither up nor down, and how often it was restarted is not known.
    expect(text).not.toMatch(/^gluster_process_/m);
    expect(text).toMatch(/^gluster_volfile_restart_required\{process="brick",.*\} 0$/m);
    for (const path of ['/readyz', '/brick/livez', '/brick/startupz', '/brick/readyz', '/shd/livez']) {
      await lab.waitFor(`200 of ${path}`, async () => (await agent.ops(path)).status === 200);
    }
    expect((await agent.ops('/brick/livez?verbose')).text).toContain('is the process namespace shared?');
    const doctor = (await agent.cli('doctor')).stdout;
    expect(doctor).toContain('which process is the brick process is not proven, though it answers');
    expect(doctor).not.toMatch(/ProcessDown|HealDaemonDown/);
    expect((await agent.cli('status')).stdout).toMatch(/^Daemon +Unknown.*it answers, and cannot be seen/m);
  });
});

describe('policy auto', () => {
  it('takes a new tree to all bricks of a set under I/O, one after the other, without an error for a client', async () => {
    const pids = volume.bricks.map(({ pid }) => pid);
    const load = new ClientLoad(`${client.path}/${pv.relativePath}/load`);
    await load.start();
    await lab.waitFor('some load', () => load.operations > 100);
    const changed = volume.bricks.map(({ volfileName }, index) => [
      volfileName,
      withTranslator(good[index] ?? '', 'features/upcall'),
    ]);
    await source.swap(Object.fromEntries(changed));
    for (const [index] of agents.entries()) {
      await lab.waitFor(`brick ${index} restarted`, async () => (await verdict(index)) === 'Applied/Restarted', {
        timeoutMs: 8 * SETTLE_MS,
      });
    }
    const { operations, errors } = await load.end();
    expectNoErrorsBut(errors, volume.bricks.length);
    expect(operations).toBeGreaterThan(100);

    // One after the other: no gap meets another one, and after each there is the time in which clients come back.
    const gaps = supervisors.flatMap((supervisor) => supervisor.gaps).sort((a, b) => a.from - b.from);
    expect(gaps).toHaveLength(3);
    const apart = gaps.slice(1).map(({ from }, index) => from - (gaps[index]?.to ?? from));
    expect(Math.min(...apart)).toBeGreaterThan(SETTLE_MS / 2);
    for (const [index, brick] of volume.bricks.entries()) {
      expect(brick.pid).not.toBe(pids[index]);
      expect(await startedGraph(index)).toContain('features/upcall');
      const view = await brickVolfile(index);
      expect(view.runningSha256).toBe(view.wantedSha256);
      expect(view.restart).toEqual({ policy: 'auto', waitsFor: null, succeeded: 1, failed: 0 });
      expect(view.lastReload).toMatchObject({ how: 'restart', success: true });
      expect(view.history.at(-1)).toMatchObject({
        plan: 'restart',
        outcome: 'Applied',
        wantedSha256: view.wantedSha256,
      });
      expect(view.changes.join()).toContain('vol1-extra');
      expect(view.message).toMatch(index === UNSEEN ? /^the process at .* was ended/ : /^pid \d+ was ended/);
    }
    const metrics = (await agents[0]?.ops('/metrics'))?.text ?? '';
    expect(metrics).toMatch(/^gluster_volfile_restarts_total\{process="brick",outcome="ok",.*\} 1$/m);
    expect(metrics).toMatch(/^gluster_volfile_last_reload_successful\{process="brick",.*\} 1$/m);
    expect(await agents[0]?.logs()).toContainEqual(expect.objectContaining({ reason: 'Restarted', process: 'brick' }));

    // No data missing: for the client that was there, for a new one, and between the bricks once they are healed.
    await lab.waitFor('the heals', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 60_000 });
    expect(load.files).toBeGreaterThan(10);
    expect(await load.missingIn(`${client.path}/${pv.relativePath}/load`)).toEqual([]);
    const fresh = await volume.mount();
    expect(await load.missingIn(`${fresh.path}/${pv.relativePath}/load`)).toEqual([]);
    await fresh.unmount();
    expect(await brickDifferences(volume)).toEqual([]);
  });

  it('asks before it ends a brick: not while another one is down', async () => {
    await supervisors[2]?.stop();
    await volume.brick(2).kill('SIGKILL');
    const { pid } = volume.brick(1);
    await source.swap({ [volume.brick(1).volfileName]: good[1] ?? '' });
    await lab.waitFor('a restart that waits', async () => {
      return (await brickVolfile(1)).restart.waitsFor?.includes('PeerDown: brick 2 does not serve') === true;
    });
    expect(await brickVolfile(1)).toMatchObject({ outcome: 'RestartRequired', reason: 'TopologyChanged' });
    expect((await agents[1]?.cli('volfile', 'status'))?.stdout).toMatch(/the restart waits: .*PeerDown/);
    expect((await agents[1]?.ops('/metrics'))?.text).toMatch(
      /^gluster_volfile_restart_waiting\{process="brick",.*\} 1$/m,
    );
    expect(volume.brick(1).pid).toBe(pid);
    await source.swap({ [volume.brick(1).volfileName]: withTranslator(good[1] ?? '', 'features/upcall') });
    await lab.waitFor('nothing to do', async () => (await verdict(1)) === 'Unchanged/SameFile');
    await volume.brick(2).start();
    supervisors[2] = new Supervisor(volume.brick(2));
    await client.waitConnected();
  });

  it('goes back to the last good file when nothing comes up with the new one', async () => {
    const before = await readFile(volume.brick(0).volfile, 'utf8');
    const starts = supervisors[0]?.ends.length ?? 0;
    // It parses, its translators are there; only its start tells that this one wants two subvolumes.
    await source.swap({ [volume.brick(0).volfileName]: withTranslator(good[0] ?? '', 'features/snapview-client') });
    await lab.waitFor('a failed restart', async () => (await verdict(0)) === 'Failed/RestartFailed', {
      timeoutMs: 6 * SETTLE_MS,
    });
    const view = await brickVolfile(0);
    // One that lives at that moment, on a busy machine, is ended.
    expect(view.message).toMatch(
      /nothing came back.*the last good file is staged again(; pid \d+, which never answered, was told to end)?$/,
    );
    expect(view.restart).toMatchObject({ succeeded: 1, failed: 1 });
    expect((supervisors[0]?.ends.length ?? 0) + (supervisors[0]?.failures.length ?? 0)).toBeGreaterThan(starts + 1);
    expect(await readFile(volume.brick(0).volfile, 'utf8')).toBe(before);
    await client.waitConnected();
    await agents[0]?.waitReady();
    const { pid } = volume.brick(0);
    expect(await verdict(0)).toBe('Failed/RestartFailed');
    expect((await agents[0]?.ops('/metrics'))?.text).toMatch(
      /^gluster_volfile_last_reload_successful\{process="brick",.*\} 0$/m,
    );
    // A better file is brought in again, and the brick that lives is left alone until then.
    await source.swap({ [volume.brick(0).volfileName]: before });
    await lab.waitFor('the old file again', async () => {
      const { outcome, reason, message } = await brickVolfile(0);
      if (outcome !== 'Unchanged') throw new Error(`${outcome}/${reason}: ${message}`);
      // Started in the very moment in which the file went back, it is asked what it runs.
      return reason === 'SameFile' || reason === 'AlreadyLoaded';
    });
    expect(volume.brick(0).pid).toBe(pid);
  });
});

describe('a self-heal daemon', () => {
  /** The agent is gone while nothing runs: the kubelet takes longer than a moment, too. */
  const GAP_MS = 2000;

  it('is restarted once for a change that only a restart brings in, heals then, and whatever becomes of the agent', async () => {
    const [agent, ...others] = agents;
    // In this lab one daemon serves all bricks; in a cluster each agent has its own.
    await Promise.all(others.map(async (other) => other.stop()));
    const { shd } = volume;
    const supervisor = new Supervisor(shd, { pauseMs: GAP_MS });
    supervisors.push(supervisor);
    const { pid } = shd;
    const before = await source.text(shd.volfileName);
    const sized = (size: string): string =>
      before.replaceAll('type protocol/client\n', `type protocol/client\n    option rpc-timeout ${size}\n`);
    await source.swap({ [shd.volfileName]: sized('900') });
    await lab.waitFor('the restart', async () => (await volfileOf(agent, 'shd')).reason === 'Restarted', {
      timeoutMs: 60_000,
    });
    expect([supervisor.ends.length, shd.pid === pid]).toEqual([1, false]);
    expect(await readFile(shd.volfile, 'utf8')).toBe(sized('900'));
    const view = await volfileOf(agent, 'shd');
    expect(view).toMatchObject({ outcome: 'Applied', restart: { succeeded: 1, failed: 0 } });
    expect(view.runningSha256).toBe(view.wantedSha256);
    expect(conditionsOf(view)).toEqual(['Valid True', 'Staged True', 'InForce True', 'RestartRequired False']);
    expect((await agent?.cli('volfile', 'status'))?.stdout).toContain(
      'shd: Valid True, Staged True, InForce True, RestartRequired False (Restarted)',
    );

    // It is a daemon that heals.
    await supervisors[2]?.stop();
    await volume.brick(2).kill('SIGKILL');
    await lab.waitFor('the loss', async () => !(await client.connectedBricks()).includes(2));
    await writeFile(`${client.path}/${pv.relativePath}/missed`, 'x');
    expect(await pendingHeals(volume)).toBeGreaterThan(0);
    await volume.brick(2).start();
    await lab.waitFor('the heal', async () => (await pendingHeals(volume)) === 0, { timeoutMs: 60_000 });

    // The agent is killed between the end of one daemon and the start of the next.
    await source.swap({ [shd.volfileName]: sized('1000') });
    await lab.waitFor('its end', () => supervisor.ends.length === 2, { timeoutMs: 60_000, intervalMs: 10 });
    await agent?.kill();
    expect(shd.running).toBe(false);
    const next = await startAgent(lab, volume, volume.brick(0), { env });
    await lab.waitFor('what runs', async () => (await volfileOf(next, 'shd')).outcome === 'Unchanged', {
      timeoutMs: 60_000,
    });
    const after = await volfileOf(next, 'shd');
    expect(after.runningSha256).toBe(after.wantedSha256);
    expect(conditionsOf(after)).toContain('InForce True');
    expect([supervisor.ends.length, shd.running]).toEqual([2, true]);
    expect(supervisor.failures).toEqual([]);
  });
});
