import { execFile } from 'node:child_process';
import { access, mkdir, open, readdir, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { FaultPoint } from '../../src/lib/fault-point.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { conditionOf, quotaOf, startAgain, startPeers, waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const OFTEN = {
  BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000',
  BRICK_AGENT_HEAL_INTERVAL_MS: '500',
  BRICK_AGENT_PEER_INTERVAL_MS: '500',
};

let lab: Lab;
let volume: Volume;
let client: Mount;
let agents: LabAgent[];

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-adopt' });
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  client = await volume.mount();
  agents = await startPeers(lab, volume, OFTEN);
});
afterAll(async () => lab.destroy());

function first(): LabAgent {
  const [agent] = agents;
  if (agent === undefined) throw new Error('no agent');
  return agent;
}

/** Where the agent that leads is killed, in this order: each of the next ones goes on from there. */
const STEPS: readonly FaultPoint[] = [
  'adopt-journal',
  'adopt-locked',
  'adopt-second-name',
  'adopt-files',
  'adopt-forgotten',
];

/** Has the agent that leads killed there, in an adoption that it was asked for or that its predecessor had begun. */
async function killAt(point: FaultPoint, pv: Pv): Promise<void> {
  await first().kill();
  const agent = await startAgain(lab, volume, 0, first(), { BRICK_AGENT_DIES_AT: point });
  agents[0] = agent;
  let told = '';
  await lab
    .waitFor(
      `the adoption to come to ${point}`,
      async () => {
        if (!agent.running) return true;
        const answer = await agent.api('POST', `/v1/quotas/${pv.name}/adoption`).catch(() => undefined);
        told = answer?.text ?? told;
        return false;
      },
      { timeoutMs: 60_000 },
    )
    .catch((error: unknown) => {
      throw new Error(`the agent last said ${told}`, { cause: error });
    });
  expect(await agent.exited()).toMatchObject({ signal: 'SIGKILL' });
}

/** Left by a killed agent on the backend of the brick that it is beside. */
async function secondNames(pv: Pv): Promise<number> {
  const names = await readdir(`${volume.brick(0).path}/${pv.relativePath}`, { recursive: true });
  return names.filter((name) => name.includes('.kq-a-')).length;
}

/** Directories of three levels with a file in each, and files that stay open. */
async function fill(pv: Pv, open_: number): Promise<{ directories: string[]; files: FileHandle[] }> {
  const directories: string[] = [];
  for (let a = 0; a < 6; a += 1) {
    for (let b = 0; b < 6; b += 1) {
      for (let c = 0; c < 6; c += 1) directories.push(`${pv.path}/a${a}/ü\n${b}/c${c}`);
    }
  }
  for (const directory of directories) {
    await mkdir(directory, { recursive: true });
    await writeFile(`${directory}/file`, Buffer.alloc(1000, 1));
  }
  const files: FileHandle[] = [];
  for (const directory of directories.slice(0, open_)) files.push(await open(`${directory}/open`, 'w'));
  return { directories, files };
}

/** Clients at work until stopped; answers how often, and every error. */
function load(directories: readonly string[], files: readonly FileHandle[]) {
  const stop = new AbortController();
  const errors: string[] = [];
  let operations = 0;
  const run = async (work: (round: number) => Promise<void>): Promise<void> => {
    for (let round = 0; !stop.signal.aborted; round += 1) {
      await work(round).then(
        () => (operations += 1),
        (error: unknown) => errors.push(String(error)),
      );
    }
  };
  const buffer = Buffer.alloc(4096, 2);
  const at = (index: number): string => directories[index % directories.length] ?? '';
  const workers = [
    run(async (round) => void (await files[round % files.length]?.write(buffer, 0, 4096, (round % 64) * 4096))),
    run(async (round) => {
      const [here, there] = [at(round * 7), at(round * 13 + 5)];
      await writeFile(`${here}/new-${round}`, buffer);
      await rename(`${here}/new-${round}`, `${there}/moved-${round}`);
      await rm(`${there}/moved-${round}`);
    }),
    run(async (round) => {
      const here = `${at(round * 11 + 3)}/dir-${round}`;
      await mkdir(here);
      await writeFile(`${here}/x`, 'x');
      await readFile(`${at(round)}/file`);
      await readdir(at(round + 1));
      await rm(here, { recursive: true });
    }),
  ];
  const end = async () => {
    stop.abort();
    await Promise.all(workers);
    return { operations, errors };
  };
  // A test that has failed must not keep the bricks busy for the next one.
  onTestFinished(async () => {
    await end();
    for (const file of files) await file.close();
  });
  return { end };
}

async function expectRightHandles(pv: Pv): Promise<void> {
  for (const brick of volume.bricks) {
    const { stdout } = await promisify(execFile)(
      'bash',
      [
        '-c',
        `find "$1" -mindepth 1 -print0 | xargs -0 -n 200 getfattr --absolute-names -h -n trusted.gfid -e hex 2>/dev/null | sed -n 's/^trusted.gfid=0x//p'`,
        'bash',
        `${brick.path}/${pv.relativePath}`,
      ],
      { maxBuffer: 16 * MiB },
    );
    const gfids = stdout.trim().split('\n');
    expect(gfids.length).toBeGreaterThan(200);
    for (const hex of gfids) {
      const gfid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      await access(`${brick.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`);
    }
  }
}

