/** The agent as a process beside a real brick: how it starts, who may ask it what, and how it ends. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { healSchema, statusSchema } from '../../src/agent/http/schemas.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { runCommand } from '../lab/command.ts';
import { request } from '../lab/http.ts';
import { Lab } from '../lab/lab.ts';
import { createPv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const TOKEN = 'integration-token-0123456789abcdef';

let lab: Lab;
let volume: Volume;
let tokenFile: string;

beforeAll(async () => {
  lab = await Lab.create({ name: 'agent' });
  volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  const client = await volume.mount();
  await createPv(client, 'pvc-1', 8 * MiB);
  tokenFile = `${lab.dir}/token`;
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
});
afterAll(async () => lab.destroy());

async function overTcp(agent: LabAgent, path: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return request({ method: 'GET', path, headers, target: { host: '127.0.0.1', port: agent.apiPort } });
}

/** A connection that has sent `text` and is left alone. */
async function leftOpen(port: number, text: string): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => socket.destroy());
  socket.resume();
  if (text !== '') socket.write(text);
  return socket;
}

describe('a running agent', () => {
  let agent: LabAgent;

  beforeAll(async () => {
    agent = await startAgent(lab, volume, volume.brick(0), { env: { BRICK_AGENT_API_TOKEN_FILE: tokenFile } });
    await waitLimit(lab, [agent], 'pvc-1', 8 * MiB);
  });

  it('is ready, alive and has its metrics', async () => {
    expect((await agent.ops('/readyz?verbose')).text).toMatch(/^readyz check passed$/m);
    expect((await agent.ops('/livez')).text).toBe('ok');
    const { text } = await agent.ops('/metrics');
    for (const line of [
      'gluster_brick_fenced{volume="vol1"} 0',
      'gluster_brick_hung{volume="vol1"} 0',
      'gluster_brick_up{volume="vol1"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).toMatch(/^gluster_quota_limit_bytes\{pv="pvc-1",source="Kadalu",volume="vol1"\} 8388608$/m);
    expect(text).not.toMatch(/^brick_agent_collector_success\{.*\} 0$/m);
  });

  it('tells the command line and the API the same', async () => {
    const { code, stdout } = await agent.cli('status', '-o', 'json');
    expect(code).toBe(0);
    const status: unknown = JSON.parse(stdout);
    expect(Check(statusSchema, status)).toBe(true);
    expect(status).toMatchObject({ ready: true, quotas: { pvs: 1, withLimit: 1 } });
    const list = await agent.cli('quota', 'list');
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^pvc-1\s+8 MiB/m);
  });

  it('serves the API over TCP to the token only, and neither probes nor metrics there', async () => {
    expect((await overTcp(agent, '/v1/status', TOKEN)).status).toBe(200);
    expect((await overTcp(agent, '/v1/status')).status).toBe(401);
    expect((await overTcp(agent, '/v1/status', `${TOKEN}x`)).status).toBe(401);
    expect((await overTcp(agent, '/metrics', TOKEN)).status).toBe(404);
    expect((await agent.ops('/v1/status')).status).toBe(404);
  });

  it('lets no second agent onto its socket', async () => {
    const second = await startAgent(lab, volume, volume.brick(0), { waitReady: false });
    expect(await second.exited()).toMatchObject({ code: 2 });
    expect(JSON.stringify(await second.logs())).toContain('another agent is running on it');
    expect((await agent.api('GET', '/v1/status')).status).toBe(200);
  });

  it('ends with 0 on SIGTERM, whoever is connected, and has told its token nobody', async () => {
    const open = [
      await leftOpen(agent.opsPort, ''),
      await leftOpen(agent.opsPort, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'),
      await leftOpen(agent.opsPort, 'GET /livez HTTP/1.1\r\nhost: x\r\n'),
      await leftOpen(agent.apiPort, `GET /v1/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`),
      await leftOpen(
        agent.apiPort,
        `PUT /v1/quotas/pvc-1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"lim`,
      ),
    ];
    // All have arrived once a later request has been answered.
    expect((await agent.ops('/livez')).status).toBe(200);
    const { code, durationMs } = await agent.stop();
    expect(code).toBe(0);
    expect(durationMs).toBeLessThan(5_000);
    for (const socket of open) socket.destroy();
    const log = JSON.stringify(await agent.logs());
    expect(log).toContain('stopped');
    expect(log).not.toContain(TOKEN);
  });
});

describe('an agent that has just started', () => {
  it('does not go on saying of a brick that serves what was true before it was connected to it', async () => {
    for (let start = 0; start < 3; start += 1) {
      const agent = await startAgent(lab, volume, volume.brick(0));
      // The brick is asked every 5 s where nothing brings that forward, and for the first time before there is a connection.
      await lab.waitFor(
        'word that the brick serves',
        async () => {
          const { json } = await agent.api('GET', '/v1/heal');
          return Check(healSchema, json) && json.notServing === null;
        },
        { timeoutMs: 2_500, intervalMs: 50 },
      );
      expect((await agent.cli('heal', 'status')).stdout).not.toContain('does not serve');
      await agent.stop();
    }
  });
});

describe('the bundle', () => {
  it('is built with compiled code that its own interpreter takes', async () => {
    const built = await runCommand([process.execPath, 'scripts/build.ts'], { env: process.env });
    expect(built).toMatchObject({ code: 0, stderr: '' });
    const [firstLine = ''] = (await readFile('dist/main.js', 'utf8')).split('\n');
    const interpreter = firstLine.replace('#!/usr/bin/env -S ', '');
    const modulePath = resolve('src/lib/cached-script.ts');
    const look = `import { CachedScript } from ${JSON.stringify(modulePath)};
      console.log((await CachedScript.load(${JSON.stringify(resolve('dist/program.js'))})).cacheTaken);`;
    await writeFile(`${lab.dir}/look.mjs`, look);
    const asked = await runCommand(['env', '-S', `${interpreter} ${lab.dir}/look.mjs`], { env: process.env });
    expect(asked).toMatchObject({ code: 0, stdout: 'true\n' });
  });

  it('is the agent', async () => {
    const agent = await startAgent(lab, volume, volume.brick(0), { bundle: true });
    await waitLimit(lab, [agent], 'pvc-1', 8 * MiB);
    expect((await agent.cli('status')).code).toBe(0);
    const { code, signal, durationMs } = await agent.stop();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(durationMs).toBeLessThan(5_000);
  });
});

describe('an agent that is told nonsense', () => {
  it('names every problem at once and ends with 2', async () => {
    const env = {
      VOLUME_ID: 'not-a-uuid',
      VOLUME_TYPE: 'Replica9',
      BRICK_PATH: 'relative',
      BRICK_AGENT_BRICK_PORT: '99999',
      BRICK_AGENT_OPS_LISTEN: 'nowhere',
    };
    const agent = await startAgent(lab, volume, volume.brick(0), { env, waitReady: false });
    expect(await agent.exited()).toMatchObject({ code: 2 });
    const said = JSON.stringify(await agent.logs());
    for (const name of ['VOLUME_ID', 'VOLUME_TYPE', 'BRICK_PATH', 'BRICK_AGENT_BRICK_PORT', 'BRICK_AGENT_OPS_LISTEN']) {
      expect(said).toContain(name);
    }
  });

  it('names a token file that is not there, and a port that is taken', async () => {
    const noToken = { BRICK_AGENT_API_TOKEN_FILE: `${lab.dir}/no-such-file` };
    const first = await startAgent(lab, volume, volume.brick(0), { env: noToken, waitReady: false });
    expect(await first.exited()).toMatchObject({ code: 2 });
    expect(JSON.stringify(await first.logs())).toContain('apiTokenFile');
    const taken = { BRICK_AGENT_OPS_LISTEN: `127.0.0.1:${volume.brick(0).port}` };
    const second = await startAgent(lab, volume, volume.brick(0), { env: taken, waitReady: false });
    expect(await second.exited()).toMatchObject({ code: 2 });
    expect(JSON.stringify(await second.logs())).toContain('EADDRINUSE');
  });
});
