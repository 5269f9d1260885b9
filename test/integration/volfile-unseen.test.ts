/** Processes that /proc does not show: what brick and self-heal daemon tell over their sockets, and how they are ended over them. */
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { SocketProcess, type SocketProcessOptions } from '../../src/rpc/socket-process.ts';
import { VolfileManager } from '../../src/volfile/manager.ts';
import { topOf } from '../../src/volfile/model.ts';
import { FILE_TIME_ERROR_MS } from '../../src/volfile/running.ts';
import type { VolfileStatus } from '../../src/volfile/status.ts';
import type { RestartPorts } from '../../src/volfile/restart.ts';
import type { Brick } from '../lab/brick.ts';
import type { HealDaemon } from '../lab/heal-daemon.ts';
import { Lab } from '../lab/lab.ts';
import { Supervisor } from '../lab/supervisor.ts';
import type { Volume } from '../lab/volume.ts';

/** What a process needs to be up on a busy machine. */
const START_MS = 1000;
/** Long enough for a brick to come back, short enough to wait for one that does not. */
const RETURN_MS = 3000;

let lab: Lab;
let volume: Volume;
let brick: Brick;
let shd: HealDaemon;
let supervisors: Supervisor[];
let manager: VolfileManager;
/** As the agent sees it where the processes are in another namespace: nobody is there. */
let procRoot: string;
const stop = new AbortController();
const { signal } = stop;

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function at(daemon: Brick | HealDaemon, options: Partial<SocketProcessOptions> = {}): SocketProcess {
  return new SocketProcess({ socketPath: daemon.socket, clock: systemClock, ...options });
}

/** Nobody is asked: that a brick goes only when the others can do without it is shown elsewhere. */
function restart(
  process: SocketProcess,
  names: (running: Parameters<NonNullable<RestartPorts['terminate']>>[0]) => readonly string[],
): RestartPorts {
  return {
    enter: async () => await Promise.resolve(undefined),
    leave: () => undefined,
    terminate: async (endable, own) => await process.terminate(endable.identity, names(endable), own),
  };
}

beforeAll(async () => {
  lab = await Lab.create({ name: 'volfile-unseen' });
  // Two sets: a daemon ends with the last of them.
  volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 2, sets: 2 });
  brick = volume.brick(0);
  shd = volume.shd;
  await pause(2 * FILE_TIME_ERROR_MS);
  await volume.start();
  supervisors = [new Supervisor(brick), new Supervisor(shd)];
  await pause(START_MS);
  procRoot = `${lab.dir}/nobody`;
  await mkdir(procRoot);
  manager = newManager(signal);
});
afterAll(async () => {
  stop.abort();
  await manager.stopped();
  await Promise.all(supervisors.map(async (supervisor) => supervisor.stop()));
  await lab.destroy();
});

/** @param logFiles of brick and daemon; default: the agent sees none */
function newManager(own: AbortSignal, logFiles: readonly string[] = []): VolfileManager {
  const ofBrick = at(brick, { brickName: brick.name });
  const ofShd = at(shd);
  const [brickLog, shdLog] = logFiles;
  return new VolfileManager({
    dir: volume.configMap.dir,
    targets: [
      {
        process: 'brick',
        file: brick.volfileName,
        pidFile: brick.pidFile,
        ...(brickLog === undefined ? {} : { logFile: brickLog }),
        socket: async (asked) => await ofBrick.look(asked),
        restart: restart(ofBrick, () => [brick.name]),
      },
      {
        process: 'shd',
        file: shd.volfileName,
        pidFile: shd.pidFile,
        ...(shdLog === undefined ? {} : { logFile: shdLog }),
        socket: async (asked) => await ofShd.look(asked),
        restart: restart(ofShd, ({ running }) => (running === undefined ? [] : topOf(running.graph).subvolumes)),
      },
    ],
    glusterVersion: () => '11',
    minProcessAgeMs: START_MS,
    returnDeadlineMs: RETURN_MS,
    clock: systemClock,
    log: silentLog,
    signal: own,
    system: { procRoot },
  });
}

function statusOf(process: 'brick' | 'shd'): VolfileStatus {
  const status = manager.status().find((item) => item.process === process);
  if (status === undefined) throw new Error(`no status of ${process}`);
  return status;
}

