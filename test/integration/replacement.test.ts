/** A brick that was wiped is marked, so that the others know, and comes back whole. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { replacementSchema, type ReplacementView } from '../../src/agent/http/replacement-schemas.ts';
import { healSchema } from '../../src/agent/http/schemas.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, pvPath } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { quotaOf, startPeers, waitLimit, type QuotaItem } from '../support/agents.ts';

const MiB = 1024 ** 2;
const LIMIT_BYTES = 8 * MiB;
const FILES = 100;
const WIPED = 1;
const ASK_AGAIN_MS = 5_000;

describe('a brick that was wiped', () => {
  let lab: Lab;
  let volume: Volume;
  let agents: LabAgent[];

  beforeAll(async () => {
    lab = await Lab.create({ name: 'replacement' });
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-1', LIMIT_BYTES);
    await mkdir(`${pv.path}/dir`);
    for (let index = 0; index < FILES; index += 1) await writeFile(`${pv.path}/dir/file-${index}`, `content ${index}`);
    await client.unmount();
    agents = await startPeers(lab, volume, { BRICK_AGENT_SHD: 'on', BRICK_AGENT_HEAL_INTERVAL_MS: '200' });
  });
  afterAll(async () => lab.destroy());

  function agentOf(index: number): LabAgent {
    const agent = agents[index];
    if (agent === undefined) throw new Error('no such agent');
    return agent;
  }

  async function mark(agent: LabAgent, ...args: string[]): Promise<{ code: number | null; view: ReplacementView }> {
    const { code, stdout, stderr } = await agent.cli('heal', 'mark-replaced', ...args, '-o', 'json');
    const view: unknown = stdout === '' ? undefined : JSON.parse(stdout);
    if (!Check(replacementSchema, view)) throw new Error(`not a plan: ${stdout}${stderr}`);
    return { code, view };
  }

  async function backlogOf(agent: LabAgent): Promise<number> {
    const { json } = await agent.api('GET', '/v1/heal');
    return Check(healSchema, json) ? (json.pending.xattrop ?? 0) : 0;
  }

  it('is not marked while it has data, whoever is asked', async () => {
    const { code, view } = await lab.waitFor('all to serve', async () => {
      const answer = await mark(agentOf(0), '--brick', String(WIPED), '--yes');
      return answer.view.refusal?.includes('does not serve') === true ? undefined : answer;
    });
    expect([code, view.results]).toEqual([1, null]);
    expect(view.refusal).toContain(`brick ${WIPED} is not known to be empty`);
    const reply = await agentOf(0).api('POST', '/v1/peer/heal/mark', { brick: WIPED });
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('not known to be empty')]);
    expect((await mark(agentOf(0), '--brick', '7')).view.refusal).toContain('not of this set');
    expect(await pendingHeals(volume)).toBe(0);
  });

  it('is not marked while another brick of the set is away', async () => {
    await volume.shd.stop();
    await volume.brick(WIPED).wipe();
    await lab.waitFor('the agent to see that it is empty', async () =>
      (await agentOf(WIPED).api('GET', '/v1/heal')).text.includes('wiped'),
    );
    await volume.brick(2).kill('SIGKILL');
    const refusal = await lab.waitFor('the agent of the other to see that it is down', async () => {
      const { view } = await mark(agentOf(WIPED), '--yes');
      return view.refusal?.includes('brick 2') === true ? view.refusal : undefined;
    });
    expect(refusal).toContain('brick 2 does not serve');
    await volume.brick(2).start();
    await volume.shd.start();
    // Nobody knows what it has lost.
    expect(await pendingHeals(volume)).toBe(0);
  });

  it('is marked on the others by a plan, and its backlog is seen', async () => {
    const plan = await lab.waitFor('all bricks to serve', async () => {
      const { code, view } = await mark(agentOf(WIPED));
      return code === 0 ? view : undefined;
    });
    expect(plan).toMatchObject({ brick: WIPED, refusal: null, results: null });
    const added = { child: 'vol1-client-1', data: 1, metadata: 1, entry: 1 };
    expect(plan.steps).toEqual([
      { brickIndex: 0, ...added },
      { brickIndex: 2, ...added },
    ]);
    // Shown, not done.
    expect(await pendingHeals(volume)).toBe(0);
    const wrong = await agentOf(WIPED).api('POST', '/v1/heal/mark-replaced', { plan: '0000000000000000' });
    expect([wrong.status, wrong.text]).toEqual([409, expect.stringContaining('something has changed since plan')]);
    // A daemon that is stopped is not asked: the backlog stays to be seen.
    volume.shd.pause();
    const { code, stdout } = await agentOf(WIPED).cli('heal', 'mark-replaced', '--yes');
    expect([code, stdout]).toEqual([0, expect.stringContaining('On the root of brick 2: trusted.afr.vol1-client-1')]);
    for (const index of [0, 2]) {
      expect(volume.brick(index).xattr('.', 'trusted.afr.vol1-client-1')).toEqual(
        Buffer.from('000000010000000100000001', 'hex'),
      );
      await lab.waitFor('the backlog', async () => (await backlogOf(agentOf(index))) > 0);
    }
    // Once is enough.
    expect((await mark(agentOf(WIPED))).view.steps).toEqual([]);
    const audits = (await agentOf(2).logs()).flatMap(({ audit }) =>
      typeof audit === 'object' && audit !== null ? [audit] : [],
    );
    expect(audits).toContainEqual(expect.objectContaining({ action: 'ChangeChangelog', child: 'vol1-client-1' }));
    expect(audits).toContainEqual(expect.objectContaining({ action: 'MarkReplaced', brick: WIPED }));
  });

  it('is healed to the last file, and the backlog falls to 0', async () => {
    let highest = 0;
    volume.shd.resume();
    expect((await agentOf(0).api('POST', '/v1/heal', { kind: 'index' })).status).toBe(202);
    await lab.waitFor(
      'the heal',
      async () => {
        highest = Math.max(highest, await backlogOf(agentOf(0)), await backlogOf(agentOf(2)));
        return (await pendingHeals(volume)) === 0 && (await brickDifferences(volume)).length === 0;
      },
      { timeoutMs: 110_000, intervalMs: 50 },
    );
    // The root alone would be 1: the objects below it were seen to wait.
    expect(highest).toBeGreaterThan(1);
    const files = await readdir(`${volume.brick(WIPED).path}/subvol`, { recursive: true });
    expect(files.filter((file) => file.includes('/file-'))).toHaveLength(FILES);
    await lab.waitFor('the agents to see it', async () =>
      (await agentOf(WIPED).api('GET', '/v1/heal')).text.includes('"Complete"'),
    );
    expect((await mark(agentOf(0), '--brick', String(WIPED))).view.refusal).toContain('not known to be empty');
  });

  it('is marked on all others before the heal begins', async () => {
    await volume.brick(WIPED).wipe();
    const view = await lab.waitFor('all bricks to serve', async () => {
      const { code, view } = await mark(agentOf(0), '--brick', String(WIPED), '--yes');
      return code === 0 ? view : undefined;
    });
    expect(view.results).toEqual([
      { brickIndex: 0, failure: null },
      { brickIndex: 2, failure: null },
    ]);
    let askedAt = 0;
    await lab.waitFor(
      'the heal',
      async () => {
        // What a crawl has left waits for the daemon's next one, which may be 10 minutes away.
        if (performance.now() - askedAt > ASK_AGAIN_MS) {
          askedAt = performance.now();
          await agentOf(0).api('POST', '/v1/heal', { kind: 'index' });
        }
        return (await pendingHeals(volume)) === 0 && (await brickDifferences(volume)).length === 0;
      },
      { timeoutMs: 110_000 },
    );
  });

  it('limits its PVs again by itself: on disk, live, and in what it refuses', async () => {
    await waitLimit(lab, [agentOf(WIPED)], 'pvc-1', LIMIT_BYTES);
    expect(volume.brick(WIPED).xattr(pvPath('pvc-1'), 'trusted.gfs.squota.limit')?.toString()).toContain(
      String(LIMIT_BYTES),
    );
    // By its own measure: a copy that was healed may lie on fewer blocks than the one that was written.
    const from = Date.now();
    await agentOf(WIPED).api('POST', '/v1/quotas/pvc-1/scan');
    let status: QuotaItem['status'] | undefined;
    await lab
      .waitFor(
        'a true usage',
        async () => {
          status = (await quotaOf(agentOf(WIPED), 'pvc-1'))?.status;
          // As measured is within a threshold: the heal of small files may leave less than that, which is not worth a repair.
          const isTrue = status?.conditions.some(({ type, reason }) => type === 'UsageTrue' && reason === 'AsMeasured');
          return isTrue === true && status?.usage.files === FILES && Date.parse(status.usage.scannedAt ?? '') >= from;
        },
        { timeoutMs: 60_000 },
      )
      .catch((error: unknown) => {
        throw new Error(JSON.stringify(status), { cause: error });
      });
    const client = await volume.mount();
    const { errno, written } = await writeUntilError(
      `${client.path}/${pvPath('pvc-1')}/dir/more`,
      64 * 1024,
      2 * LIMIT_BYTES,
    );
    expect(errno).toBe('EDQUOT');
    expect(written).toBeLessThanOrEqual(LIMIT_BYTES);
    await client.unmount();
    // Each brick says so in its own log, the one that was wiped among them.
    await lab.waitFor(
      'its own refusal',
      async () => (await quotaOf(agentOf(WIPED), 'pvc-1'))?.status.refusedWrites.lastAt !== null,
    );
  });
});