async function expectAdopted(pv: Pv): Promise<void> {
  for (const agent of agents) {
    await lab.waitFor('a clean audit', async () => (await conditionOf(agent, pv.name, 'Enforced')) === 'True Audited', {
      timeoutMs: 30_000,
    });
  }
  expect(await pendingHeals(volume)).toBe(0);
  await expectRightHandles(pv);
  for (const brick of volume.bricks) {
    expect(brick.xattr(pv.relativePath, 'trusted.brick-agent.adopt')).toBeUndefined();
    const { stdout } = await promisify(execFile)('find', [`${brick.path}/subvol`, '-name', '.kq-*']);
    expect(stdout).toBe('');
  }
}

describe('a PV in use on a replica-3 volume', () => {
  it('is counted and limited as a whole by the running bricks, and its clients see no error', async () => {
    const pv = await createPv(client, 'pvc-busy', undefined);
    const { directories, files } = await fill(pv, 8);
    const clients = load(directories, files);
    for (const agent of agents) await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(40 * MiB) });
    await waitLimit(lab, agents, pv.name, 40 * MiB);
    await lab.waitFor(
      'the bricks to be settled',
      async () => {
        const { json } = await first().api('GET', '/v1/disruption');
        return JSON.stringify(json).includes('"verdict":"Safe"');
      },
      { timeoutMs: 60_000 },
    );
    const { code, stdout, stderr } = await first().cli('quota', 'adopt', pv.name);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringMatching(/Succeeded/) });
    const { operations, errors } = await clients.end();
    expect(errors).toEqual([]);
    expect(operations).toBeGreaterThan(50);
    await expectAdopted(pv);
    // Between the PV's own directory and an old one: refused while one was in the namespace and the other was not.
    await writeFile(`${pv.path}/at-root`, 'x');
    await rename(`${pv.path}/at-root`, `${directories[9]}/from-root`);
    for (const agent of agents) {
      const repaired = await agent.cli('quota', 'repair', pv.name);
      expect(repaired.stdout).toMatch(/Repaired|Nothing/);
    }
    // Before the limit is met: the write that meets it may be taken by one brick and refused by the others, with or without adoption.
    expect(await brickDifferences(volume)).toEqual([]);
    const old = await writeUntilError(`${directories[100]}/file`, 64 * 1024, 60 * MiB);
    expect(old.errno).toBe('EDQUOT');
    const fd = files[3];
    await expect(
      (async () => {
        for (let n = 0; n < 400; n += 1) await fd?.write(Buffer.alloc(MiB), 0, MiB, n * MiB);
      })(),
    ).rejects.toMatchObject({ errno: -122 });
    for (const file of files) await file.close();
    for (const agent of agents)
      expect(Number((await quotaOf(agent, pv.name))?.status.usedBytes)).toBeLessThanOrEqual(41 * MiB);
    // A brick that has refused what the others took is healed by nobody before there is room again.
    await rm(pv.path, { recursive: true });
    // What the last write left in the index goes with a crawl, and the daemon's own may be ten minutes away.
    const isHealed = async (): Promise<boolean> => {
      for (const agent of agents) await agent.api('POST', '/v1/heal', { kind: 'index' });
      return (await pendingHeals(volume)) === 0;
    };
    await lab.waitFor('no pending heals', isHealed, { timeoutMs: 60_000, intervalMs: 2_000 });
  });

  it('is finished by the next agent when the one that leads is killed after any of its steps', async () => {
    const pv = await createPv(client, 'pvc-killed', undefined);
    const { directories, files } = await fill(pv, 4);
    const clients = load(directories, files);
    for (const agent of agents) await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(80 * MiB) });
    await waitLimit(lab, agents, pv.name, 80 * MiB);
    // With the names locked and the directories moved on all bricks: what clients would notice most.
    await killAt('adopt-moved', pv);
    const { errors } = await clients.end();
    expect(errors).toEqual([]);
    for (const point of STEPS) {
      await killAt(point, pv);
      expect(await secondNames(pv)).toBe(point === 'adopt-second-name' ? 1 : 0);
    }
    agents[0] = await startAgain(lab, volume, 0, first());
    await waitLimit(lab, agents, pv.name, 80 * MiB);
    const { code, stdout } = await first().cli('quota', 'adopt', pv.name);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    for (const file of files) await file.close();
    await expectAdopted(pv);
    // Before the limit is met: the write that meets it may be taken by one brick and refused by the others, with or without adoption.
    expect(await brickDifferences(volume)).toEqual([]);
    expect((await writeUntilError(`${directories[50]}/file`, 64 * 1024, 120 * MiB)).errno).toBe('EDQUOT');
    // Seven agents one after another, each with a whole adoption: a minute on two idle cores.
  }, 300_000);

  it('is not begun while a brick is down', async () => {
    const pv = 'pvc-killed';
    await volume.brick(2).kill('SIGKILL');
    const { code, stdout } = await first().cli('quota', 'adopt', pv);
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringMatching(/Waiting: .*(PeerDown|brick)/) });
    await volume.brick(2).start();
  });
});
