/** GlusterFS 10 does not read its volfile on SIGHUP: the agent knows, and only a restart brings a change in. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { SocketProcess } from '../../src/rpc/socket-process.ts';
import { silentLog } from '../../src/lib/log.ts';
import { VolfileManager } from '../../src/volfile/manager.ts';
import { FILE_TIME_ERROR_MS } from '../../src/volfile/running.ts';
import type { VolfileTarget } from '../../src/volfile/target.ts';
import type { Brick } from '../lab/brick.ts';
import { findGluster10Root } from '../lab/gluster-root.ts';
import { Lab } from '../lab/lab.ts';
import { Supervisor } from '../lab/supervisor.ts';
import type { Volume } from '../lab/volume.ts';

const root = findGluster10Root();
if (root === undefined) {
  console.warn('!!!!!!!! no GlusterFS 10 on this machine (GLUSTER10_ROOT): what is said of it is not shown !!!!!!!!');
}

/** What a brick needs to be up on a busy machine. */
const START_MS = 1000;

describe.skipIf(root === undefined)('a brick of GlusterFS 10', () => {
  let lab: Lab;
  let volume: Volume;
  let brick: Brick;
  let supervisor: Supervisor;
  let good: string;
  const stop = new AbortController();

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile-gluster10', ...(root === undefined ? {} : { root }) });
    volume = await lab.volume({ name: 'vol1', type: 'single', simpleQuota: false });
    brick = volume.brick(0);
    good = await volume.configMap.text(brick.volfileName);
    await pause(2 * FILE_TIME_ERROR_MS);
    await volume.start();
    supervisor = new Supervisor(brick);
    await pause(START_MS);
  });
  afterAll(async () => {
    stop.abort();
    await supervisor.stop();
    await lab.destroy();
  });

  async function pause(ms: number): Promise<void> {
    await new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  }

  function manager(restart?: VolfileTarget['restart']): VolfileManager {
    const target: VolfileTarget = {
      process: 'brick',
      file: brick.volfileName,
      pidFile: brick.pidFile,
      logFile: brick.logFile,
      socket: async (own) => {
        return await new SocketProcess({ socketPath: brick.socket, brickName: brick.name, clock: systemClock }).look(
          own,
        );
      },
      restart,
    };
    return new VolfileManager({
      dir: volume.configMap.dir,
      targets: [target],
      // As the process shows it.
      glusterVersion: () => undefined,
      minProcessAgeMs: START_MS,
      clock: systemClock,
      log: silentLog,
      signal: stop.signal,
    });
  }

  it('ignores SIGHUP, so the agent sends it none and says that a restart is due', async () => {
    const managed = manager();
    await managed.refresh();
    expect(managed.status()).toMatchObject([{ outcome: 'Unchanged', reason: 'SameFile' }]);
    await volume.configMap.swap({
      [brick.volfileName]: good.replace('type performance/io-threads\n', '$&    option thread-count 7\n'),
    });
    await managed.refresh();
    expect(managed.status()).toMatchObject([{ outcome: 'RestartRequired', reason: 'HupIgnored' }]);
    // Somebody else sends one: nothing is read.
    const { length } = await readFile(brick.logFile, 'utf8');
    brick.signal('SIGHUP');
    await pause(START_MS);
    expect((await readFile(brick.logFile, 'utf8')).slice(length)).not.toMatch(/volfile|using set value|reconfigure/);
    expect(brick.running).toBe(true);
  });

  it('is restarted by the agent where it may', async () => {
    const { pid } = brick;
    const managed = manager({ enter: async () => await Promise.resolve(undefined), leave: () => undefined });
    await lab.waitFor('the restart', () => managed.status()[0]?.reason === 'Restarted');
    expect(brick.pid).not.toBe(pid);
    const log = await readFile(brick.logFile, 'utf8');
    expect(log.slice(log.lastIndexOf('Final graph:'))).toContain('option thread-count 7');
  });
});
