import { readFile, writeFile } from 'node:fs/promises';
import { setAttributeSync } from 'fs-xattr';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  healEntriesSchema,
  healExplainSchema,
  healOperationSchema,
  healSchema,
  type HealOperationView,
  type HealView,
} from '../../src/agent/http/schemas.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { readProcess } from '../../src/process/identity.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { cgroupMount, FrozenGroup } from '../lab/freezer.ts';
import { brickDifferences, pendingHeals, pendingOn } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { SIZE_XATTR } from '../../src/brick/quota-xattrs.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';

/** Where groups can be made; undefined on a machine that lets nobody. */
const CGROUPS = cgroupMount();
const MiB = 1024 ** 2;
const LIMIT = 32 * MiB;
/** Of the first set: what it misses, only the agents of its set know. */
const SINK = 2;
/** A volfile that is changed right before a daemon starts could also have been changed after that. */
const SURELY_BEFORE_MS = 200;
/** The agent looks every 200 ms. */
const SURELY_AFTER_MS = 400;
/** A crawl over this backlog takes well under a second. */
const CRAWLED_MS = 2_000;

let lab: Lab;
let volume: Volume;
let csi: Mount;
let client: Mount;
let pv: Pv;
/** Beside a brick of each set, and the one that misses something, which the first can ask. */
let first: LabAgent;
let sink: LabAgent;
let second: LabAgent;

