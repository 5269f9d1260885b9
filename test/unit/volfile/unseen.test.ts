/** A process that /proc does not show: known by its socket, its log and the times of files; ended over its socket. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashText } from '../../../src/volfile/read-set.ts';
import type { Endable, RestartPorts } from '../../../src/volfile/restart.ts';
import { VolfileStage } from '../../../src/volfile/stage.ts';
import type { TargetState } from '../../../src/volfile/target.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { FakeGluster, NOW, reconfigureLog, setOf } from './fake-gluster.ts';
import { edit, sample } from './samples.ts';

const A = sample('replica-brick.vol');
const LIVE = edit(A, 'thread-count 16', 'thread-count 32');
const OTHER_TREE = edit(A, 'features/locks', 'features/posix-locks');
const LONG_AGO = NOW - 2_000_000;
const RETURN_MS = 60_000;

let gluster: FakeGluster;
let target: TargetState;
let ended: Endable[];
let entered: number;
let left: number;
let refusal: string | undefined;

const ports: RestartPorts = {
  enter: async () => {
    await Promise.resolve();
    if (refusal === undefined) entered += 1;
    return refusal;
  },
  leave: () => {
    left += 1;
  },
  terminate: async (process) => {
    await Promise.resolve();
    ended.push(process);
    gluster.probe = false;
  },
};

beforeEach(() => {
  gluster = new FakeGluster();
  ended = [];
  [entered, left, refusal] = [0, 0, undefined];
  target = gluster.target();
});
afterEach(() => {
  if (gluster.hups.length + gluster.terms.length > 0) throw new Error('a signal was sent');
  gluster.dispose();
});

async function see(text: string, changedAt: number): Promise<string> {
  await target.pass(setOf('brick.vol', text, changedAt), new AbortController().signal);
  const { outcome, reason } = target.status;
  return `${outcome}/${reason}`;
}

describe('what an unseen process runs', () => {
  it('is told by the times of its file and its socket', async () => {
    gluster.startUnseen(1000, A, false);
    expect(await see(A, LONG_AGO)).toBe('Unchanged/SameFile');
    expect(target.status.runningHash).toBe(hashText(A));
    expect(await see(OTHER_TREE, gluster.now)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.runningHash).toBe(hashText(A));
  });

  it('is told by its log, where the times do not tell', async () => {
    gluster.startUnseen(1000, A);
    expect(await see(A, NOW - 5000)).toBe('Unchanged/SameMeaning');
    expect(target.status).toMatchObject({ runningHash: undefined, message: 'its log shows the graph of this file' });
    expect(await see(OTHER_TREE, NOW - 4000)).toBe('RestartRequired/TopologyChanged');
  });

  it('is not known without either, and that is said with what there is', async () => {
    gluster.startUnseen(1000, A, false);
    expect(await see(A, NOW - 5000)).toBe('Unverified/ProcessUnproven');
    expect(target.status.message).toMatch(
      /brick.pid does not exist, but the process at \/s bound 1 answers; .*not known.*log file; share the process namespace/,
    );
    const conditions = target.status.conditions.map(({ type, status }) => `${type} ${status}`);
    expect(conditions).toEqual(['Valid True', 'InForce Unknown', 'RestartRequired Unknown']);
  });

  it.each([
    ['of an earlier process', 500_000],
    ['of a later one, which has not bound the socket yet', -3000],
  ])('is not told by a log %s', async (_what, ago) => {
    gluster.startUnseen(1000, A, false);
    const bound = gluster.bound;
    gluster.startUnseen(1000 + ago / 1000, A);
    gluster.bound = bound;
    expect(await see(A, NOW - 5000)).toBe('Unverified/ProcessUnproven');
  });

  it('is not known since somebody else has reloaded it', async () => {
    gluster.startUnseen(1000, A);
    gluster.log(reconfigureLog(LIVE));
    expect(await see(A, LONG_AGO)).toBe('Unverified/ProcessUnproven');
    expect(target.status.message).toContain('reloaded by somebody else');
    // The tree is known all the same.
    expect(await see(OTHER_TREE, NOW)).toBe('RestartRequired/TopologyChanged');
  });

  it('needs a restart for what a reload would bring in: no signal reaches it', async () => {
    gluster.startUnseen(1000, A);
    await see(A, LONG_AGO);
    expect(await see(LIVE, NOW)).toBe('RestartRequired/ProcessUnseen');
    expect(target.status.changes).toMatchObject([{ key: 'thread-count', to: '32' }]);
    expect(target.status.message).toMatch(/no signal reaches it \(.*brick.pid does not exist\): restart it, or share/);
  });

  it('is looked at anew when another one comes', async () => {
    gluster.startUnseen(1000, A);
    await see(A, LONG_AGO);
    await see(OTHER_TREE, NOW - 8000);
    gluster.startUnseen(1, OTHER_TREE);
    expect(await see(OTHER_TREE, NOW - 8000)).toBe('Unchanged/SameFile');
  });

  it('is left to what was known of it when it was proven before', async () => {
    gluster.start(1000, A);
    expect(await see(A, LONG_AGO)).toBe('Unchanged/SameFile');
    gluster.end();
    gluster.startUnseen(1000, A);
    expect(await see(A, LONG_AGO)).toBe('Unverified/ProcessUnproven');
    expect(target.status.message).toContain('was proven before');
    gluster.probe = false;
    expect(await see(A, LONG_AGO)).toBe('Pending/ProcessNotRunning');
  });

  it('that reads another file, by its log, is not restarted for this one', async () => {
    target = gluster.target({ restart: ports }, { returnDeadlineMs: RETURN_MS });
    gluster.volfile = '/etc/volfiles/other.vol';
    gluster.startUnseen(1000, A);
    await see(A, NOW - 5000);
    await see(OTHER_TREE, NOW - 4000);
    expect(target.status.restartWaitsFor).toContain('reads /etc/volfiles/other.vol, not brick.vol');
    expect(ended).toEqual([]);
  });
});

describe('a restart of an unseen process', () => {
  beforeEach(async () => {
    target = gluster.target({ restart: ports }, { returnDeadlineMs: RETURN_MS });
    gluster.startUnseen(1000, A, false);
    await see(A, LONG_AGO);
  });

  it.each([
    ['a new tree', OTHER_TREE],
    ['an option that a reload would bring in', LIVE],
  ])('brings in %s: asked for, ended over its socket, watched until another one runs the file', async (_what, text) => {
    refusal = 'PeerDown';
    const changedAt = NOW;
    expect(await see(text, changedAt)).toMatch(/^RestartRequired\//);
    expect([target.status.restartWaitsFor, ended.length]).toEqual(['PeerDown', 0]);
    refusal = undefined;
    expect(await see(text, changedAt)).toBe('Pending/Restarting');
    expect(ended).toMatchObject([{ info: undefined, identity: { key: 'socket:1' } }]);
    gluster.advance(2500);
    expect(await see(text, changedAt)).toBe('Pending/Restarting');
    gluster.startUnseen(0.1, text, false);
    expect(await see(text, changedAt)).toBe('Applied/Restarted');
    expect(target.status).toMatchObject({
      runningHash: hashText(text),
      message: expect.stringMatching(
        /bound 1 was ended, and the process at \/s bound 2 came in its place after 2\.5 s/,
      ),
      restarts: { succeeded: 1, failed: 0 },
    });
    expect([entered, left, ended.length]).toEqual([1, 1, 1]);
    gluster.advance(60_000);
    expect(await see(text, changedAt)).toBe('Applied/Restarted');
    expect(ended).toHaveLength(1);
  });

  it('is not over as long as the same one answers, and has failed after 30 s', async () => {
    const { bound } = gluster;
    await see(OTHER_TREE, NOW);
    gluster.probe = true;
    gluster.advance(5000);
    expect(await see(OTHER_TREE, NOW)).toBe('Pending/Restarting');
    expect(target.status.message).toContain('is ending');
    gluster.advance(26_000);
    expect(gluster.bound).toBe(bound);
    expect(await see(OTHER_TREE, NOW)).toBe('Failed/RestartFailed');
    expect(target.status.message).toContain('has not ended within');
  });

  it('is not over when the old one is proven by its pid all at once', async () => {
    await see(OTHER_TREE, NOW);
    gluster.advance(1000);
    gluster.start(1000, A);
    expect(await see(OTHER_TREE, NOW)).toBe('Pending/Restarting');
    expect(target.status.message).toContain('is ending');
    gluster.advance(2000);
    gluster.start(0.1, OTHER_TREE);
    gluster.probe = true;
    expect(await see(OTHER_TREE, NOW)).toBe('Applied/Restarted');
  });

  it('waits where the process has just started, and where there is no way over its socket', async () => {
    gluster.startUnseen(5, A, false);
    expect(await see(OTHER_TREE, NOW)).toBe('RestartRequired/TopologyChanged');
    expect(target.status.restartWaitsFor).toContain('bound 2 has just started');
    const { terminate: _without, ...others } = ports;
    target = gluster.target({ restart: others });
    gluster.startUnseen(1000, A, false);
    await see(A, LONG_AGO);
    await see(OTHER_TREE, NOW);
    expect(target.status.restartWaitsFor).toBe('no signal reaches the process at /s bound 3');
    expect([ended.length, entered, left]).toEqual([0, 1, 1]);
  });

  it('has failed when nothing comes back, and the last good file is staged again', async () => {
    const stageDir = new TemporaryDirectory('unseen');
    const clock = Date.now();
    gluster.dispose();
    gluster = new FakeGluster(clock + 1000);
    const stage = new VolfileStage(stageDir.path);
    target = gluster.target({ restart: ports }, { stage, returnDeadlineMs: RETURN_MS });
    await see(A, clock);
    gluster.advance(5000);
    gluster.startUnseen(0, A, false);
    gluster.advance(20_000);
    expect(await see(A, clock)).toBe('Unchanged/SameFile');
    expect(await see(OTHER_TREE, gluster.now)).toBe('Pending/Restarting');
    gluster.advance(RETURN_MS);
    expect(await see(OTHER_TREE, gluster.now)).toBe('Failed/RestartFailed');
    expect(target.status.message).toMatch(/nothing came back within 60\.0 s: .*; the last good file is staged again$/);
    const entry = (await stage.read()).files.get('brick.vol');
    expect(entry?.ok === true && entry.sha256).toBe(hashText(A));
    stageDir[Symbol.dispose]();
  });
});
