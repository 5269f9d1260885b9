import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ShownQuota } from '../../../src/agent/http/services.ts';
import { AgentClient } from '../../../src/cli/client.ts';
import { measuredText, quotaList, quotaRemove } from '../../../src/cli/commands/quota.ts';
import { quotaExplain } from '../../../src/cli/commands/quota-explain.ts';
import { quotaScan, quotaScanCancel } from '../../../src/cli/commands/quota-scan.ts';
import { quotaVerify } from '../../../src/cli/commands/quota-verify.ts';
import type { Output } from '../../../src/cli/output.ts';
import { condition, quotaView } from '../../support/fake-api.ts';

const GOOD = ['OnDisk', 'Live', 'Enforced', 'UsageTrue'].map((type) => condition(type));

let dir: string;
let server: Server;
let client: AgentClient;
let view: ShownQuota;
/** Of the scan that was asked for. */
let running: string[];
let cancelled: { pv: string; at: string }[];
let deleted: string[];
let asked: string[];
let printed: string;

const output: Output = {
  line: (text) => void (printed += `${text}\n`),
  error: (text) => void (printed += `${text}\n`),
  raw: (text) => void (printed += text),
  rawError: (text) => void (printed += text),
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-'));
  printed = '';
  [running, cancelled, deleted, asked] = [[], [], [], []];
  view = quotaView('pvc-1', 1024n);
  view.status.volumeUsage = null;
  view.status.conditions = GOOD;
  server = createServer((request, response) => {
    const { url = '' } = request;
    const scan = { running: null, requested: running, failed: [], cancelled };
    if (request.method === 'DELETE') deleted.push(url);
    if (request.method === 'POST') asked.push(url);
    const list = { items: [view], refused: [], synced: true };
    response.end(JSON.stringify(url.endsWith('/scan') ? scan : url === '/v1/quotas' ? list : view));
  });
  await new Promise<void>((resolve) => {
    server.listen(join(dir, 'agent.sock'), resolve);
  });
  client = new AgentClient(join(dir, 'agent.sock'));
});
afterEach(async () => {
  server.close();
  await rm(dir, { recursive: true });
});

function change(type: string, status: 'True' | 'False' | 'Unknown', reason: string): void {
  view.status.conditions = GOOD.map((other) => (other.type === type ? condition(type, status, reason) : other));
}

function text(): string {
  return stripVTControlCharacters(printed);
}

describe('quota explain', () => {
  it('has nothing to do where all is as it should be', async () => {
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(0);
    expect(text()).toContain('Nothing to do.');
    expect(text()).not.toMatch(/switched off|false usage/);
  });

  it('tells of tampering what is known of it, which is nothing to do', async () => {
    view.status.tampering = { off: 1, faked: 2 };
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(0);
    expect(text()).toContain(
      "beyond its limit once since the agent's start while enforcement was switched off on the whole brick",
    );
    expect(text()).toContain('told a false usage of it 2 times');
  });

  it('tells how far an adoption is, what it waits for and when it is tried again, and advises to wait as long as it comes', async () => {
    change('Enforced', 'False', 'PartlyEnforced');
    const adoption = {
      pv: 'pvc-1',
      state: 'Waiting' as const,
      step: 'Checking' as const,
      message: 'PeerStarting: brick 2 serves for 3 s only',
      startedAt: '2026-01-01T00:00:00.000Z',
      finishedAt: null,
      directories: 0,
      wrong: null,
      againAt: '2026-01-01T00:00:08.000Z',
    };
    view.status.adoption = adoption;
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(1);
    expect(text()).toContain(
      'Adoption by the running bricks, Waiting since 2026-01-01T00:00:00.000Z: PeerStarting: brick 2 serves for 3 s only; it is tried again by itself, at 2026-01-01T00:00:08.000Z at the earliest.',
    );
    expect(text()).toMatch(/To do:\n {2}wait: /);
    printed = '';
    const finishedAt = '2026-01-01T00:00:09.000Z';
    view.status.adoption = { ...adoption, state: 'Failed', message: 'not tried on Arbiter', finishedAt, againAt: null };
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(1);
    expect(text()).toContain('Failed at 2026-01-01T00:00:09.000Z: not tried on Arbiter.');
    expect(text()).toMatch(/To do:\n {2}brick-agent quota adopt/);
  });

  it.each<[string, 'False' | 'Unknown', string]>([
    ['OnDisk', 'False', 'DirectoryMissing'],
    ['OnDisk', 'Unknown', 'BrickFenced'],
    ['OnDisk', 'False', 'LimitDiffers'],
    ['Live', 'Unknown', 'BrickUnknown'],
    ['Live', 'False', 'NotInBrick'],
    ['Enforced', 'Unknown', 'AuditStale'],
    ['UsageTrue', 'Unknown', 'ScanIncomplete'],
  ])('tells what to do about %s %s %s', async (type, status, reason) => {
    change(type, status, reason);
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(1);
    expect(text()).toMatch(/To do:\n {2}\w/);
  });

  it('says what is only not known yet', async () => {
    change('Enforced', 'Unknown', 'NotAudited');
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(0);
    expect(text()).toContain('Nothing to do but to wait: Enforced not known yet.');
  });

  it('takes a limit that goes by an incomplete sum for a finding, as list and verify do', async () => {
    const message = 'subvolume 1 has never told what it uses';
    const parts = [{ subvolume: 2, usedBytes: '1024', ageSeconds: 3, agent: '10.0.0.3:9746' }];
    const silent = [{ agent: '10.0.0.2:9746', subvolume: null, message: 'has never answered: ECONNREFUSED' }];
    view.status.volumeUsage = { state: 'Incomplete', usedBytes: '2048', ageSeconds: 0, message, parts, silent };
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(1);
    expect(text()).toContain(
      `On the whole volume: 2 KiB, Incomplete: ${message}.
  subvolume 2: 1 KiB, by the agent at 10.0.0.3:9746 3 s ago.
  the agent at 10.0.0.2:9746 has never answered: ECONNREFUSED.
`,
    );
    expect(await quotaList(client, output, false)).toBe(1);
    expect(text()).toContain('VolumeUsageIncomplete');
    printed = '';
    expect(await quotaVerify(client, output, false)).toBe(1);
    expect(text()).toMatch(/pvc-1 +Volume .*Incomplete/);
  });
});

