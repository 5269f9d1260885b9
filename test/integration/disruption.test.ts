/** May this brick be stopped? Asked of real agents beside real bricks, and done by the hook before it is. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { disruptionSchema, preStopSchema, type DisruptionView } from '../../src/agent/http/heal-schemas.ts';
import { healSchema } from '../../src/agent/http/schemas.ts';
import { SETTLE_MS } from '../../src/heal/disruption.ts';
import type { LabAgent } from '../lab/agent.ts';
import { request } from '../lab/http.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { startPeers } from '../support/agents.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';
import { Authority, MountedSecret, type Pair } from '../support/certificates.ts';

const MiB = 1024 ** 2;

async function disruptionOf(agent: LabAgent | undefined): Promise<DisruptionView> {
  const json = (await agent?.api('GET', '/v1/disruption'))?.json;
  if (!Check(disruptionSchema, json)) throw new Error(`not a disruption: ${JSON.stringify(json)}`);
  return json;
}

/** `Safe`, or the verdict and every code with its brick. */
async function said(agent: LabAgent | undefined): Promise<string> {
  const { verdict, reasons } = await disruptionOf(agent);
  return [verdict, ...reasons.map(({ code, brickIndex }) => `${code}${brickIndex ?? ''}`)].join(' ');
}

/** Longer than clients need to come back to a brick. */
const SETTLED = { timeoutMs: 3 * SETTLE_MS };

