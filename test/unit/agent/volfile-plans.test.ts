/** What the API says of volfiles that are not there yet: the same that the agent says, and does, once they are. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { volfilePlanService } from '../../../src/agent/volfile-plans.ts';
import type { TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, setOf, sha } from '../volfile/fake-gluster.ts';
import { BRICK_PATH, edit, sample } from '../volfile/samples.ts';

const A = sample('replica-brick.vol');
const OPTIONS = edit(A, 'thread-count 16', 'thread-count 32');
const PORT = edit(A, 'listen-port 24007', 'listen-port 24008');
const TREE = edit(A, 'features/locks', 'features/upcall');
const FATAL = edit(A, `option auth-path ${BRICK_PATH}`, 'option trace off');
const LONG_AGO = NOW - 2_000_000;

const NEVER = new AbortController().signal;

let gluster: FakeGluster;
let target: TargetState;
let policy: 'off' | 'auto';

beforeEach(() => {
  gluster = new FakeGluster();
  policy = 'off';
  target = gluster.target();
});
afterEach(() => gluster.dispose());

function service() {
  return volfilePlanService({
    brick: { majorVersion: undefined },
    config: {
      get volfileRestart() {
        return policy;
      },
    },
    volfiles: {
      preview: async (files) => [await target.preview(files.get('brick.vol'), NEVER)],
      previewOf: async (process, text) => (process === 'brick' ? await target.preview(text, NEVER) : undefined),
    },
  });
}

async function see(text: string, changedAt = NOW - 5000): Promise<void> {
  gluster.writeFile(text);
  await target.pass(setOf('brick.vol', text, changedAt), new AbortController().signal);
}

async function startWithA(): Promise<void> {
  gluster.start(1000, A);
  await see(A, LONG_AGO);
}

describe('what a ConfigMap would do', () => {
  it.each([
    ['unchanged', 'none', 'Unchanged/SameFile', A],
    ['unchanged', 'none', 'Unchanged/SameMeaning', `# new\n${A}`],
    ['options', 'reload', 'Applied/ValuesSeen', OPTIONS],
    ['options', 'restart', 'RestartRequired/OptionNeedsRestart', PORT],
    ['topology', 'restart', 'RestartRequired/TopologyChanged', TREE],
    ['rejected', 'refuse', 'Rejected/LintError', FATAL],
    ['rejected', 'refuse', 'Rejected/SyntaxError', `${A}garbage\n`],
  ])('%s, %s: %s, which comes true', async (kind, action, word, text) => {
    await startWithA();
    const before = target.status;
    const { items } = await service().plan({ files: { 'brick.vol': text } });
    expect(items).toHaveLength(1);
    const [item] = items;
    expect(item).toMatchObject({ process: 'brick', file: 'brick.vol', kind, action, wantedSha256: sha(text) });
    expect(item?.runningSha256).toBe(sha(A));
    expect(`${item?.outcome}/${item?.reason}`).toBe(word);
    expect(item?.restartBy).toBe(action === 'restart' ? 'person' : null);
    // Nobody has heard of it.
    expect([gluster.hups, gluster.terms]).toEqual([[], []]);
    expect(target.status).toEqual(before);

    await see(text);
    expect(`${target.status.outcome}/${target.status.reason}`).toBe(word);
    expect(gluster.hups).toHaveLength(action === 'reload' ? 1 : 0);
    expect(item?.changes.map(({ key }) => key)).toEqual(target.status.changes.map(({ key }) => key));
    expect(item?.differences).toEqual(target.status.differences);
    expect(item?.problems.some(({ severity }) => severity === 'error')).toBe(kind === 'rejected');
  });

  it('names each option, from and to, live or not', async () => {
    await startWithA();
    const [item] = (await service().plan({ files: { 'brick.vol': OPTIONS } })).items;
    expect(item?.changes).toEqual([
      {
        volume: 'vol1-io-threads',
        type: 'performance/io-threads',
        key: 'thread-count',
        from: '16',
        to: '32',
        live: 'logged',
      },
    ]);
  });

  it('says who restarts', async () => {
    await startWithA();
    policy = 'auto';
    expect((await service().plan({ files: { 'brick.vol': TREE } })).items[0]?.restartBy).toBe('agent');
  });

  it('misses a file', async () => {
    await startWithA();
    const [item] = (await service().plan({ files: { 'other.vol': A } })).items;
    expect(item).toMatchObject({ kind: 'rejected', action: 'refuse', reason: 'FileMissing', wantedSha256: null });
  });

  it('does not know what would be done while it does not know what runs', async () => {
    const notTold = { kind: null, action: null, outcome: 'Unverified', reason: 'ProcessUnproven' };
    expect((await service().plan({ files: { 'brick.vol': A } })).items).toEqual([expect.objectContaining(notTold)]);
    gluster.probe = false;
    const unknown = { kind: null, action: null, outcome: 'Pending', reason: 'ProcessNotRunning' };
    expect((await service().plan({ files: { 'brick.vol': A } })).items).toEqual([expect.objectContaining(unknown)]);
    // It runs, and this agent has not looked yet.
    gluster.start(1000, A);
    expect((await service().plan({ files: { 'brick.vol': A } })).items).toEqual([
      expect.objectContaining({ kind: null, action: null, outcome: 'Unverified', reason: 'RunningGraphUnknown' }),
    ]);
    // A file with errors is refused all the same.
    expect((await service().plan({ files: { 'brick.vol': FATAL } })).items[0]).toMatchObject({ action: 'refuse' });
  });

  it('knows another process that has come in its place as another one', async () => {
    await startWithA();
    gluster.start(100, A);
    expect((await service().plan({ files: { 'brick.vol': OPTIONS } })).items[0]).toMatchObject({
      kind: null,
      reason: 'RunningGraphUnknown',
    });
  });

  it('is not for an agent without volfiles', async () => {
    const none = volfilePlanService({
      brick: { majorVersion: '11' },
      config: { volfileRestart: 'off' },
      volfiles: undefined,
    });
    await expect(none.plan({ files: {} })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(none.diff({ new: A, process: 'brick' })).rejects.toMatchObject({ code: 'NotFound' });
    expect(await none.diff({ new: A, old: A })).toMatchObject({ kind: 'unchanged' });
  });
});

describe('one file', () => {
  it('is compared with what a process runs', async () => {
    await startWithA();
    expect(await service().diff({ new: PORT, process: 'brick' })).toMatchObject({
      process: 'brick',
      action: 'restart',
    });
    await expect(service().diff({ new: A, process: 'shd' })).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('is compared with another one, without secrets', async () => {
    const secret = (word: string): string => edit(A, 'option auth-path', `option auth.login.me.password ${word}\n$&`);
    const view = await service().diff({ old: secret('one'), new: secret('two') });
    expect(view).toMatchObject({ process: null, outcome: null, kind: 'options', action: 'reload' });
    expect(view.changes).toMatchObject([{ key: 'auth.login.me.password', from: '***', to: '***' }]);
    expect(await service().diff({ old: A, new: TREE })).toMatchObject({ kind: 'topology', action: 'restart' });
    expect((await service().diff({ old: A, new: TREE })).differences).toHaveLength(1);
    // 10 reads no file again; it has no simple-quota either.
    const [old, next] = [A, OPTIONS].map((text) => edit(text, 'features/simple-quota', 'features/upcall'));
    expect(await service().diff({ old: old ?? '', new: next ?? '', glusterVersion: '10' })).toMatchObject({
      kind: 'options',
      action: 'restart',
    });
    expect((await service().diff({ old: A, new: A, role: 'shd' })).problems.map(({ id }) => id)).toContain('VF016');
  });

  it.each([
    ['with nothing', {}, 'BadRequest'],
    ['with both', { old: A, process: 'brick' as const }, 'BadRequest'],
    ['of a process as of two texts', { process: 'brick' as const, role: 'brick' as const }, 'BadRequest'],
    ['with what cannot be parsed', { old: 'volume' }, 'VolfileInvalid'],
  ])('is not compared %s', async (_what, rest, code) => {
    await expect(service().diff({ new: A, ...rest })).rejects.toMatchObject({ code });
  });
});
