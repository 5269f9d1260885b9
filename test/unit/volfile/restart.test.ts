import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestartPorts } from '../../../src/volfile/restart.ts';
import type { TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, setOf, sha } from './fake-gluster.ts';
import { edit, sample } from './samples.ts';

const A = sample('replica-brick.vol');
const OTHER_TREE = edit(A, 'features/locks', 'features/posix-locks');
const THIRD_TREE = edit(A, 'features/index', 'features/index-two');
const LONG_AGO = NOW - 2_000_000;
const RETURN_MS = 60_000;

/** Whoever has to be asked before a brick goes. */
class Gate implements RestartPorts {
  refusal: string | undefined;
  entered = 0;
  left = 0;
  terminated = 0;
  terminate: RestartPorts['terminate'];

  async enter(): Promise<string | undefined> {
    await Promise.resolve();
    if (this.refusal === undefined) this.entered += 1;
    return this.refusal;
  }

  leave(): void {
    this.left += 1;
  }
}

let gluster: FakeGluster;
let gate: Gate;
let target: TargetState;
let changedAt: number;

beforeEach(async () => {
  gluster = new FakeGluster();
  gate = new Gate();
  target = gluster.target({ restart: gate }, { returnDeadlineMs: RETURN_MS });
  gluster.start(1000, A);
  changedAt = LONG_AGO;
  await see(A);
});
afterEach(() => gluster.dispose());

async function see(text: string, mayRestart = true): Promise<string> {
  gluster.writeFile(text);
  await target.pass(setOf('brick.vol', text, changedAt), new AbortController().signal, mayRestart);
  const { outcome, reason } = target.status;
  return `${outcome}/${reason}`;
}

/** Somebody changes the file now. */
async function change(text: string, mayRestart = true): Promise<string> {
  changedAt = gluster.now;
  return await see(text, mayRestart);
}