describe('a set of three', () => {
  let lab: Lab;
  let volume: Volume;
  let client: Mount;
  let pv: Pv;
  let agents: LabAgent[];
  /** Of all agents, which speak TLS with each other, with certificates on both sides. */
  let secret: MountedSecret;
  let authority: Authority;
  let pair: Pair;

  /** As the Secret has them. */
  const filesOf = ({ cert, key }: Pair) => ({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert });

  beforeAll(async () => {
    lab = await Lab.create({ name: 'disruption' });
    authority = new Authority(lab.dir, 'authority');
    pair = authority.issue({ days: 30 });
    secret = new MountedSecret(`${lab.dir}/tls`, filesOf(pair));
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const csi = await volume.mount({ pid: -14 });
    pv = await createPv(csi, 'pvc-1', 64 * MiB, { limit: true });
    client = await volume.mount();
    // Nothing but the hook makes the brick write down what it counts.
    agents = await startPeers(lab, volume, {
      BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '86400000',
      BRICK_AGENT_QUOTA_GUARD_INTERVAL_MS: '0',
      BRICK_AGENT_QUOTA_AUDIT_INTERVAL_MS: '0',
      BRICK_AGENT_API_TLS_CERT_FILE: secret.path('tls.crt'),
      BRICK_AGENT_API_TLS_KEY_FILE: secret.path('tls.key'),
      BRICK_AGENT_API_TLS_CLIENT_CA_FILE: secret.path('ca.crt'),
      BRICK_AGENT_PEER_CA_FILE: secret.path('ca.crt'),
    });
    // Looked at below; it takes the agents some seconds to see, as it takes the bricks to be safe.
    secret.swap(filesOf({ cert: authority.issue({ days: 10 }).cert, key: pair.key }));
  });
  afterAll(async () => lab.destroy());

  function agentOf(index: number): LabAgent {
    const agent = agents[index];
    if (agent === undefined) throw new Error('no such agent');
    return agent;
  }

  it('lets any one of them go once all have served for a while', async () => {
    for (const agent of agents) await lab.waitFor('Safe', async () => (await said(agent)) === 'Safe', SETTLED);
    const { code, stdout } = await agentOf(0).cli('heal', 'safe-to-stop');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Stop {8}Safe\n/);
    expect((await disruptionOf(agents[1])).bricks.map(({ brickIndex }) => brickIndex)).toEqual([1, 0, 2]);
  });

  /** Whole days that are left of the certificate that the agents are in force with. */
  async function daysLeft(agent: LabAgent): Promise<number> {
    const { text } = await agent.ops('/metrics');
    const [, seconds] =
      /^brick_agent_tls_certificate_not_after_timestamp_seconds\{.*use="api".*\} (\S+)$/m.exec(text) ?? [];
    return Math.round((Number(seconds) * 1000 - Date.now()) / 86_400_000);
  }

  it('is asked over TLS, of which new files that are broken are refused, and others taken without a restart', async () => {
    const [host = '', port] = agentOf(0).variable('BRICK_AGENT_API_LISTEN')?.split(':') ?? [];
    const target = { host, port: Number(port) };
    const status = {
      method: 'GET',
      path: '/v1/status',
      headers: { authorization: 'Bearer a-token-that-is-long-enough' },
    };
    await expect(request({ ...status, target })).rejects.toThrow('socket hang up');
    const ca = authority.cert;
    await expect(request({ ...status, target, tls: { ca } })).rejects.toThrow(/alert certificate required/);
    expect((await request({ ...status, target, tls: { ca, ...pair } })).status).toBe(200);

    for (const agent of agents) {
      await lab.waitFor('the refusal', async () => {
        return (await agent.ops('/readyz?verbose')).text.includes('[+]tls ok (refused: apiTlsKeyFile');
      });
    }
    const { code, stdout } = await agentOf(1).cli('doctor');
    expect([code, stdout]).toEqual([1, expect.stringContaining('(tls, TlsFilesRefused)')]);
    expect(await daysLeft(agentOf(0))).toBe(30);
    secret.swap(filesOf(authority.issue({ days: 20 })));
    for (const agent of agents) await lab.waitFor('the new one', async () => (await daysLeft(agent)) === 20);
    expect((await agentOf(1).ops('/readyz?verbose')).text).toContain('[+]tls ok\n');
    expect(await said(agents[0])).toBe('Safe');
    expect(JSON.stringify(await agentOf(2).logs())).not.toContain('PRIVATE KEY');
  });

  it('lets none go while one is down, and none while one is healed, whoever is asked', async () => {
    await volume.shd.stop();
    await volume.brick(2).kill('SIGKILL');
    await lab.waitFor('the loss to be seen', async () => (await said(agents[0])).includes('PeerDown2'));
    expect(await said(agents[1])).toBe('Unsafe PeerDown2 QuorumLost');
    await writeFile(`${client.path}/${pv.relativePath}/missed`, 'x');
    await lab.waitFor('the backlog', async () => (await said(agents[0])).includes('OwnBacklog0'));
    await volume.brick(2).start();
    await client.waitConnected();
    await lab.waitFor('the brick to be up', async () => !(await said(agents[0])).includes('PeerDown'), SETTLED);
    // Bricks 0 and 1 are what it is healed from; brick 2 itself knows nothing, the others know.
    expect(await said(agents[0])).toMatch(/^Unsafe OwnBacklog0 (PeerBacklog1 PeerStarting2|PeerBacklog1)$/);
    expect(await said(agents[2])).toBe('Unsafe PeerBacklog0 PeerBacklog1');
    const { reasons } = await disruptionOf(agents[2]);
    expect(reasons[0]?.message).toContain('to vol1-client-2 (this brick)');
    const { code, stdout } = await agentOf(2).cli('heal', 'safe-to-stop', '-o', 'json');
    expect([code, Check(disruptionSchema, JSON.parse(stdout))]).toEqual([1, true]);
    // The wait ends when the heal does.
    const waiting = agentOf(2).cli('heal', 'safe-to-stop', '--wait', '50s');
    await volume.shd.start();
    expect((await waiting).code).toBe(0);
    // To the others, brick 2 has come back just now.
    await lab.waitFor('Safe', async () => (await said(agents[0])) === 'Safe', SETTLED);
    expect(await said(agents[1])).toBe('Safe');
  });

  it('has the brick write its usage down before it is stopped, and tells the others', async () => {
    const size = (): string | undefined =>
      volume.brick(1).xattr(pv.relativePath, 'trusted.gfs.squota.size')?.toString().replace('\0', '');
    const before = Number(size() ?? 0);
    await writeFile(`${client.path}/${pv.relativePath}/file`, Buffer.alloc(4 * MiB));
    await lab.waitFor('the write to settle', async () => (await said(agents[1])) === 'Safe', SETTLED);
    // It stands in the brick's memory only: ended now, the brick would have lost it.
    expect(Number(size() ?? 0)).toBe(before);
    const { status, text } = await agentOf(1).ops('/brick/pre-stop', { timeoutMs: 90_000 });
    expect([status, text]).toEqual([
      200,
      expect.stringMatching(/^Safe after \d+ ms; usage of 1 PVs flushed, of 0 not\n$/),
    ]);
    expect(Number(size())).toBeGreaterThanOrEqual(before + 4 * MiB);
    expect(await said(agents[0])).toBe('Unsafe PeerStopping1');
    expect((await agentOf(1).api('DELETE', '/v1/disruption')).status).toBe(204);
    expect(await said(agents[0])).toBe('Safe');
  });

  it('grants one claim when all claim at once', async () => {
    const claims = await Promise.all(
      agents.map(async (agent) => (await agent.api('POST', '/v1/disruption', { holdSeconds: 600 })).json),
    );
    const verdicts = claims.map((json) => (Check(disruptionSchema, json) ? json.verdict : 'none'));
    expect(verdicts.filter((verdict) => verdict === 'Safe').length).toBeLessThanOrEqual(1);
    expect(verdicts).not.toContain('none');
    for (const agent of agents) await agent.api('DELETE', '/v1/disruption');
  });

  it('knows nothing without the agents of the others, and waits for nothing when the brick is gone', async () => {
    await agentOf(2).stop();
    expect(await said(agents[0])).toBe('Unknown PeerSilent2');
    await volume.brick(0).stop();
    await lab.waitFor('the loss to be seen', async () => (await said(agents[1])).includes('PeerDown0'));
    const { code, stdout } = await agentOf(0).cli('pre-stop', '--wait', '10m', '-o', 'json');
    const view: unknown = JSON.parse(stdout);
    if (!Check(preStopSchema, view)) throw new Error(stdout);
    expect([code, view.isDown, view.verdict]).toEqual([1, true, 'Unknown']);
    expect(view.waitedMs).toBeLessThan(SETTLE_MS);
  });
});

