import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { ServedVolfile } from '../../../src/volfile/served.ts';
import type { VolfileStatus } from '../../../src/volfile/status.ts';
import { TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, setOf, sha } from './fake-gluster.ts';
import { edit, graphOf, sample } from './samples.ts';

const BRICK = edit(
  sample('replica-brick.vol'),
  'type protocol/server',
  'type protocol/server\n option volspec-directory /v',
);
const A = sample('client.vol');
const B = `# new\n${A}`;
const BROKEN = edit(A, 'option remote-subvolume', 'option remote-something');
const LONG_AGO = NOW - 2_000_000;

let gluster: FakeGluster;
let served: ServedVolfile;
let brick: VolfileStatus;
/** What the brick hands out. */
let handed: string | undefined;
let calls: number;

beforeEach(async () => {
  gluster = new FakeGluster();
  gluster.start(1000, BRICK);
  calls = 0;
  gluster.onHup = () => {
    calls += 1;
  };
  const options = { glusterVersion: () => '11' as const, clock: gluster.clock, log: silentLog, system: gluster.system };
  const target = new TargetState(
    { process: 'brick', file: 'brick.vol', pidFile: gluster.pidFile, socket: gluster.socket },
    options,
  );
  await target.pass(setOf('brick.vol', BRICK, LONG_AGO), new AbortController().signal);
  brick = target.status;
  served = new ServedVolfile(
    {
      file: 'pool.vol',
      pidFile: gluster.pidFile,
      socket: gluster.socket,
      getSpec: async (key) => await Promise.resolve(key === 'pool' ? handed : undefined),
      calls: () => calls,
    },
    options,
  );
});
afterEach(() => gluster.dispose());

/** @param changedAt wall-clock milliseconds */
async function see(text: string, changedAt = NOW - 5000): Promise<string> {
  await served.pass(setOf('pool.vol', text, changedAt), brick, graphOf(BRICK), new AbortController().signal);
  return `${served.status?.outcome}/${served.status?.reason}`;
}

describe("the clients' volfile", () => {
  it('is nobody’s business where the brick hands none out', async () => {
    const graph = graphOf(sample('replica-brick.vol'));
    await served.pass(setOf('pool.vol', A, LONG_AGO), brick, graph, new AbortController().signal);
    expect(served.status).toBeUndefined();
  });

  it('needs no signal when it is older than the brick', async () => {
    handed = A;
    expect(await see(A, LONG_AGO)).toBe('Unchanged/Served');
    expect(gluster.hups).toEqual([]);
  });

  it('is told to clients once when it has changed', async () => {
    handed = A;
    await see(A, LONG_AGO);
    expect(await see(B)).toBe('Pending/NotYetVisible');
    expect(gluster.hups).toEqual([]);
    handed = B;
    expect(await see(B)).toBe('Applied/Refetched');
    expect(await see(B)).toBe('Applied/Refetched');
    expect(gluster.hups).toHaveLength(1);
    expect(served.status).toMatchObject({ runningHash: sha(B), wantedHash: sha(B), reloads: { succeeded: 1 } });
  });

  it('is handed out by an unseen brick, which cannot be told to call its clients', async () => {
    gluster.end();
    gluster.startUnseen(100, BRICK);
    handed = A;
    expect(await see(A, LONG_AGO)).toBe('Unchanged/Served');
    handed = B;
    expect(await see(B)).toBe('Unverified/ProcessUnproven');
    expect(served.status?.message).toContain('connected clients are not told');
    handed = A;
    expect(await see(B)).toBe('Pending/NotYetVisible');
    gluster.probe = false;
    expect(await see(B)).toBe('Pending/ProcessNotRunning');
    gluster.probe = true;
    gluster.bound = undefined;
    expect(await see(B)).toBe('Unverified/ProcessUnproven');
    expect(gluster.hups).toEqual([]);
  });

  it('is not claimed to be told when the brick calls nobody', async () => {
    gluster.onHup = () => undefined;
    handed = B;
    expect(await see(B)).toBe('Unverified/NoEvidence');
    expect(await see(B)).toBe('Unverified/NoEvidence');
    expect(gluster.hups).toHaveLength(1);
  });

  it('is told to nobody when it would hurt them, or is not handed out', async () => {
    handed = BROKEN;
    expect(await see(BROKEN)).toBe('Rejected/LintError');
    handed = undefined;
    expect(await see(B)).toBe('Unverified/NotServed');
    expect(gluster.hups).toEqual([]);
  });

  it('is judged before it is there, and nobody is told', async () => {
    expect(served.preview(B)).toBeUndefined();
    handed = A;
    await see(A, LONG_AGO);
    const said = (text: string | undefined): unknown[] => {
      const { plan, action, reason } = served.preview(text) ?? {};
      return [plan?.kind, action, reason];
    };
    expect(said(A)).toEqual(['unchanged', 'none', 'Served']);
    expect(said(B)).toEqual(['unchanged', 'reload', 'Refetched']);
    expect(said(BROKEN)).toEqual(['rejected', 'refuse', 'LintError']);
    expect(said(undefined)).toEqual(['rejected', 'refuse', 'FileMissing']);
    expect(gluster.hups).toEqual([]);
  });

  it('waits while the brick would read another file of its own with the signal', async () => {
    handed = B;
    const settledBrick = brick;
    brick = { ...settledBrick, outcome: 'Rejected', wantedHash: sha('bad') };
    expect(await see(B)).toBe('Pending/BrickUnsettled');
    brick = settledBrick;
    gluster.writeFile('what the ConfigMap has become');
    expect(await see(B)).toBe('Pending/BrickUnsettled');
    expect(gluster.hups).toEqual([]);
  });

  it('says so when the brick dies of the signal', async () => {
    handed = B;
    gluster.hup = 'die';
    expect(await see(B)).toBe('Failed/ProcessDied');
  });
});
