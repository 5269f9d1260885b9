import { utimesSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { EVIDENCE_DEADLINE_MS } from '../../../src/volfile/apply.ts';
import { HISTORY_LENGTH } from '../../../src/volfile/status.ts';
import { TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, PID, reconfigureLog, setOf, sha } from './fake-gluster.ts';
import { BRICK_PATH, edit, sample } from './samples.ts';

const A = sample('replica-brick.vol');
const B = edit(A, 'thread-count 16', 'thread-count 32');
const C = edit(A, 'thread-count 16', 'thread-count 64');
const OTHER_TREE = edit(A, 'features/locks', 'features/posix-locks');
const NO_AUTH_PATH = edit(B, `option auth-path ${BRICK_PATH}`, 'option trace off');
const OTHER_PORT = edit(A, 'listen-port 24007', 'listen-port 24008');

/** The process is 1000 s old, and file A older. */
const LONG_AGO = NOW - 2_000_000;
const JUST_NOW = NOW - 5000;

let gluster: FakeGluster;
let version: '10' | '11' | undefined;
let target: TargetState;

beforeEach(() => {
  gluster = new FakeGluster();
  version = '11';
  target = newTarget();
});
afterEach(() => gluster.dispose());

function newTarget(logFile: string | undefined = gluster.logFile): TargetState {
  return new TargetState(
    {
      process: 'brick',
      file: 'brick.vol',
      pidFile: gluster.pidFile,
      ...(logFile === undefined ? {} : { logFile }),
      socket: gluster.socket,
    },
    {
      glusterVersion: () => version,
      clock: gluster.clock,
      log: silentLog,
      system: gluster.system,
    },
  );
}

/** The file as it stands in the directory, and as the process sees it. */
async function see(text: string, changedAt = JUST_NOW): Promise<boolean> {
  gluster.writeFile(text);
  return await target.pass(setOf('brick.vol', text, changedAt), new AbortController().signal);
}

async function seeAAndStart(): Promise<void> {
  gluster.start(1000, A);
  await see(A, LONG_AGO);
}

function verdict(): string {
  const { outcome, reason } = target.status;
  return `${outcome}/${reason}`;
}

describe('what a process runs', () => {
  it('is the file it has started with', async () => {
    await seeAAndStart();
    expect(verdict()).toBe('Unchanged/SameFile');
    expect(target.status).toMatchObject({ wantedHash: sha(A), runningHash: sha(A), problems: [] });
    expect(gluster.hups).toEqual([]);
  });

  it('is not known when the file changed since, and the log does not tell', async () => {
    gluster.start(1000, A, false);
    await see(B);
    expect(verdict()).toBe('Unverified/RunningGraphUnknown');
    expect(target.status.runningHash).toBeUndefined();
    expect(gluster.hups).toEqual([]);
  });

  it('is not known when the file changed within moments of the start', async () => {
    gluster.start(1000, A, false);
    await see(A, LONG_AGO);
    gluster.start(2, A, false);
    await see(B, NOW - 1500);
    expect(verdict()).toBe('Unverified/RunningGraphUnknown');
  });

  it('is told by the log where the times do not tell: then a reload makes sure', async () => {
    gluster.start(1000, A);
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
    expect(target.status.runningHash).toBe(sha(B));
    expect(target.status.changes).toMatchObject([{ key: 'thread-count', from: '16', to: '32' }]);
  });

  it('may turn out to be the wanted file', async () => {
    gluster.start(1000, A);
    await see(A);
    expect(verdict()).toBe('Unchanged/AlreadyLoaded');
    expect(gluster.hups).toHaveLength(1);
  });

  it('is the file that was there when a shell became glusterfsd', async () => {
    gluster.start(1000, A, false);
    await see(A, LONG_AGO);
    gluster.start(60, OTHER_TREE, false);
    utimesSync(gluster.pidFile, (NOW - 30_000) / 1000, (NOW - 30_000) / 1000);
    await see(OTHER_TREE, NOW - 45_000);
    expect(verdict()).toBe('Unchanged/SameFile');
  });

  it('is the newest file after a restart', async () => {
    await seeAAndStart();
    await see(OTHER_TREE, NOW - 60_000);
    expect(verdict()).toBe('RestartRequired/TopologyChanged');
    gluster.start(20, OTHER_TREE);
    await see(OTHER_TREE, NOW - 60_000);
    expect(verdict()).toBe('Unchanged/SameFile');
    expect(target.status.runningHash).toBe(sha(OTHER_TREE));
    expect(gluster.hups).toEqual([]);
  });

  it('is an older file when it started before the newer came', async () => {
    await seeAAndStart();
    await see(OTHER_TREE, NOW - 10_000);
    gluster.start(30, A);
    await see(OTHER_TREE, NOW - 10_000);
    expect(verdict()).toBe('RestartRequired/TopologyChanged');
  });

  it('counts no option of the command line as a difference of the file', async () => {
    gluster.extraArguments = ['--xlator-option', '*-posix.glusterd-uuid=node-0'];
    gluster.start(1000, edit(A, 'option volume-id', 'option glusterd-uuid node-0\n option volume-id'));
    gluster.writeFile(B);
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
  });
});

describe('a change of options', () => {
  beforeEach(seeAAndStart);

  it('is applied once, with the evidence of the log', async () => {
    expect(await see(B)).toBe(true);
    expect(verdict()).toBe('Applied/ValuesSeen');
    expect(target.status).toMatchObject({
      runningHash: sha(B),
      lastReload: { success: true },
      lastSuccessAt: NOW,
      reloads: { succeeded: 1, failed: 0 },
    });
    expect(await see(B)).toBe(false);
    expect(gluster.hups).toHaveLength(1);
    await see(A);
    expect(verdict()).toBe('Applied/ValuesSeen');
    expect(gluster.hups).toHaveLength(2);
  });

  it('with a form of its own only needs no signal', async () => {
    await see(`# comment\n${A}`);
    expect(verdict()).toBe('Unchanged/SameMeaning');
    expect(gluster.hups).toEqual([]);
  });

  it('of rules of access shows in the pass through the graph', async () => {
    await see(edit(A, '10.0.0.0/8', '10.1.0.0/16'));
    expect(verdict()).toBe('Applied/PassSeen');
  });

  it('that no log shows is not claimed to be applied, and not sent again', async () => {
    gluster.hup = 'quiet';
    await see(B);
    await see(B);
    expect(verdict()).toBe('Unverified/NoEvidence');
    expect(gluster.hups).toHaveLength(1);
    expect(target.status.runningHash).toBeUndefined();
  });

  it('of an option that nobody knows is named as not confirmed', async () => {
    await see(edit(A, 'thread-count 16', 'thread-count 16\n    option frobnicate on'));
    expect(verdict()).toBe('Unverified/OptionNotConfirmed');
    expect(target.status.message).toContain('frobnicate of "vol1-io-threads"');
  });

  it('that only a restart brings in is not sent, even together with others', async () => {
    await see(edit(B, 'listen-port 24007', 'listen-port 24008'));
    expect(verdict()).toBe('RestartRequired/OptionNeedsRestart');
    expect(target.status.changes).toHaveLength(2);
    await see(OTHER_PORT);
    expect(gluster.hups).toEqual([]);
  });

  it('is not sent to GlusterFS 10, which would not look, nor to a version that is not known', async () => {
    const withoutQuota = (text: string): string =>
      edit(edit(text, 'features/simple-quota', 'features/upcall'), /option pass-through.*\n/, '\n');
    gluster.start(900, withoutQuota(A));
    await see(withoutQuota(A), LONG_AGO);
    version = '10';
    await see(withoutQuota(B));
    expect(verdict()).toBe('RestartRequired/HupIgnored');
    version = undefined;
    await see(withoutQuota(B));
    expect(verdict()).toBe('Unverified/VersionUnknown');
    expect(gluster.hups).toEqual([]);
    version = '11';
    await see(withoutQuota(B));
    expect(verdict()).toBe('Applied/ValuesSeen');
  });

  it('goes to a process that shows its version by itself, unless it is GlusterFS 10', async () => {
    const maps = (number: string): string =>
      `7f00-7f01 r-xp 0 0:0 1   /usr/lib/glusterfs/${number}/xlator/protocol/server.so\n`;
    version = undefined;
    for (const [number, expected] of [
      ['10.3', 'Rejected/LintError'],
      ['9.6', 'Unverified/VersionUnknown'],
      ['11.1', 'Applied/ValuesSeen'],
    ] as const) {
      gluster.maps = maps(number);
      gluster.start(Number(number.split('.')[0]) * 10, A);
      await see(B);
      expect([number, verdict()]).toEqual([number, expected]);
    }
  });

  it('waits until the process is safely up', async () => {
    gluster.start(9, A);
    await see(A, LONG_AGO);
    await see(B);
    expect(verdict()).toBe('Pending/JustStarted');
    expect(gluster.hups).toEqual([]);
    gluster.clock.time += 2000;
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
  });

  it('waits until the process sees the file as well', async () => {
    gluster.writeFile(A);
    await target.pass(setOf('brick.vol', B, JUST_NOW), new AbortController().signal);
    expect(verdict()).toBe('Pending/NotYetVisible');
    expect(gluster.hups).toEqual([]);
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
  });
});

describe('a file that would hurt', () => {
  beforeEach(seeAAndStart);

  it.each([
    ['garbage at its end', `${B}garbage\n`, 'Rejected/SyntaxError'],
    ['a backtick', `# \`reboot\`\n${B}`, 'Rejected/SyntaxError'],
    ['no auth-path', NO_AUTH_PATH, 'Rejected/LintError'],
    ['a value out of range', edit(A, 'thread-count 16', 'thread-count 9999'), 'Rejected/LintError'],
    ['another tree', OTHER_TREE, 'RestartRequired/TopologyChanged'],
    ['another port', OTHER_PORT, 'RestartRequired/OptionNeedsRestart'],
    ['nothing', '', 'Rejected/SyntaxError'],
  ])('is never sent: %s', async (_what, text, expected) => {
    await see(text);
    await see(text);
    expect(verdict()).toBe(expected);
    expect(gluster.hups).toEqual([]);
    expect(target.status.runningHash).toBe(sha(A));
    await see(A, LONG_AGO);
    expect(verdict()).toBe('Unchanged/SameFile');
  });

  it('is told with its place', async () => {
    await see(NO_AUTH_PATH);
    expect(target.status.message).toMatch(/^VF101 in line \d+: /);
    expect(target.status.problems).toMatchObject([{ id: 'VF101', severity: 'error' }]);
  });

  it('that is gone or unreadable is told as such', async () => {
    const signal = new AbortController().signal;
    await target.pass({ ...setOf('other.vol', A, JUST_NOW) }, signal);
    expect(verdict()).toBe('Rejected/FileMissing');
    await target.pass(
      { ...setOf('brick.vol', A, JUST_NOW), files: new Map([['brick.vol', { ok: false, problem: 'EIO' }]]) },
      signal,
    );
    expect(verdict()).toBe('Rejected/FileUnreadable');
    await target.pass({ ...setOf('brick.vol', A, JUST_NOW), problem: 'the directory hangs' }, signal);
    expect(target.status).toMatchObject({ reason: 'FileUnreadable', message: 'the directory hangs' });
  });

  it('mounted with subPath is a warning', async () => {
    await target.pass(setOf('brick.vol', B, JUST_NOW, true), new AbortController().signal);
    expect(target.status.problems).toMatchObject([{ id: 'VF008', severity: 'warning', line: 0 }]);
  });
});

describe('a process that the agent cannot see', () => {
  it('is not called dead while it answers at its socket, and gets no signal', async () => {
    await see(A);
    expect(verdict()).toBe('Unverified/ProcessUnproven');
    expect(target.status.message).toContain('shareProcessNamespace');
    const conditions = target.status.conditions.map(({ type, status }) => `${type} ${status}`);
    expect(conditions).toEqual(['Valid True', 'InForce Unknown', 'RestartRequired Unknown']);
    gluster.probe = false;
    await see(A);
    expect(verdict()).toBe('Pending/ProcessNotRunning');
    expect([...gluster.hups, ...gluster.terms]).toEqual([]);
  });
});

describe('a reload that goes wrong', () => {
  beforeEach(seeAAndStart);

  it('and kills the process is Failed; the new process has read the new file', async () => {
    gluster.hup = 'die';
    await see(B);
    expect(verdict()).toBe('Failed/ProcessDied');
    expect(target.status.reloads).toEqual({ succeeded: 0, failed: 1 });
    gluster.probe = false;
    await see(B);
    expect(verdict()).toBe('Pending/ProcessNotRunning');
    gluster.probe = true;
    gluster.start(2, B);
    await see(B);
    expect(verdict()).toBe('Unchanged/SameFile');
    expect(gluster.hups).toHaveLength(1);
  });

  it('and is refused needs a restart; the old file is no way back', async () => {
    gluster.hup = 'refuse';
    await see(B);
    await see(B);
    expect(verdict()).toBe('RestartRequired/ReconfigureFailed');
    expect(gluster.hups).toHaveLength(1);
    await see(A);
    expect(verdict()).toBe('RestartRequired/HalfApplied');
    gluster.hup = 'reconfigure';
    await see(C);
    expect(verdict()).toBe('Applied/ValuesSeen');
    expect(target.status.runningHash).toBe(sha(C));
  });

  it('and poisons the parser is the last one until a restart', async () => {
    gluster.hup = 'poison';
    await see(B);
    expect(verdict()).toBe('RestartRequired/Poisoned');
    gluster.hup = 'reconfigure';
    await see(C);
    expect(verdict()).toBe('RestartRequired/Poisoned');
    expect(gluster.hups).toHaveLength(1);
    gluster.start(1, C);
    await see(C);
    expect(verdict()).toBe('Unchanged/SameFile');
  });

  it('in which the process reads a newer file is not waited for, and the newer one is next', async () => {
    gluster.hup = 'no-log';
    gluster.onHup = () => {
      gluster.writeFile(C);
      gluster.log(reconfigureLog(C));
    };
    await see(B);
    expect(verdict()).toBe('Unverified/ChangedMeanwhile');
    expect(target.status.history.at(-1)?.durationMs).toBeLessThan(EVIDENCE_DEADLINE_MS);
    gluster.loaded = C;
    gluster.hup = 'reconfigure';
    gluster.onHup = () => undefined;
    await see(C);
    expect([verdict(), target.status.runningHash]).toEqual(['Unchanged/AlreadyLoaded', sha(C)]);
  });

  it('in which the process cannot open its file is tried again', async () => {
    gluster.hup = 'blind';
    await see(B);
    expect(verdict()).toBe('Pending/NotYetVisible');
  });

  it('and leaves the process without an answer is Failed until it answers', async () => {
    gluster.probe = false;
    await see(B);
    expect(verdict()).toBe('Failed/NotAnswering');
    await see(B);
    expect(verdict()).toBe('Failed/NotAnswering');
    gluster.probe = true;
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
    expect(gluster.hups).toHaveLength(1);
  });
});

describe('after a process that did not answer', () => {
  it('a decision about another file ends the asking', async () => {
    await seeAAndStart();
    gluster.probe = false;
    await see(B);
    await see(OTHER_TREE);
    expect(verdict()).toBe('RestartRequired/TopologyChanged');
    await see(B);
    await see(B);
    expect(verdict()).toBe('Unchanged/SameFile');
  });
});

describe('somebody else', () => {
  it('who poisoned the parser is found out in the log', async () => {
    await seeAAndStart();
    gluster.log(
      '[2026-11-24 11:59:00.000000 +0000] E [MSGID: 100026] [x.c:1:y] 0-: failed to construct the graph [] \n',
    );
    await see(B);
    expect(verdict()).toBe('RestartRequired/Poisoned');
    expect(gluster.hups).toEqual([]);
  });

  it('who has reloaded the process already is seen', async () => {
    await seeAAndStart();
    gluster.loaded = B;
    await see(B);
    expect(verdict()).toBe('Unchanged/AlreadyLoaded');
  });

  it('who replaced the process gets no signal', async () => {
    await seeAAndStart();
    gluster.proc.put({ pid: PID, exe: '/usr/bin/python3', startTicks: 1 });
    await see(B);
    expect(verdict()).toBe('Unverified/ProcessUnproven');
    expect(gluster.hups).toEqual([]);
  });
});

describe('a process that does not read this file', () => {
  it.each([
    ['another file', '/etc/volfiles/other.vol', [], 'Unverified/OtherFile'],
    ['a server', '/etc/volfiles/brick.vol', ['-s', 'host'], 'Unverified/NoVolfile'],
  ])('gets no signal: %s', async (_what, volfile, extra, expected) => {
    gluster.volfile = volfile;
    gluster.extraArguments = extra;
    await seeAAndStart();
    await see(B);
    expect(verdict()).toBe(expected);
    expect(gluster.hups).toEqual([]);
  });
});

describe('without a log', () => {
  it('finds the log that the process was given', async () => {
    target = newTarget(undefined);
    await seeAAndStart();
    await see(B);
    expect(verdict()).toBe('Applied/ValuesSeen');
  });

  it('claims nothing when there is none', async () => {
    gluster.hup = 'no-log';
    target = newTarget('/nowhere/brick.log');
    await seeAAndStart();
    await see(B);
    expect(verdict()).toBe('Unverified/NoEvidence');
    expect(target.status.lastReload?.success).toBe(false);
  });
});

describe('the history', () => {
  it('keeps the last outcomes, each once', async () => {
    await seeAAndStart();
    for (let index = 0; index < HISTORY_LENGTH + 5; index += 1) {
      await see(index % 2 === 0 ? OTHER_TREE : OTHER_PORT);
      await see(index % 2 === 0 ? OTHER_TREE : OTHER_PORT);
    }
    const { history } = target.status;
    expect(history).toHaveLength(HISTORY_LENGTH);
    expect(history.at(-1)).toMatchObject({ outcome: 'RestartRequired', reason: 'TopologyChanged' });
    expect(history.at(-2)).toMatchObject({ reason: 'OptionNeedsRestart' });
  });
});