beforeAll(async () => {
  lab = await Lab.create({ name: 'heal-obstacles' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', sets: 2 });
  await systemClock.sleep(SURELY_BEFORE_MS);
  await volume.start();
  csi = await volume.mount({ pid: -14 });
  // Without Kadalu's record, so that the limit is what the mount is told, as after `setfattr`.
  pv = await createPv(csi, 'pvc-1', undefined);
  setAttributeSync(pv.path, NAMESPACE_XATTR, 'true');
  setLimit(LIMIT);
  client = await volume.mount();
  const env = {
    BRICK_AGENT_HEAL_INTERVAL_MS: '200',
    BRICK_AGENT_IDENTITY_INTERVAL_MS: '500',
    BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000',
  };
  const tokenFile = `${lab.dir}/token`;
  await writeFile(tokenFile, 'a-token-that-is-long-enough\n');
  const listens = [`127.0.0.1:${await lab.nextPort()}`, `127.0.0.1:${await lab.nextPort()}`];
  const peered = { ...env, BRICK_AGENT_API_TOKEN_FILE: tokenFile, BRICK_AGENT_PEERS: listens.join(',') };
  [first, sink, second] = await Promise.all([
    startAgent(lab, volume, volume.brick(0), { env: { ...peered, BRICK_AGENT_API_LISTEN: listens[0] } }),
    // Its counter is to stay wrong until somebody asks.
    startAgent(lab, volume, volume.brick(SINK), {
      env: { ...peered, BRICK_AGENT_API_LISTEN: listens[1], BRICK_AGENT_QUOTA_REPAIR: 'off' },
    }),
    startAgent(lab, volume, volume.brick(3), { env }),
  ]);
});
afterAll(async () => lab.destroy());

async function healOf(agent: LabAgent): Promise<HealView> {
  const { json } = await agent.api('GET', '/v1/heal');
  if (!Check(healSchema, json)) throw new Error(`not a status: ${JSON.stringify(json)}`);
  return json;
}

/** What the daemon said of its connections, as soon as it says that of all of them. */
async function connections(agent: LabAgent, status: 'True' | 'False' | 'Unknown') {
  return await lab.waitFor(`connections: ${status}`, async () => {
    const { daemon } = await healOf(agent);
    return daemon?.conditions[0]?.status === status ? daemon : undefined;
  });
}

async function findingsOf(agent: LabAgent) {
  const { json } = await agent.api('GET', '/v1/heal/explain');
  if (!Check(healExplainSchema, json)) throw new Error(`not an explanation: ${JSON.stringify(json)}`);
  return json.findings;
}

async function finding(agent: LabAgent, reason: string) {
  return await lab.waitFor(`${reason} to be told`, async () => {
    const findings = await findingsOf(agent);
    return findings.find((found) => found.reason === reason);
  });
}

/** What the operation that somebody asks for now has come to, as soon as that is so. */
async function heal(agent: LabAgent, isEnough: (operation: HealOperationView) => boolean): Promise<HealOperationView> {
  const { json: asked } = await agent.api('POST', '/v1/heal', { kind: 'index' });
  if (!Check(healOperationSchema, asked)) throw new Error(`not an operation: ${JSON.stringify(asked)}`);
  return await lab.waitFor('the operation', async () => {
    const { json } = await agent.api('GET', `/v1/operations/${asked.id}`);
    return Check(healOperationSchema, json) && isEnough(json) ? json : undefined;
  });
}

const isOver = ({ state }: HealOperationView): boolean => !['Pending', 'Running'].includes(state);

function setLimit(bytes: number): void {
  setAttributeSync(pv.path, LIMIT_XATTR, String(bytes));
}

/** Some on each set, as their names hash. */
async function write(prefix: string, files: number, bytes: number): Promise<void> {
  for (let index = 0; index < files; index += 1)
    await writeFile(`${client.path}/${pv.relativePath}/${prefix}-${index}`, Buffer.alloc(bytes, 1));
}

/** @returns what waits on the first set. Of a look that began before the last write nothing follows. */
async function settled(): Promise<number> {
  const writtenAt = new Date(Date.now() + SURELY_AFTER_MS).toISOString();
  return await lab.waitFor('the writes to settle', async () => {
    const { pending, observedAt } = await healOf(first);
    if (observedAt === null || observedAt < writtenAt) return undefined;
    return pending.dirty === 0 && pending.xattrop !== null && pending.xattrop > 0 ? pending.xattrop : undefined;
  });
}

/** The daemon is down while its file changes. */
async function restartDaemon(change: (good: string) => string): Promise<void> {
  const { shd, configMap } = volume;
  await configMap.swap({ [shd.volfileName]: change(good) });
  await systemClock.sleep(SURELY_BEFORE_MS);
  await shd.start();
}

let good = '';

describe('a distributed volume', () => {
  it('that loses a brick of each set under load is healed in both', async () => {
    const looks = [first, second].map((agent) => async () => (await healOf(agent)).state);
    const sinks = [volume.brick(1), volume.brick(4)];
    const startHeal = (): void => {
      for (const agent of [first, second]) void agent.api('POST', '/v1/heal', { kind: 'index' });
    };
    expect(await killUnderLoad(lab, volume, client, sinks, looks, startHeal)).toEqual(sinks);
  });

  it('that loses a brick is told to have a daemon that is not connected to it, until it is again', async () => {
    await connections(first, 'True');
    await volume.brick(SINK).kill('SIGKILL');
    const told = await connections(first, 'False');
    expect(told.bricks.filter(({ isConnected }) => isConnected !== true)).toEqual([
      { xlator: 'vol1-replicate-0', name: 'vol1-client-2', isOwnSet: true, isConnected: false },
    ]);
    expect(told.conditions[0]?.message).toContain('no connection to vol1-client-2: start it');
    const ofOther = await connections(second, 'False');
    expect(ofOther.bricks.filter(({ isConnected }) => isConnected !== true)).toMatchObject([
      { name: 'vol1-client-2', isOwnSet: false },
    ]);
    const lines = async (agent: LabAgent) =>
      [...(await agent.ops('/metrics')).text.matchAll(/^gluster_heal_daemon_disconnected_bricks.*$/gm)].map(([line]) =>
        line.replace(/\{.*set="(\w+)".*\}/, ' $1'),
      );
    const name = 'gluster_heal_daemon_disconnected_bricks';
    expect(await lines(first)).toEqual([`${name} own 1`, `${name} other 0`]);
    expect(await lines(second)).toEqual([`${name} own 0`, `${name} other 1`]);
    expect((await first.cli('heal', 'status')).stdout).toMatch(/^Connected +not to all: .*vol1-client-2/m);
    // Stopped, it says nothing: then nothing is known.
    volume.shd.pause();
    await connections(first, 'Unknown');
    expect(await lines(first)).toEqual([]);
    volume.shd.resume();
    await connections(first, 'False');
    await volume.brick(SINK).start();
    const again = await connections(first, 'True');
    expect(again.bricks.map(({ isConnected }) => isConnected)).toEqual([true, true, true, true, true, true]);
    expect((await first.cli('heal', 'status')).stdout).toMatch(/^Connected +to all, 6 bricks$/m);
    await Promise.all([csi.waitConnected(), client.waitConnected()]);
  });
});

describe('a distributed volume that misses something in one set', () => {
  it('is told so by the agents of that set, and by those of another only that theirs is whole', async () => {
    await volume.brick(SINK).kill('SIGKILL');
    await write('big', 12, MiB);
    const pending = await settled();
    const { stdout } = await lab.glfsheal(volume, 'info-summary');
    const totals = [...stdout.matchAll(/^Total Number of entries: (\S+)$/gm)].map(([, total]) => total);
    expect(totals).toEqual([String(pending), String(pending), '-', '0', '0', '0']);
    expect(await healOf(first)).toMatchObject({ state: 'Progressing', pending: { xattrop: pending } });
    expect(await healOf(second)).toMatchObject({ state: 'Complete', pending: { xattrop: 0 } });
    const { json } = await first.api('GET', '/v1/heal/entries');
    if (!Check(healEntriesSchema, json)) throw new Error('not a page');
    const blamed = new Set(json.items.flatMap(({ blames }) => blames.map(({ child }) => child)));
    expect([...blamed]).toEqual(['vol1-client-2']);
    expect(await finding(first, 'BrickNotConnected')).toMatchObject({ severity: 'error' });
    expect(await finding(second, 'BrickNotConnected')).toMatchObject({
      severity: 'info',
      message: expect.stringContaining('another set'),
    });
    expect((await second.cli('heal', 'explain')).code).toBe(0);
    await lab.waitFor('the condition', async () => (await healOf(first)).conditions[0]?.status === 'False');
    expect((await healOf(first)).conditions).toMatchObject([{ type: 'HealUnobstructed', reason: 'BrickNotConnected' }]);
    expect((await healOf(second)).conditions).toMatchObject([{ status: 'True', reason: 'NothingPending' }]);
    expect((await first.cli('heal', 'status')).stdout).toMatch(/^In the way {2}.*no connection to vol1-client-2/m);
  });
});

describe('a self-heal daemon', () => {
  // Without a group of one's own there is nothing to freeze; the samples of test/unit/process/freezer.test.ts are of real ones.
  it.skipIf(CGROUPS === undefined)('whose cgroup is frozen is told so, and a frozen brick is seen', async () => {
    await using shd = await FrozenGroup.of(CGROUPS ?? '', volume.shd.pid);
    await lab.waitFor('it to be seen', async () => (await healOf(first)).daemon?.state === 'Frozen');
    const failed = await heal(first, isOver);
    expect(failed).toMatchObject({ state: 'Failed', accepted: null, message: expect.stringContaining('thaw it') });
    expect(await finding(first, 'HealDaemonFrozen')).toMatchObject({ severity: 'error' });
    const { text } = await first.api('GET', '/v1/doctor');
    expect(text).toContain('ProcessFrozen');
    await shd.thaw();
    await lab.waitFor('it to go on', async () => (await healOf(first)).daemon?.state === 'Running');
    const { pid } = volume.brick(0);
    const isFrozen = async () => (await readProcess(pid))?.isFrozen;
    expect(await isFrozen()).not.toBe(true);
    await using brick = await FrozenGroup.of(CGROUPS ?? '', pid);
    await lab.waitFor('the brick to be seen', isFrozen);
    await brick.thaw();
    await lab.waitFor('the brick to go on', async () => (await isFrozen()) === false);
  });

  it('that is stopped is told so at once, and goes on afterwards', async () => {
    volume.shd.pause();
    await lab.waitFor('it to be seen', async () => (await healOf(first)).daemon?.state === 'Stopped');
    const failed = await heal(first, isOver);
    expect(failed).toMatchObject({ state: 'Failed', accepted: null, message: expect.stringContaining('kill -CONT') });
    expect(await finding(first, 'HealDaemonStopped')).toMatchObject({ severity: 'error' });
    expect((await first.cli('heal', 'status')).stdout).toContain('stopped by a signal');
    volume.shd.resume();
    await lab.waitFor('it to go on', async () => (await healOf(first)).daemon?.state === 'Running');
    const accepted = await heal(first, ({ state }) => state !== 'Pending');
    expect(accepted).toMatchObject({ state: 'Running', accepted: true });
  });

  it('that was restarted is counted', async () => {
    expect((await healOf(first)).daemon).toMatchObject({ pid: volume.shd.pid, restarts: 0 });
    await volume.shd.kill('SIGKILL');
    await lab.waitFor('it to be missed', async () => (await healOf(first)).daemon?.state === 'Down');
    await volume.shd.start();
    const daemon = await lab.waitFor('the new one', async () => {
      const { daemon } = await healOf(first);
      return daemon?.state === 'Running' ? daemon : undefined;
    });
    expect(daemon).toMatchObject({ pid: volume.shd.pid, restarts: 1 });
    expect((await first.cli('heal', 'status')).stdout).toContain('restarted once since the agent started');
    const { text } = await first.ops('/metrics');
    expect(text).toMatch(/^gluster_process_restarts_total\{process="shd"[^}]*\} 1$/m);
    expect(text).toMatch(/^gluster_process_restarts_total\{process="brick"[^}]*\} 0$/m);
  });
});

