import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import { VolfileStage, type Staging } from '../../../src/volfile/stage.ts';
import type { TargetState, VolfileTarget } from '../../../src/volfile/target.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { FakeGluster, setOf, sha } from './fake-gluster.ts';
import { BRICK_CONTEXT, BRICK_PATH, edit, sample } from './samples.ts';

const A = sample('replica-brick.vol');
const B = edit(A, 'thread-count 16', 'thread-count 32');
const C = edit(A, 'thread-count 16', 'thread-count 64');
const OTHER_TREE = edit(A, 'features/locks', 'features/posix-locks');
const NO_AUTH_PATH = edit(B, `option auth-path ${BRICK_PATH}`, 'option trace off');
const TRUNCATED = B.slice(0, 300);

describe('VolfileStage', () => {
  let temporary: TemporaryDirectory;
  let dir: string;
  beforeEach(() => {
    temporary = new TemporaryDirectory('stage');
    dir = join(temporary.path, 'below/staged');
  });
  afterEach(() => temporary[Symbol.dispose]());

  async function offer(text: string): Promise<Staging> {
    const source = setOf('brick.vol', text, 0).files.get('brick.vol');
    const linted = lintVolfile(Buffer.from(text), BRICK_CONTEXT);
    const wanted = { readable: true as const, sha256: sha(text), changedAt: 0, ...linted };
    return await new VolfileStage(dir).offer('brick.vol', source, wanted);
  }

  it('puts a good file in place, once', async () => {
    expect(await offer(A)).toBe('staged');
    expect(await offer(A)).toBe('same');
    expect(await offer(B)).toBe('staged');
    expect(readFileSync(join(dir, 'brick.vol'), 'utf8')).toBe(B);
    expect(readdirSync(dir)).toEqual(['brick.vol']);
  });

  it.each([
    ['with a fault', NO_AUTH_PATH],
    ['that cannot be parsed', TRUNCATED],
  ])('keeps the last good file against one %s, or has none', async (_what, bad) => {
    expect(await offer(bad)).toBe('none');
    await offer(A);
    expect(await offer(bad)).toBe('kept');
    expect(readFileSync(join(dir, 'brick.vol'), 'utf8')).toBe(A);
  });

  it('keeps the last good file when the other is gone', async () => {
    await offer(A);
    const missing = { readable: false, reason: 'FileMissing', message: '' } as const;
    expect(await new VolfileStage(dir).offer('brick.vol', undefined, missing)).toBe('kept');
  });

  it('reads nothing of a draft that was cut off, and writes through it', async () => {
    await offer(A);
    writeFileSync(join(dir, '..brick.vol.new'), `${B}${B}`);
    expect([...(await new VolfileStage(dir).read()).files.keys()]).toEqual(['brick.vol']);
    await offer(C);
    expect(readFileSync(join(dir, 'brick.vol'), 'utf8')).toBe(C);
  });

  it('writes to no other place through a link', async () => {
    const other = temporary.write('other', 'precious');
    mkdirSync(dir, { recursive: true });
    symlinkSync(other, join(dir, '..brick.vol.new'));
    await expect(offer(A)).rejects.toThrow('ELOOP');
    expect(readFileSync(other, 'utf8')).toBe('precious');
  });
});

