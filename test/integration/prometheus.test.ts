/** A real Prometheus beside real agents: no panel of the dashboards is empty, and alerts fire and clear. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { waitLimit } from '../support/agents.ts';
import { Prometheus } from '../support/prometheus.ts';
import { skipsPromtool } from '../support/promtool.ts';
import { DASHBOARDS, filledIn, queries } from '../unit/deploy/dashboard.ts';

const MiB = 1024 * 1024;
/** Of rates and of the first scan, after the start, in milliseconds. */
const FILL_MS = 90_000;
const ALERT_MS = 60_000;
const RULES = readFileSync(resolve(import.meta.dirname, '../../deploy/prometheus/rules.yaml'), 'utf8')
  // Whether they wait long enough is tested on Prometheus's own clock, see rules.test.yaml.
  .replaceAll(/^( +for:) \w+$/gm, '$1 2s');

describe.skipIf(skipsPromtool)('Prometheus beside three agents', () => {
  let lab: Lab;
  let volume: Volume;
  let agents: LabAgent[];
  let prometheus: Prometheus;
  let client: Mount;
  let pv: Pv;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'prometheus' });
    const brickOptions = {
      'debug/io-stats': { 'latency-measurement': 'on', 'count-fop-hits': 'on' },
      'storage/posix': { 'health-check-interval': 1 },
    };
    volume = await lab.volume({ name: 'pool1', type: 'replica', brickOptions });
    await volume.start();
    client = await volume.mount();
    pv = await createPv(client, 'pvc-1', 8 * MiB);
    const env = { BRICK_AGENT_QUOTA_INTERVAL_MS: '500', BRICK_AGENT_IDENTITY_INTERVAL_MS: '500' };
    agents = await Promise.all(volume.bricks.map(async (brick) => await startAgent(lab, volume, brick, { env })));
    await waitLimit(lab, agents, 'pvc-1', 8 * MiB);
    // One that is known by its claim as well.
    await createPv(client, 'pvc-2', 8 * MiB);
    await waitLimit(lab, agents, 'pvc-2', 8 * MiB);
    await agents[0]?.cli('quota', 'set', 'pvc-2', '8Mi', '--claim', 'shop/data-db-0');
    prometheus = await Prometheus.start(lab, agents, RULES);
  });
  afterAll(async () => lab.destroy());

  function instance(index: number): string {
    return `127.0.0.1:${agents[index]?.opsPort ?? 0}`;
  }

  async function waitFiring(what: string, look: (firing: string[]) => boolean): Promise<void> {
    await lab.waitFor(what, async () => look(await prometheus.firing()), { timeoutMs: ALERT_MS });
  }

  /** As the rules record it for the volume. */
  async function waitBacklog(look: (pending: number) => boolean): Promise<void> {
    const query = 'volume:gluster_heal_pending_entries:max{index="xattrop"}';
    await lab.waitFor(
      'the backlog',
      async () => (await prometheus.query(query)).some(({ value }) => look(Number(value[1]))),
      { timeoutMs: ALERT_MS },
    );
  }

  it('has something for every panel', async () => {
    let empty: string[] = ['all'];
    await lab
      .waitFor(
        'every panel',
        async () => {
          const found: string[] = [];
          for (const { panel, expr } of Object.values(DASHBOARDS).flatMap(queries)) {
            if ((await prometheus.query(filledIn(expr))).length === 0) found.push(`${panel}: ${expr}`);
          }
          empty = found;
          return found.length === 0;
        },
        { timeoutMs: FILL_MS },
      )
      .catch(() => undefined);
    expect(empty).toEqual([]);
  });

  it.each(['Usage of the fullest PVs', 'Usage of PVs'])(
    'names the claims of PVs in "%s", where they are known',
    async (panel) => {
      const asked = Object.values(DASHBOARDS)
        .flatMap(queries)
        .filter((query) => query.panel === panel);
      expect(asked.length).toBeGreaterThan(0);
      for (const { expr } of asked) {
        await lab.waitFor('the claim in the panel', async () => {
          const shown = (await prometheus.query(filledIn(expr))).map(
            ({ metric }) => `${metric['pv']} ${metric['claim'] ?? ''}`,
          );
          return [...new Set(shown)].toSorted().join() === 'pvc-1 ,pvc-2 shop/data-db-0';
        });
      }
    },
  );

  it('fires nothing while all is well', async () => {
    await waitFiring('silence', (firing) => firing.length === 0);
    expect((await prometheus.query('volume:gluster_brick_up:ratio')).map(({ value }) => value[1])).toEqual(['1']);
  });

  it('fires for a brick that is killed, and for it alone, and clears when it is back and healed', async () => {
    await volume.brick(1).kill('SIGKILL');
    await writeFile(`${client.path}/while-one-is-down`, 'x');
    await waitBacklog((pending) => pending > 0);
    await waitFiring('GlusterBrickDown', (firing) => firing.includes(`GlusterBrickDown ${instance(1)}`));
    expect((await prometheus.firing()).filter((alert) => alert.startsWith('GlusterBrickDown'))).toHaveLength(1);
    await volume.brick(1).start();
    await waitBacklog((pending) => pending === 0);
    await waitFiring('the end of it', (firing) => !firing.some((alert) => alert.startsWith('GlusterBrickDown')));
  });

  it('fires for the volfile of a brick that is refused, and for it alone, and clears', async () => {
    const { volfileName } = volume.brick(0);
    const good = await volume.configMap.text(volfileName);
    await volume.configMap.swap({ [volfileName]: good.replace('end-volume', '') });
    await waitFiring('GlusterVolfileRejected', (firing) => firing.includes(`GlusterVolfileRejected ${instance(0)}`));
    expect((await prometheus.firing()).filter((alert) => alert.startsWith('GlusterVolfileRejected'))).toHaveLength(1);
    await volume.configMap.swap({ [volfileName]: good });
    await waitFiring('the end of it', (firing) => !firing.some((alert) => alert.startsWith('GlusterVolfile')));
  });

  it('fires for a PV that is full, once for the volume', async () => {
    const { errno } = await writeUntilError(`${client.path}/${pv.relativePath}/f`, 65_536, 32 * MiB);
    expect(errno).toBe('EDQUOT');
    await waitFiring('GlusterQuotaNearLimit', (firing) =>
      firing.some((alert) => /^GlusterQuota(Near|Over)Limit/.test(alert)),
    );
    const samples = await prometheus.query('ALERTS{alertname=~"GlusterQuota(Near|Over)Limit", alertstate="firing"}');
    expect(samples.map(({ metric }) => metric['pv'])).toEqual(['pvc-1']);
  });

  it('fires for bricks that want different limits, until they agree', async () => {
    const put = await agents[0]?.api('PUT', '/v1/quotas/pvc-1', { limitBytes: '16Mi' });
    expect(put?.status).toBe(201);
    await waitFiring('GlusterQuotaLimitsDiffer', (firing) => firing.includes('GlusterQuotaLimitsDiffer '));
    await agents[0]?.api('DELETE', '/v1/quotas/pvc-1');
    await waitFiring('the end of it', (firing) => !firing.includes('GlusterQuotaLimitsDiffer '));
  });

  it('fires for self-heal daemons that are there and do not answer, and clears', async () => {
    // All agents of the lab stand beside the one daemon.
    const shd = (firing: string[]): string[] => firing.filter((alert) => alert.startsWith('GlusterHealDaemonDown'));
    volume.shd.pause();
    await waitFiring('GlusterHealDaemonDown', (firing) => shd(firing).length === agents.length);
    expect((await prometheus.query('gluster_process_up{process="shd"} == 1')).length).toBe(agents.length);
    volume.shd.resume();
    await waitFiring('the end of it', (firing) => shd(firing).length === 0);
  });

  it('fires for a brick that was wiped, of which no backlog knows, and clears when its data is back', async () => {
    await client.unmount();
    const empty = (firing: string[]): boolean => firing.includes(`GlusterBrickEmpty ${instance(2)}`);
    await volume.shd.stop();
    await volume.brick(2).wipe();
    await waitFiring('GlusterBrickEmpty', empty);
    const firing = await prometheus.firing();
    expect(firing.filter((alert) => alert.startsWith('GlusterBrickEmpty'))).toHaveLength(1);
    // It is said once, and as what it is.
    expect(firing.filter((alert) => alert.startsWith('GlusterHealUnknown'))).toEqual([]);
    expect((await prometheus.query('volume:gluster_heal_pending_entries:max > 0')).length).toBe(0);
    await volume.shd.start();
    await agents[0]?.api('POST', '/v1/heal', { kind: 'full' });
    await waitFiring('the end of it', (firing) => !empty(firing));
  });
});
