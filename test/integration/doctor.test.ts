/** The doctor on a lab that is made sick in one way after the other: what it tells first is what was done. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { doctorSchema, type DoctorView } from '../../src/agent/http/doctor-schema.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, pvPath, writeInfo } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { waitLimit } from '../support/agents.ts';
import { skipsOpenssl } from '../support/certificates.ts';
import { failure, FakeKube, respond, type SeenEvent } from '../support/fake-kube.ts';
import { TemporaryDirectory } from '../support/temporary.ts';

const MiB = 1024 * 1024;
const QUICK = { BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000', BRICK_AGENT_QUOTA_GUARD_INTERVAL_MS: '1000' };

let lab: Lab;
let directory: TemporaryDirectory;
/** Undefined: no certificates can be made here. */
let kube: FakeKube | undefined;

beforeAll(async () => {
  lab = await Lab.create({ name: 'doctor' });
  directory = new TemporaryDirectory('doctor');
  kube = skipsOpenssl ? undefined : await FakeKube.start(directory.path);
});
afterAll(async () => {
  await lab.destroy();
  await kube?.stop();
  directory[Symbol.dispose]();
});

async function diagnosis(agent: LabAgent): Promise<DoctorView & { code: number }> {
  const { code, stdout, stderr } = await agent.cli('doctor', '-o', 'json');
  const view: unknown = JSON.parse(stdout);
  if (!Check(doctorSchema, view)) throw new TypeError(`no diagnosis: ${stdout} ${stderr}`);
  return { ...view, code };
}

/** Waits for a diagnosis; when it does not come, the error has what the doctor says instead. */
async function waitDiagnosis(
  agent: LabAgent,
  what: string,
  isIt: (view: DoctorView & { code: number }, told: string) => boolean,
): Promise<DoctorView & { code: number }> {
  let told = '';
  return await lab
    .waitFor(
      what,
      async () => {
        const view = await diagnosis(agent);
        told = view.findings.map(({ check, reason, message }) => `${check} ${reason}: ${message}`).join('\n');
        return isIt(view, told) ? view : undefined;
      },
      { timeoutMs: 40_000, intervalMs: 300 },
    )
    .catch((cause: unknown) => {
      throw new Error(`the doctor says:\n${told}`, { cause });
    });
}

/** Waits until the doctor names this first, as somebody would who has just seen that something is wrong. */
async function firstIs(agent: LabAgent, cause: string): Promise<DoctorView & { code: number }> {
  const found = await waitDiagnosis(agent, cause, (_, told) => told.startsWith(`${cause}:`));
  expect(found.findings[0]).toMatchObject({ followsFrom: [], remedy: expect.any(String) });
  expect(found.code).toBe(found.findings.some(({ severity }) => severity === 'error') ? 3 : 1);
  return found;
}

function eventsOf(from: FakeKube | undefined): SeenEvent[] {
  return [...(from?.events.values() ?? [])];
}

/** How often the API server was asked to make such an Event. */
function tries(from: FakeKube | undefined, reason: string): number {
  const asked = (from?.requests ?? []).filter(({ method }) => method === 'POST');
  return asked.filter(({ body }) => typeof body === 'object' && body !== null && Reflect.get(body, 'reason') === reason)
    .length;
}

async function told(reason: string): Promise<void> {
  if (kube === undefined) return;
  await lab.waitFor(`an Event ${reason}`, () => Promise.resolve(kube?.reasons().includes(reason)));
}