describe('a PV that holds more than its limit', () => {
  it('is refused by the brick that missed it, and heals when the limit is raised', async () => {
    // Nothing heals before the limit is lower than what is missing.
    await volume.shd.stop();
    await volume.brick(SINK).start();
    await csi.waitConnected();
    await client.waitConnected();
    setLimit(2 * MiB);
    await volume.shd.start();
    await lab.waitFor('the first refusal', async () =>
      (await readFile(volume.brick(SINK).logFile, 'utf8')).includes('Disk quota exceeded'),
    );
    const told = await finding(first, 'PvOverLimit');
    expect(told).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(/^pvc-1 holds \S+ MiB here and its limit is 2 MiB: vol1-client-2 .*EDQUOT/),
      remedy: expect.stringContaining('raise its limit'),
    });
    const { code, stdout } = await first.cli('heal', 'explain');
    expect([code, stdout]).toEqual([1, expect.stringContaining('ERROR PvOverLimit')]);
    // It is not only late: the daemon has been through.
    await heal(first, ({ state }) => state === 'Running');
    await systemClock.sleep(CRAWLED_MS);
    expect(await pendingOn(volume.brick(0))).toBeGreaterThan(0);
    expect((await findingsOf(second)).map(({ reason }) => reason)).not.toContain('PvOverLimit');
    setLimit(LIMIT);
    await heal(first, isOver);
    await lab.waitFor('heal of all', async () => (await pendingHeals(volume)) === 0);
    expect(await brickDifferences(volume)).toEqual([]);
    expect((await healOf(first)).state).toBe('Complete');
  });
});