describe('a process that reads staged files', () => {
  let gluster: FakeGluster;
  let target: TargetState;
  let temporary: TemporaryDirectory;
  let stage: VolfileStage;

  beforeEach(() => {
    // Staged files have the times of the machine.
    gluster = new FakeGluster(Date.now());
    temporary = new TemporaryDirectory('staged');
    stage = new VolfileStage(temporary.path);
    target = newTarget({});
  });

  function newTarget(changes: Partial<VolfileTarget>): TargetState {
    return gluster.target(changes, { stage, returnDeadlineMs: 60_000 });
  }
  afterEach(() => {
    gluster.dispose();
    temporary[Symbol.dispose]();
  });

  /** The process finds the staging directory at its own path, and this one outlives it. */
  function start(secondsAgo: number, text: string): void {
    gluster.start(secondsAgo, text);
    const seen = dirname(gluster.seenPath);
    if (!lstatSync(seen).isSymbolicLink()) {
      rmSync(seen, { recursive: true });
      symlinkSync(stage.dir, seen);
    }
  }

  async function see(text: string): Promise<string> {
    await target.pass(setOf('brick.vol', text, gluster.now), new AbortController().signal);
    const { outcome, reason } = target.status;
    return `${outcome}/${reason}`;
  }

  const staged = (): string => readFileSync(join(stage.dir, 'brick.vol'), 'utf8');

  it('gets a good file staged before the signal', async () => {
    start(1000, A);
    await see(A);
    expect(await see(B)).toBe('Applied/ValuesSeen');
    expect(staged()).toBe(B);
    expect([gluster.loaded, target.status.runningHash]).toEqual([B, sha(B)]);
  });

  it.each([
    ['with a fault', NO_AUTH_PATH, 'Rejected/LintError'],
    ['that cannot be parsed', TRUNCATED, 'Rejected/SyntaxError'],
  ])('starts from the last good file while the wanted one is one %s', async (_what, bad, verdict) => {
    start(1000, A);
    await see(B);
    expect(await see(bad)).toBe(verdict);
    expect(staged()).toBe(B);
  });

  it('finds a file staged that needs a restart', async () => {
    start(1000, A);
    await see(A);
    expect(await see(OTHER_TREE)).toBe('RestartRequired/TopologyChanged');
    expect(staged()).toBe(OTHER_TREE);
  });

  it('finds the newest file staged when it does not run yet', async () => {
    gluster.probe = false;
    expect(await see(A)).toBe('Pending/ProcessNotRunning');
    expect(staged()).toBe(A);
  });

  it('starts again from the last good file when it died of a new one, which is not staged again', async () => {
    start(1000, A);
    await see(A);
    gluster.hup = 'die';
    expect(await see(B)).toBe('Failed/ProcessDied');
    expect(target.status.message).toContain('the last good file is staged again');
    expect(staged()).toBe(A);
    expect(await see(B)).toBe('Failed/ProcessDied');
    gluster.hup = 'reconfigure';
    start(100, A);
    expect(await see(B)).toBe('Failed/ProcessDied');
    expect([staged(), gluster.hups.length]).toEqual([A, 2]);
    expect(await see(C)).toBe('Applied/ValuesSeen');
    expect(staged()).toBe(C);
  });

  describe('and is restarted by the agent', () => {
    const RETURN_MS = 60_000;

    beforeEach(async () => {
      const restart = { enter: async () => await Promise.resolve(undefined), leave: () => undefined };
      target = newTarget({ restart });
      start(1000, A);
      await see(A);
      await see(OTHER_TREE);
    });

    it('finds the new file staged', () => {
      expect(target.status.reason).toBe('Restarting');
      expect(staged()).toBe(OTHER_TREE);
    });

    it('finds the last good file again when nothing came up with the new one', async () => {
      gluster.advance(RETURN_MS);
      expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
      expect(target.status.message).toContain('the last good file is staged again');
      expect(staged()).toBe(A);
      start(0, A);
      gluster.advance(30_000);
      expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
      expect([staged(), gluster.terms.length]).toEqual([A, 1]);
      expect(await see(C)).toBe('Applied/ValuesSeen');
    });

    it('ends what came up with the new one and never answered', async () => {
      gluster.probe = false;
      start(0, OTHER_TREE);
      gluster.advance(RETURN_MS);
      expect(await see(OTHER_TREE)).toBe('Failed/RestartFailed');
      expect(target.status.message).toContain('which never answered, was told to end');
      expect([staged(), gluster.terms.length]).toEqual([A, 2]);
    });
  });

  it('goes back to what it has lived with, not to what was only staged', async () => {
    let refusal: string | undefined = 'busy';
    const restart = { enter: async () => await Promise.resolve(refusal), leave: () => undefined };
    target = newTarget({ restart });
    start(1000, A);
    await see(A);
    await see(OTHER_TREE);
    refusal = undefined;
    expect(await see(edit(OTHER_TREE, 'thread-count 16', 'thread-count 8'))).toBe('Pending/Restarting');
    gluster.advance(60_000);
    await see(edit(OTHER_TREE, 'thread-count 16', 'thread-count 8'));
    expect(staged()).toBe(A);
  });

  it('is left alone when the file cannot be staged', async () => {
    start(1000, A);
    await see(A);
    const hups = gluster.hups.length;
    rmSync(stage.dir, { recursive: true });
    writeFileSync(stage.dir, '');
    expect(await see(B)).toBe('Failed/StagingFailed');
    expect(gluster.hups).toHaveLength(hups);
  });
});
