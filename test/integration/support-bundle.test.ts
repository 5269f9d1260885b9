/** A bundle of a real brick, with secrets and names planted wherever they may be found: none of them leaves. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, pvPath } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { waitLimit } from '../support/agents.ts';

const MiB = 1024 * 1024;
const TOKEN = 'planted-token-0123456789abcdef';
const PASSWORD = 'planted-password';
const COMMENT = 'planted-comment';
const SECRETS = [TOKEN, PASSWORD, COMMENT];
const PV = 'tenant-payroll';
const ODD_PV = 'tenant "odd" <name>';
const FILE = 'salaries-2026.ods';
const CLAIM = ['acme-payroll', 'ledger-2026'];
const NAMES = [PV, ODD_PV, FILE, ...CLAIM];

const run = promisify(execFile);

let lab: Lab;
let volume: Volume;
let agent: LabAgent;

beforeAll(async () => {
  lab = await Lab.create({ name: 'support' });
  volume = await lab.volume({
    name: 'pool1',
    type: 'replica',
    brickOptions: { 'protocol/server': { 'auth.login.tenant.password': PASSWORD } },
  });
  const { volfileName } = volume.brick(0);
  await volume.configMap.swap({
    [volfileName]: `# ${COMMENT}\n${await volume.configMap.text(volfileName)}`,
    'broken.vol': `volume x\n  option password ${PASSWORD}-broken\n`,
  });
  await volume.start();
  const client = await volume.mount();
  for (const name of [PV, ODD_PV]) await createPv(client, name, 8 * MiB);
  const tokenFile = `${lab.dir}/token`;
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  agent = await startAgent(lab, volume, volume.brick(0), {
    env: { BRICK_AGENT_API_TOKEN_FILE: tokenFile, BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000' },
  });
  await agent.cli('quota', 'set', PV, '8Mi', '--claim', CLAIM.join('/'));
  await waitLimit(lab, [agent], PV, 8 * MiB);
  // Over its quota, missed by a brick, and spoken of in logs.
  await volume.brick(1).kill('SIGKILL');
  await writeUntilError(`${client.path}/${pvPath(PV)}/${FILE}`, 64 * 1024, 16 * MiB);
  await writeFile(`${client.path}/info/${pvPath(PV)}x.json`, 'no JSON', { flag: 'w' });
  await lab.waitFor('a refused entry', async () => (await agent.cli('doctor')).stdout.includes('EntriesRefused'));
});
afterAll(async () => lab.destroy());

/** Everything in it, by name. */
async function unpack(file: string): Promise<Map<string, string>> {
  const dir = `${file}.d`;
  await mkdir(dir);
  await run('tar', ['-xzf', file, '-C', dir]);
  const names = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = new Map<string, string>();
  for (const { parentPath, name } of names) {
    const path = `${parentPath}/${name}`;
    files.set(path.slice(dir.length + 1), await readFile(path, 'utf8'));
  }
  return files;
}

function seen(files: ReadonlyMap<string, string>, words: readonly string[]): string[] {
  const forms = words.flatMap((word) => [word, JSON.stringify(word).slice(1, -1)]);
  return [...files].flatMap(([name, text]) =>
    forms.filter((word) => text.includes(word)).map((word) => `${name}: ${word}`),
  );
}

describe('a support bundle', () => {
  it('has everything that helps, no secret, and no name of a tenant', async () => {
    const file = `${lab.dir}/bundle.tar.gz`;
    const { code, stdout, stderr } = await agent.cli('support-bundle', '-f', file, '--statedump');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('no secrets and no names of tenants');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const files = await unpack(file);
    const manifest: unknown = JSON.parse(files.get('manifest.json') ?? '');
    expect(manifest).toMatchObject({
      withNames: false,
      files: expect.arrayContaining([
        'status.json',
        'doctor.json',
        'quotas.json',
        'disruption.json',
        'metrics.txt',
        'config.json',
        'agent.log',
      ]),
      leftOut: { 'volfiles/broken.vol': expect.stringContaining('cannot be parsed') },
    });
    for (const name of ['brick.log', 'shd.log', 'statedump.txt', 'volfiles/brick-0.vol', 'volfiles/glustershd.vol']) {
      expect(files.get(name)?.length).toBeGreaterThan(100);
    }
    expect(seen(files, SECRETS)).toEqual([]);
    expect(seen(files, NAMES)).toEqual([]);
    // What was hidden can still be followed from one file to the other.
    const pseudonym = /gluster_quota_limit_bytes\{pv="(pv-[0-9a-f]{12})"/.exec(files.get('metrics.txt') ?? '')?.[1];
    expect(files.get('quotas.json')).toContain(`"pv": "${pseudonym}"`);
    expect(files.get('metrics.txt')).toMatch(/^gluster_quota_pv_info\{pv="pv-\w{12}",namespace="claim-\w{12}"/m);
    expect(files.get('brick.log')).toContain('MSGID');
    // That there was something to hide.
    expect(await readFile(volume.brick(0).logFile, 'utf8')).toContain(PASSWORD);
  });

  it('has names where they are wanted, and still no secret', async () => {
    const file = `${lab.dir}/named.tar.gz`;
    const { code, stdout } = await agent.cli('support-bundle', '-f', file, '--with-names');
    expect(code).toBe(0);
    expect(stdout).toContain('look through it before you send it');
    const files = await unpack(file);
    expect(files.get('quotas.json')).toContain(`"${PV}"`);
    expect(files.get('brick.log')).toContain('Final graph');
    expect(seen(files, SECRETS)).toEqual([]);
  });

  it('goes to standard output as an archive, and leaves nothing half made', async () => {
    const file = `${lab.dir}/piped.tar.gz`;
    expect((await agent.cliInto(file, 'support-bundle')).code).toBe(0);
    expect((await unpack(file)).has('manifest.json')).toBe(true);
    const { code, stderr } = await agent.cli('support-bundle', '-f', `${lab.dir}/no/such/dir.tar.gz`);
    expect(code).toBe(1);
    expect(stderr).toContain('cannot be written (ENOENT)');
    expect((await readdir(lab.dir)).filter((name) => name.includes('unfinished'))).toEqual([]);
  });

  it('is made without the agent, too, and says what it could not have', async () => {
    await agent.stop();
    const file = `${lab.dir}/offline.tar.gz`;
    expect((await agent.cli('support-bundle', '-f', file)).code).toBe(0);
    const files = await unpack(file);
    expect(JSON.parse(files.get('doctor.json') ?? '')).toMatchObject({
      source: 'Offline',
      findings: [{ check: 'agent' }],
    });
    expect(JSON.parse(files.get('manifest.json') ?? '')).toMatchObject({
      leftOut: {
        'status.json': expect.stringContaining('no agent on'),
        'metrics.txt': expect.stringContaining('no metrics'),
      },
    });
    expect(files.has('brick.log')).toBe(true);
    expect(seen(files, [...SECRETS, ...NAMES])).toEqual([]);
  });
});