async function becomes(process: 'brick' | 'shd', verdict: string): Promise<VolfileStatus> {
  await lab.waitFor(`${verdict} of the ${process}`, async () => {
    await manager.refresh();
    const { outcome, reason, message } = statusOf(process);
    const now = `${outcome}/${reason}`;
    if (now !== verdict) throw new Error(`${now}: ${message}`);
    return true;
  });
  return statusOf(process);
}

describe('an unseen process', () => {
  it('is the same one over signals and connections, and another one after a restart', async () => {
    const [named, unnamed] = [at(brick, { brickName: brick.name }), at(shd)];
    const [before, daemon] = [await named.look(signal), await unnamed.look(signal)];
    expect([before.state, daemon.state]).toEqual(['answers', 'answers']);
    brick.signal('SIGHUP');
    shd.signal('SIGHUP');
    await pause(200);
    expect(await named.look(signal)).toEqual(before);
    expect(await unnamed.look(signal)).toEqual(daemon);
    // A brick of another name is another brick, whoever listens.
    expect(await at(brick, { brickName: '/nobody' }).look(signal)).toMatchObject({ state: 'unsure' });
    const third = volume.brick(3);
    const old = await at(third).look(signal);
    if (old.state !== 'answers') throw new Error('it does not answer');
    await third.stop();
    expect(await at(third).look(signal)).toMatchObject({ state: 'silent' });
    await third.start();
    const next = await at(third).look(signal);
    expect(next).toMatchObject({ state: 'answers' });
    expect(next).not.toEqual(old);
    // Whoever means the old one does not hit the new one.
    await expect(at(third).terminate(old.identity, [third.name], signal)).rejects.toMatchObject({
      code: 'ProcessUnproven',
    });
    expect(third.running).toBe(true);
  });

  it('runs what was in its file when it bound its socket', async () => {
    for (const process of ['brick', 'shd'] as const) {
      const { runningHash, wantedHash } = await becomes(process, 'Unchanged/SameFile');
      expect(runningHash).toBe(wantedHash);
    }
  });

  it('runs what its log shows where the times do not tell', async () => {
    const names = [brick.volfileName, shd.volfileName];
    const texts = await Promise.all(names.map(async (name) => [name, `# new\n${await volume.configMap.text(name)}`]));
    await volume.configMap.swap(Object.fromEntries(texts));
    // It has seen none of the files before.
    const own = new AbortController();
    const late = newManager(own.signal, [brick.logFile, shd.logFile]);
    await late.refresh();
    const found = late.status().map(({ outcome, reason, message }) => [outcome, reason, message]);
    const shown = ['Unchanged', 'SameMeaning', 'its log shows the graph of this file'];
    expect(found).toEqual([shown, shown]);
    own.abort();
    await late.stopped();
  });

  it('is ended over its socket for what a reload would bring in, and another one runs the file', async () => {
    const pids = [brick.pid, shd.pid];
    const text = await volume.configMap.text(brick.volfileName);
    const ofShd = await volume.configMap.text(shd.volfileName);
    await volume.configMap.swap({
      [brick.volfileName]: text.replace('count-fop-hits off', 'count-fop-hits on'),
      [shd.volfileName]: ofShd.replaceAll('type protocol/client\n', '$&    option frame-timeout 900\n'),
    });
    for (const [process, index] of [
      ['brick', 0],
      ['shd', 1],
    ] as const) {
      const { message, runningHash, wantedHash } = await becomes(process, 'Applied/Restarted');
      expect(message).toMatch(
        /^the process at \S+ that started at \S+ was ended, and the process at .* runs the file$/,
      );
      expect(runningHash).toBe(wantedHash);
      expect(supervisors[index]?.ends).toHaveLength(1);
    }
    expect([brick.pid, shd.pid].map((pid, index) => pid === pids[index])).toEqual([false, false]);
  });

  it('has failed to come back when nothing does', async () => {
    await supervisors[0]?.stop();
    await pause(START_MS);
    const text = await volume.configMap.text(brick.volfileName);
    await volume.configMap.swap({ [brick.volfileName]: text.replace('count-fop-hits on', 'count-fop-hits off') });
    const { message, restarts } = await becomes('brick', 'Failed/RestartFailed');
    expect(message).toMatch(/was ended, and nothing came back within \d\.\d s: /);
    expect(restarts).toEqual({ succeeded: 1, failed: 1 });
    expect(brick.running).toBe(false);
  });
});