describe('the doctor beside a replicated brick', () => {
  let volume: Volume;
  let client: Mount;
  let agent: LabAgent;

  beforeAll(async () => {
    volume = await lab.volume({ name: 'pool1', type: 'replica' });
    await volume.start();
    client = await volume.mount();
    await createPv(client, 'pvc-1', 32 * MiB);
    await createPv(client, 'pvc-2', 32 * MiB);
    agent = await startAgent(lab, volume, volume.brick(0), { env: { ...QUICK, ...kube?.environment } });
    await waitLimit(lab, [agent], 'pvc-2', 32 * MiB);
    await writeUntilError(`${client.path}/${pvPath('pvc-1')}/file`, 128 * 1024, 20 * MiB);
  });

  it('finds nothing on a healthy one, and has looked everywhere', async () => {
    // A PV that was never scanned is information: it is one until its turn has come.
    const view = await waitDiagnosis(
      agent,
      'a clean bill of health',
      ({ code, findings }) => code === 0 && !findings.some(({ reason }) => reason === 'NotScanned'),
    );
    expect(view.source).toBe('Agent');
    // The brick of a minute ago may not have written its first; and without peers nobody knows whether it may be stopped.
    const open = view.checks.filter(({ name, result }) => result === 'NotChecked' && name !== 'brick-health-check');
    expect(open).toEqual([]);
    expect(view.findings.map(({ check, reason }) => `${check} ${reason}`)).toEqual(['stop PeersNotConfigured']);
    const { code, stdout } = await agent.cli('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/nothing that needs you\.$/m);
  });

  it('names a PV that is over its limit', async () => {
    await writeInfo(client, 'pvc-1', 8 * MiB);
    const { findings } = await firstIs(agent, 'quota-over OverLimit');
    expect(findings[0]?.evidence).toEqual([expect.stringMatching(/^pvc-1: 20(\.\d)? MiB of 8 MiB$/)]);
    // Events look every 2 s: what is over before they have looked is none.
    await told('PvOverLimit');
    await writeInfo(client, 'pvc-1', 32 * MiB);
    await waitLimit(lab, [agent], 'pvc-1', 32 * MiB);
    await told('PvWithinLimit');
  });

  it('names the line of a broken ConfigMap', async () => {
    const { volfileName } = volume.brick(0);
    const good = await volume.configMap.text(volfileName);
    await volume.configMap.swap({ [volfileName]: good.replace('end-volume', '') });
    const { findings } = await firstIs(agent, 'brick-volfile SyntaxError');
    expect(findings[0]?.evidence.join()).toMatch(/brick-0\.vol:\d+:1: error VF001/);
    await told('VolfileRejected');
    // One that is restarted with nothing changed looks again, and asks in vain.
    await agent.stop();
    agent = await startAgent(lab, volume, volume.brick(0), { env: { ...QUICK, ...kube?.environment } });
    await lab.waitFor('a second try', () => Promise.resolve(tries(kube, 'VolfileRejected') === 2 || skipsOpenssl));
    await volume.configMap.swap({ [volfileName]: good });
    await lab.waitFor('health', async () => (await diagnosis(agent)).code === 0);
  });

  it('names a self-heal daemon that is down, and an other brick that is', async () => {
    await volume.shd.kill('SIGKILL');
    const { findings } = await firstIs(agent, 'shd-process ProcessDown');
    expect(findings.filter(({ followsFrom }) => followsFrom.includes('shd-process')).length).toBeGreaterThan(0);
    await volume.shd.start();
    await volume.brick(2).kill('SIGKILL');
    const away = await firstIs(agent, 'heal-obstacles BrickNotConnected');
    expect(away.findings[0]?.message).toContain('pool1-client-2');
    await volume.brick(2).start();
    await lab.waitFor('health', async () => (await diagnosis(agent)).code === 0);
  });

  it.skipIf(skipsOpenssl)('has told all that in Events of the pod, once each', async () => {
    await told('VolfileApplied');
    await told('SelfHealDaemonRestarted');
    const of = (reason: string): SeenEvent[] => eventsOf(kube).filter((event) => event.reason === reason);
    expect(of('VolfileRejected')).toMatchObject([
      {
        type: 'Warning',
        action: 'Lint',
        regarding: { name: 'pool1-0' },
        note: expect.stringMatching(/^brick-0\.vol of the brick: Rejected\/SyntaxError: VF001 in line \d+: /),
      },
    ]);
    for (const reason of ['VolfileApplied', 'PvOverLimit', 'PvWithinLimit', 'SelfHealDaemonRestarted']) {
      expect(of(reason), reason).toHaveLength(1);
    }
    expect(of('PvOverLimit')[0]?.note).toContain('PV pvc-1: uses more than its limit of 8 MiB');
    expect((await agent.ops('/metrics')).text).toMatch(/^brick_agent_kubernetes_events_failed_total\{[^}]*\} 0$/m);
  });

  it('names another volume’s brick', async () => {
    const env = { ...QUICK, VOLUME_ID: randomUUID(), BRICK_AGENT_VOLFILE_DIR: undefined };
    const stranger = await startAgent(lab, volume, volume.brick(1), { env, waitReady: false });
    const { findings } = await firstIs(stranger, 'identity Different');
    expect(findings[0]?.message).toContain(`the brick's volume-id is ${volume.volumeId}`);
    await stranger.stop();
  });

  it('names a brick that was killed, and tells what follows from it after it', async () => {
    await volume.brick(0).kill('SIGKILL');
    const { findings } = await firstIs(agent, 'brick-process ProcessDown');
    const causes = findings.filter(({ followsFrom, severity }) => followsFrom.length === 0 && severity === 'error');
    expect(causes.map(({ check }) => check)).toEqual(['brick-process']);
    expect(findings.map(({ check }) => check)).toContain('brick-port');
  });

  it('says what it can see when the agent is down, too', async () => {
    await agent.stop();
    const { source, findings, checks } = await firstIs(agent, 'agent AgentDown');
    expect(source).toBe('Offline');
    const errors = findings.filter(({ severity, followsFrom }) => severity === 'error' && followsFrom.length === 0);
    expect(errors.map(({ check, reason }) => `${check} ${reason}`)).toEqual([
      'agent AgentDown',
      'brick-process ProcessDown',
    ]);
    const result = (name: string) => checks.find((check) => check.name === name)?.result;
    expect([result('identity'), result('shd-process'), result('quota-limits')]).toEqual(['Ok', 'Ok', 'NotChecked']);
    const { stdout } = await agent.cli('doctor');
    expect(stdout).toMatch(/^No agent answers: this was looked at without it/);
  });

  it('reads the volfiles where nothing runs, and names a configuration that is refused', async () => {
    const { volfileName } = volume.brick(0);
    const good = await volume.configMap.text(volfileName);
    await volume.configMap.swap({ [volfileName]: good.replace('auth-path', 'auth-pathology') });
    const { findings } = await diagnosis(agent);
    expect(findings.map(({ check, reason }) => `${check} ${reason}`)).toEqual(
      expect.arrayContaining(['brick-volfile LintError', 'brick-process ProcessDown']),
    );
    const refused = await agent.cli('doctor', '-o', 'json', '--volume-type', 'Replica9');
    expect(JSON.parse(refused.stdout)).toMatchObject({
      findings: [{ check: 'configuration', reason: 'ConfigInvalid' }, { followsFrom: ['configuration'] }],
    });
    expect(refused.code).toBe(3);
  });

  it('ends although the disk hangs, and says that it does', async () => {
    client.pause();
    try {
      const flags = ['--brick-path', client.path, '--brick-deadline-ms', '4000'];
      // A thread that a system call holds lets no process end; a signal does.
      const { code, stdout } = await agent.cliInShell('doctor', ...flags);
      expect(stdout).toMatch(/error a system call on .* has not come back/);
      expect(code).toBe(137);
    } finally {
      client.resume();
    }
  });
});