describe('a brick that alone has no room for what it missed', () => {
  it('is told to have a lower limit, then to count wrongly, and heals when its counter is repaired', async () => {
    await volume.shd.stop();
    await volume.brick(SINK).kill('SIGKILL');
    await write('late', 12, MiB / 2);
    await settled();
    const backend = `${volume.brick(SINK).path}/${pv.relativePath}`;
    setAttributeSync(backend, LIMIT_XATTR, String(4 * MiB));
    setAttributeSync(backend, SIZE_XATTR, `${LIMIT}\0`);
    await volume.brick(SINK).start();
    await Promise.all([csi.waitConnected(), client.waitConnected()]);
    expect(await finding(first, 'SinkLimitLower')).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(/^the limit of pvc-1 is 4 MiB on vol1-client-2 and 32 MiB here, where it holds /),
      remedy: expect.stringContaining(`brick-agent quota set pvc-1 ${LIMIT}`),
    });
    setLimit(LIMIT);
    const told = await finding(first, 'SinkCountsMore');
    expect(told).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(/^vol1-client-2 counts 32 MiB of pvc-1, this brick \S+ MiB: /),
      remedy: expect.stringContaining('quota repair pvc-1'),
    });
    const reasons = (await findingsOf(first)).map(({ reason }) => reason);
    expect(reasons.filter((reason) => ['SinkLimitLower', 'PvFull'].includes(reason))).toEqual([]);
    await volume.shd.start();
    await heal(first, ({ state }) => state === 'Running');
    await systemClock.sleep(CRAWLED_MS);
    expect(await pendingOn(volume.brick(0))).toBeGreaterThan(0);
    expect((await sink.cli('quota', 'repair', 'pvc-1')).code).toBe(0);
    await lab.waitFor('heal of all', async () => {
      await heal(first, ({ state }) => state !== 'Pending');
      return (await pendingHeals(volume)) === 0;
    });
    expect(await brickDifferences(volume)).toEqual([]);
    expect((await findingsOf(first)).filter(({ reason }) => reason.startsWith('Sink'))).toEqual([]);
  });
});

