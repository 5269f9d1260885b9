import { readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { volfileListSchema, type VolfileView } from '../../src/agent/http/schemas.ts';
import { agentEnvironment, startAgent, type LabAgent } from '../lab/agent.ts';
import type { Brick } from '../lab/brick.ts';
import { runCommand, type CommandResult } from '../lab/command.ts';
import { ConfigMap } from '../lab/config-map.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { waitFor } from '../lab/wait.ts';
import { asPlainDirectory } from '../support/staging.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const BROKEN = 'volume vol1-posix\n    type storage/posix\n';

let lab: Lab;
let volume: Volume;
let brick: Brick;
let client: Mount;
let agent: LabAgent;
/** What a person edits; the brick reads the lab's own directory, which is made the staging directory. */
let source: ConfigMap;
let good: string;
let goodShd: string;

beforeAll(async () => {
  lab = await Lab.create({ name: 'staging' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 2 });
  brick = volume.brick(0);
  good = await volume.configMap.text(brick.volfileName);
  goodShd = await volume.configMap.text(volume.shd.volfileName);
  source = new ConfigMap(`${volume.dir}/source`);
  await source.swap({ [volume.shd.volfileName]: goodShd });
  await asPlainDirectory(volume);
  // These two have never been staged.
  await rm(brick.volfile);
  await rm(volume.shd.volfile);
});
afterAll(async () => lab.destroy());

function env(): Record<string, string> {
  return { BRICK_AGENT_VOLFILE_DIR: source.dir, BRICK_AGENT_VOLFILE_STAGING: volume.configMap.dir };
}

async function prepare(): Promise<CommandResult> {
  return await runCommand([process.execPath, MAIN, 'prepare'], {
    env: { PATH: process.env['PATH'], ...agentEnvironment(volume, brick), ...env() },
  });
}

async function offer(text: string): Promise<void> {
  await source.swap({ [brick.volfileName]: text });
}

async function staged(): Promise<string> {
  return await readFile(brick.volfile, 'utf8');
}

/** A brick that is younger than 10 s gets no signal, and the next look is up to 10 s later. */
async function waitOutcome(outcome: string, process: 'brick' | 'shd' = 'brick'): Promise<VolfileView> {
  return await waitFor(`${outcome} of ${process}`, async () => {
    const { json } = await agent.api('GET', '/v1/volfiles');
    const view = Check(volfileListSchema, json) ? json.items.find((item) => item.process === process) : undefined;
    return view?.outcome === outcome ? view : undefined;
  });
}

function threads(count: number): string {
  return good.replace('type performance/io-threads\n', `$&    option thread-count ${count}\n`);
}

describe('staged mode', () => {
  it('prepares a brick that has never started', async () => {
    await brick.prepare();
    await offer(BROKEN);
    expect(await prepare()).toMatchObject({ code: 1, stderr: expect.stringContaining('no file to start from') });
    await offer(good);
    expect((await prepare()).code).toBe(0);
    expect(await staged()).toBe(good);
  });

  it('lets the brick start although the ConfigMap is broken since', async () => {
    await offer(BROKEN);
    expect(await prepare()).toMatchObject({ code: 0, stderr: expect.stringContaining('the last good file stays') });
    await volume.start();
    client = await volume.mount();
    await writeFile(`${client.path}/file`, 'x');
  });

  it('gets a good change in through the staged file', async () => {
    agent = await startAgent(lab, volume, brick, { env: env() });
    await waitOutcome('Rejected');
    expect(await staged()).toBe(good);
    await offer(threads(32));
    await waitOutcome('Applied');
    expect(await staged()).toBe(threads(32));
    expect(await readFile(brick.logFile, 'utf8')).toContain('option thread-count using set value 32');
  });

  it('gets a good change into the self-heal daemon in the same way, and keeps a bad one from it', async () => {
    const { shd } = volume;
    const name = shd.volfileName;
    const slower = goodShd.replace('type cluster/replicate\n', '$&    option heal-timeout 77\n');
    await source.swap({ [name]: slower });
    expect(await waitOutcome('Applied', 'shd')).toMatchObject({ reason: 'ValuesSeen' });
    expect(await readFile(shd.volfile, 'utf8')).toBe(slower);
    await source.swap({ [name]: slower.replace(/^ *option iam-self-heal-daemon .*\n/m, '') });
    await waitOutcome('Rejected', 'shd');
    expect(await readFile(shd.volfile, 'utf8')).toBe(slower);
    await source.swap({ [name]: slower });
    await waitOutcome('Unchanged', 'shd');
  });

  it('goes back to the last good file when the brick dies of a new one', async () => {
    const before = await staged();
    const { length } = await readFile(brick.logFile, 'utf8');
    await offer(threads(40));
    // No file that the lint accepts is known to end a brick, so it is ended by hand while it takes this one.
    await waitFor(
      'the reload',
      async () => (await readFile(brick.logFile, 'utf8')).slice(length).includes('set value 40'),
      {
        intervalMs: 2,
      },
    );
    await brick.kill('SIGKILL');
    const view = await waitOutcome('Failed');
    expect(view.reason).toBe('ProcessDied');
    expect(view.message).toContain('the last good file is staged again');
    expect(await staged()).toBe(before);
    await brick.start();
    await client.waitConnected();
    await offer(before);
    await waitOutcome('Unchanged');
  });

  it('starts the brick again from the last good file', async () => {
    await offer(BROKEN);
    await waitOutcome('Rejected');
    await brick.kill('SIGKILL');
    await brick.start();
    await client.waitConnected();
    expect(await readFile(`${client.path}/file`, 'utf8')).toBe('x');
    expect(await staged()).toBe(threads(32));
  });

  it('completes what an agent that was killed between staging and signal has begun', async () => {
    // A brick that has just started gets no signal yet.
    await offer(threads(48));
    expect(await waitOutcome('Pending')).toMatchObject({ reason: 'JustStarted' });
    expect(await staged()).toBe(threads(48));
    await agent.kill();
    expect(await readFile(brick.logFile, 'utf8')).not.toContain('set value 48');
    agent = await startAgent(lab, volume, brick, { env: env() });
    await waitOutcome('Applied');
    expect(await staged()).toBe(threads(48));
    expect(await readFile(brick.logFile, 'utf8')).toContain('option thread-count using set value 48');
  });
});