describe.each([
  ['arbiter', { BRICK_AGENT_HEAL_INTERVAL_MS: '500' }, 'Unsafe PeerDown2 QuorumLost'],
  ['disperse', { BRICK_AGENT_DISPERSE_REDUNDANCY: '1' }, 'Unsafe PeerDown2 QuorumLost'],
] as const)('a set of an %s volume', (type, env, down) => {
  it('is asked in the same way', async () => {
    await using lab = await Lab.create({ name: `disruption-${type}` });
    const volume = await lab.volume({ name: 'vol1', type });
    await volume.start();
    const agents = await startPeers(lab, volume, env);
    expect(await disruptionOf(agents[0])).toMatchObject({ verdict: 'Unsafe' });
    // Without data every brick is empty, and all of them together know that this is no loss.
    await lab.waitFor('Safe', async () => (await said(agents[0])) === 'Safe', SETTLED);
    const client = await volume.mount();
    await createPv(client, 'pvc-1', 64 * MiB);
    await lab.waitFor('the writes to settle', async () => (await said(agents[0])) === 'Safe', SETTLED);
    // A disperse volume under load: heal.test.ts.
    if (type === 'arbiter') {
      const look = async (): Promise<string> => {
        const json = (await agents[0]?.api('GET', '/v1/heal'))?.json;
        return Check(healSchema, json) ? json.state : 'nothing';
      };
      const startHeal = (): void => void agents[0]?.api('POST', '/v1/heal', { kind: 'index' });
      await killUnderLoad(lab, volume, client, [volume.brick(1)], [look], startHeal);
    }
    await volume.brick(2).kill('SIGKILL');
    await lab.waitFor('the loss to be seen', async () => (await said(agents[0])) === down, SETTLED);
  });
});