describe('a self-heal daemon that runs and heals nothing', () => {
  it('is explained when its volfile lacks the healers, or does not make it one', async () => {
    const { shd } = volume;
    good = await volume.configMap.text(shd.volfileName);
    await volume.brick(SINK).kill('SIGKILL');
    await write('small', 8, 1024);
    const pending = await settled();
    await shd.stop();
    await restartDaemon((text) => text.replaceAll(/ *option (data|metadata|entry)-self-heal on\n/g, ''));
    await volume.brick(SINK).start();
    await client.waitConnected();
    expect(await finding(first, 'HealDaemonVolfile')).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(/^VF202: .*crawls end well and heal nothing/),
      remedy: expect.stringContaining('restart the self-heal daemon'),
    });
    await lab.waitFor('its crawls', async () => {
      const { children } = await heal(first, ({ state }) => state !== 'Pending');
      return children.filter(({ status }) => status === 'Started self-heal').length === 6;
    });
    await systemClock.sleep(CRAWLED_MS);
    expect(await pendingOn(volume.brick(0))).toBe(pending);

    await shd.stop();
    await restartDaemon((text) => text.replaceAll('iam-self-heal-daemon yes', 'iam-self-heal-daemon no'));
    const mute = await lab.waitFor('the other error', async () =>
      (await findingsOf(second)).find(({ message }) => message.startsWith('VF201')),
    );
    expect(mute.remedy).toContain('add "option iam-self-heal-daemon yes"');
    const refused = await heal(second, isOver);
    expect(refused).toMatchObject({ state: 'Failed', message: expect.stringContaining('iam-self-heal-daemon') });
    expect(shd.running).toBe(true);
  });

  it('is explained when it takes the brick for that of another host', async () => {
    const { shd } = volume;
    const hosts = `${lab.dir}/hosts`;
    const before = await readFile(hosts, 'utf8');
    await shd.stop();
    // With the same name as the brick's it is taken for local, whatever that resolves to.
    shd.hostname = 'elsewhere';
    await writeFile(hosts, '127.0.0.1 localhost\n');
    await restartDaemon((text) => text);
    const operation = await lab.waitFor('its answer', async () => {
      const asked = await heal(first, ({ state }) => state !== 'Pending');
      return asked.children.every(({ status }) => status === 'Brick is remote') ? asked : undefined;
    });
    expect(operation.children[0]?.explanation).toContain('resolve to an address of the daemon');
    expect(await finding(first, 'BrickIsRemote')).toMatchObject({
      severity: 'error',
      message: expect.stringContaining('takes vol1-client-0, the brick of its own pod'),
      remedy: expect.stringContaining('host name'),
    });
    expect((await first.cli('heal', 'explain')).code).toBe(1);
    await shd.stop();
    shd.hostname = undefined;
    await writeFile(hosts, before);
    await shd.start();
    await lab.waitFor('the heal', async () => (await healOf(first)).state === 'Complete');
    expect((await findingsOf(first)).map(({ reason }) => reason)).not.toContain('BrickIsRemote');
  });
});