describe('quota explain of a limit from a peer', () => {
  it('names the agents, what they have it from, and which does not answer', async () => {
    const agents = [
      { address: '10.0.0.2:9746', error: null },
      { address: '10.0.0.3:9746', error: 'ECONNREFUSED' },
    ];
    view.spec.sources = [{ source: 'Peer', limitBytes: '1024', peer: { source: 'File', agents } }];
    await quotaExplain(client, output, false, 'pvc-1');
    expect(text()).toContain(
      'Wanted: 1 KiB by the agents of other bricks (10.0.0.2:9746; 10.0.0.3:9746, which does not answer now: ECONNREFUSED), which have it from the quota file.',
    );
  });
});

describe('quota verify', () => {
  it('finds a counter that a scan has found wrong, and not one that was not measured yet', async () => {
    change('UsageTrue', 'Unknown', 'NotScanned');
    expect(await quotaVerify(client, output, false)).toBe(0);
    change('UsageTrue', 'False', 'CountsTooMuch');
    view.status.usage.driftBytes = '5242880';
    expect(await quotaVerify(client, output, false)).toBe(1);
    expect(text()).toMatch(/pvc-1 +Usage +no drift +5242880 +CountsTooMuch/);
  });
});

describe('quota rm', () => {
  it('is done when the limit is lifted, though the brick forgets it at its next start only', async () => {
    view = quotaView('pvc-1', null);
    view.status.volumeUsage = null;
    view.status.conditions = [condition('OnDisk', 'True', 'NoLimit'), condition('Live', 'False', 'RemovalPending')];
    expect(await quotaRemove(client, output, false, 'pvc-1')).toBe(0);
    expect(text()).not.toContain('Still wanted');
    expect(await quotaList(client, output, false)).toBe(0);
    expect(await quotaExplain(client, output, false, 'pvc-1')).toBe(0);
    expect(await quotaVerify(client, output, false)).toBe(1);
  });

  it('says who still wants a limit', async () => {
    view.spec.source = 'Kadalu';
    await quotaRemove(client, output, false, 'pvc-1');
    expect(text()).toContain("Still wanted by Kadalu's info file");
  });
});

describe('quota scan', () => {
  it('names what was cut short', async () => {
    expect(await quotaScan(client, output, false, undefined, 0)).toBe(1);
    expect(text()).toContain('pvc-1: its scan was cut short; ask again');
  });

  it('says that a scan was cancelled', async () => {
    cancelled = [{ pv: 'pvc-1', at: '2026-01-02T03:04:05.000Z' }];
    expect(await quotaScan(client, output, false, 'pvc-1', 0)).toBe(1);
    expect(text()).toContain('pvc-1: its scan was cancelled; ask again');
  });

  it('leaves what somebody else waits for when Ctrl-C ends it', async () => {
    running = ['pvc-1'];
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    const scan = quotaScan(client, output, false, 'pvc-1', 0);
    await vi.waitUntil(() => asked.length > 0);
    process.emit('SIGINT', 'SIGINT');
    await expect(scan).rejects.toMatchObject({ code: 'Aborted' });
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGINT');
    kill.mockRestore();
    expect(deleted).toEqual([]);
    expect(text()).toContain('pvc-1: somebody else had asked for its scan, which goes on');
  });

  it('cancels all that wait, or one, and says when there is none', async () => {
    running = ['pvc-1', 'pvc-2'];
    expect(await quotaScanCancel(client, output, false, undefined)).toBe(0);
    expect(deleted).toEqual(['/v1/quotas/pvc-1/scan', '/v1/quotas/pvc-2/scan']);
    deleted = [];
    expect(await quotaScanCancel(client, output, false, 'pvc-2')).toBe(0);
    expect(deleted).toEqual(['/v1/quotas/pvc-2/scan']);
    running = [];
    expect(await quotaScanCancel(client, output, false, 'pvc-1')).toBe(0);
    expect(text()).toContain('no such scan runs or waits');
  });

  it('does not wait for longer than it was asked to', async () => {
    running = ['pvc-1'];
    await expect(quotaScan(client, output, false, 'pvc-1', 1)).rejects.toMatchObject({ code: 'Timeout' });
  });
});

describe('measuredText', () => {
  const scannedAt = '2026-01-02T03:04:05.000Z';
  const now = Date.parse(scannedAt) + 90_000;
  const usage = { ...quotaView('pvc-1', null).status.usage, scannedAt, scannedBytes: '8192', files: 3 };

  it('tells what was found, and how long ago', () => {
    expect(measuredText({ ...usage, source: 'Scan', bytes: '8192' }, now)).toBe('8 KiB in 3 files, 1 min 30 s ago');
  });

  it('tells of what an estimate is made', () => {
    expect(measuredText({ ...usage, source: 'ScanPlusCounter', bytes: '12288' }, now)).toBe(
      '12 KiB, of which the brick has counted the change since a scan found 8 KiB in 3 files, 1 min 30 s ago',
    );
  });

  it('tells nothing where nothing was measured', () => {
    expect(measuredText(quotaView('pvc-1', null).status.usage, now)).toBeUndefined();
  });
});