describe('the doctor where quotas are off', () => {
  it('names a brick that enforces nothing', async () => {
    const volume = await lab.volume({
      name: 'idle',
      type: 'single',
      brickOptions: { 'features/simple-quota': { 'pass-through': 'true' } },
    });
    await volume.start();
    const client = await volume.mount();
    await createPv(client, 'pvc-1', 8 * MiB);
    if (kube !== undefined) {
      kube.whim = (_request, response) =>
        respond(response, 403, failure('User "pool1" cannot create resource "events"'));
    }
    const agent = await startAgent(lab, volume, volume.brick(0), { env: { ...QUICK, ...kube?.environment } });
    const { findings } = await firstIs(agent, 'quota-enforcement NothingEnforced');
    expect(findings[0]?.evidence.join()).toContain('pvc-1');
    if (kube === undefined) return;
    const { findings: all } = await waitDiagnosis(agent, 'no right', (_, text) => text.includes('EventsForbidden'));
    const forbidden = all.find(({ reason }) => reason === 'EventsForbidden');
    expect(forbidden).toMatchObject({
      message: 'Events cannot be written: the API server answers 403: User "pool1" cannot create resource "events"',
      remedy: expect.stringContaining('verbs [create, patch]'),
    });
    await agent.stop();
  });

  it('names a tenant’s trick', async () => {
    const volume = await lab.volume({ name: 'tricked', type: 'single' });
    await volume.start();
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-thief', 4 * MiB);
    await chmod(pv.path, 0o777);
    const agent = await startAgent(lab, volume, volume.brick(0), { env: QUICK });
    await waitLimit(lab, [agent], 'pvc-thief', 4 * MiB);
    const trick = ['-n', 'glusterfs.quota.disable-check', '-v', '1', '.'];
    await promisify(execFile)('setfattr', trick, { cwd: pv.path, uid: 1000, gid: 1000 });
    await writeUntilError(`${pv.path}/loot`, 64 * 1024, 8 * MiB);
    const { findings } = await firstIs(agent, 'quota-tampering Tampering');
    expect(findings[0]?.evidence.join()).toContain('switched off');
    await agent.stop();
  });
});