describe('a restart by the agent', () => {
  it('is asked for, done by one signal, and watched until the new process runs the file', async () => {
    expect(await change(OTHER_TREE)).toBe('Pending/Restarting');
    expect([gluster.terms.length, gate.entered, gate.left, target.isRestarting]).toEqual([1, 1, 0, true]);
    expect(target.status.differences).not.toEqual([]);
    gluster.advance(1000);
    expect(await see(OTHER_TREE)).toBe('Pending/Restarting');
    gluster.advance(1000);
    gluster.probe = false;
    gluster.start(0.5, OTHER_TREE);
    expect(await see(OTHER_TREE)).toBe('Pending/Restarting');
    gluster.probe = true;
    gluster.advance(2500);
    expect(await see(OTHER_TREE)).toBe('Applied/Restarted');
    expect([gluster.terms.length, gate.left, target.isRestarting]).toEqual([1, 1, false]);
    expect(target.status).toMatchObject({
      runningHash: sha(OTHER_TREE),
      lastReload: { how: 'restart', success: true, durationMs: 4500 },
      restarts: { succeeded: 1, failed: 0 },
      restartWaitsFor: undefined,
    });
    expect(target.status.history.at(-1)).toMatchObject({ plan: 'restart', outcome: 'Applied', durationMs: 4500 });
    gluster.advance(60_000);
    expect(await see(OTHER_TREE)).toBe('Applied/Restarted');
    expect(gluster.terms).toHaveLength(1);
  });

  it('waits as long as it is not allowed, and is asked for again', async () => {
    gate.refusal = 'PeerDown: brick 2 does not serve';
    expect(await change(OTHER_TREE)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restartWaitsFor).toBe(gate.refusal);
    expect(await see(OTHER_TREE)).toBe('RestartRequired/TopologyChanged');
    expect([gluster.terms.length, gate.left]).toEqual([0, 0]);
    gate.refusal = undefined;
    expect(await see(OTHER_TREE)).toBe('Pending/Restarting');
    expect(gluster.terms).toHaveLength(1);
  });

  it('is not begun when the file went back meanwhile', async () => {
    gate.refusal = 'busy';
    await change(OTHER_TREE);
    gate.refusal = undefined;
    expect(await change(A)).toBe('Unchanged/SameFile');
    expect([target.status.restartWaitsFor, gluster.terms.length]).toEqual([undefined, 0]);
  });

  it('waits for another process of the pod, and for a process that has just started', async () => {
    expect(await change(OTHER_TREE, false)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restartWaitsFor).toContain('another process of this pod');
    gluster.start(4, A);
    expect(await change(OTHER_TREE)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restartWaitsFor).toContain('has just started');
    expect([gluster.terms.length, gate.entered]).toEqual([0, 0]);
  });

  it('is not begun with a process that does not see the file, and takes its word back', async () => {
    changedAt = gluster.now;
    gluster.writeFile(A);
    await target.pass(setOf('brick.vol', OTHER_TREE, changedAt), new AbortController().signal);
    expect(target.status.restartWaitsFor).toContain('does not see this file');
    expect([gluster.terms.length, gate.entered, gate.left]).toEqual([0, 1, 1]);
  });

  it('helps a process whose parser is broken, and one that refused a reload; without a second signal', async () => {
    const refused = edit(A, 'thread-count 16', 'thread-count 32');
    gluster.hup = 'refuse';
    expect(await change(refused)).toBe('RestartRequired/ReconfigureFailed');
    expect(await see(refused)).toBe('Pending/Restarting');
    expect([gluster.hups.length, gluster.terms.length]).toEqual([1, 1]);
  });

  it('has failed when nothing comes back, and is not tried again with that file', async () => {
    await change(OTHER_TREE);
    gluster.advance(RETURN_MS);
    expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
    expect(target.status).toMatchObject({
      message: expect.stringContaining('nothing came back within 60.0 s'),
      lastReload: { how: 'restart', success: false },
      restarts: { succeeded: 0, failed: 1 },
    });
    expect(gate.left).toBe(1);
    gluster.advance(60_000);
    expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
    // It comes up late: then it runs the file.
    gluster.start(0, OTHER_TREE);
    gluster.advance(60_000);
    expect(await see(OTHER_TREE)).toBe('Unchanged/SameFile');
    expect(gluster.terms).toHaveLength(1);
  });

  it('has failed when what comes back dies three times', async () => {
    await change(OTHER_TREE);
    for (let deaths = 0; deaths < 3; deaths += 1) {
      expect(await see(OTHER_TREE)).toBe('Pending/Restarting');
      gluster.probe = false;
      gluster.start(0, OTHER_TREE);
      await see(OTHER_TREE);
      gluster.end();
      gluster.advance(1000);
    }
    expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
    expect(target.status.message).toContain('3 died at their start');
  });

  it('has failed when the process does not end', async () => {
    gluster.term = 'ignore';
    await change(OTHER_TREE);
    gluster.advance(31_000);
    expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
    expect(target.status.message).toContain('has not ended within');
    expect(gluster.terms).toHaveLength(1);
  });

  it('has failed when what comes back runs something else', async () => {
    await change(OTHER_TREE);
    gluster.start(0, A);
    gluster.writeFile(OTHER_TREE);
    gluster.advance(40_000);
    // The times do not tell, its log does.
    expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
    expect(target.status.message).toContain('but runs another file');
  });

  it('brings in what came while it was under way', async () => {
    await change(OTHER_TREE);
    gluster.advance(1000);
    expect(await change(THIRD_TREE)).toBe('Pending/Restarting');
    gluster.advance(5000);
    gluster.start(0, THIRD_TREE);
    gluster.advance(3000);
    expect(await see(THIRD_TREE)).toBe('Applied/Restarted');
    expect(target.status.runningHash).toBe(sha(THIRD_TREE));
  });

  it('is followed by the next one when a file came too late', async () => {
    await change(OTHER_TREE);
    gluster.advance(1000);
    gluster.start(0, OTHER_TREE);
    gluster.advance(5000);
    expect(await change(THIRD_TREE)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restarts).toEqual({ succeeded: 1, failed: 0 });
    expect(target.status.restartWaitsFor).toContain('has just started');
    gluster.advance(60_000);
    expect(await see(THIRD_TREE)).toBe('Pending/Restarting');
    expect(gluster.terms).toHaveLength(2);
  });

  it('goes over the socket where a signal is not allowed', async () => {
    gluster.term = 'forbid';
    expect(await change(OTHER_TREE)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restartWaitsFor).toContain('add the KILL capability');
    expect(gate.left).toBe(1);
    gate.terminate = async (process) => {
      await Promise.resolve();
      expect(process.info?.pid).toBe(4242);
      gluster.end();
    };
    expect(await see(OTHER_TREE)).toBe('Pending/Restarting');
    gate.terminate = undefined;
  });
});
