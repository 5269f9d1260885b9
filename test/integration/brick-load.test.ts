/** What a scrape tells of a real brick's work: operations, latencies, sizes, clients, its own health check. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { samplesOf } from '../support/samples.ts';

const IO_STATS = /(type debug\/io-stats\n(?:.*\n)*?.*latency-measurement) (on|off)(\n.*count-fop-hits) (on|off)/;
const KiB = 1024;
const WRITES = 20;
/** Far less than Prometheus waits, far more than a busy machine takes, in milliseconds. */
const SCRAPE_MS = 2_000;
const APPLIED_MS = 60_000;
const REUSE_MS = 1_100;

let lab: Lab;
let volume: Volume;
let mount: Mount;
let agent: LabAgent;

async function scrape(): Promise<Map<string, number>> {
  const samples = samplesOf((await agent.ops('/metrics', { timeoutMs: SCRAPE_MS })).text);
  expect(samples.get('brick_agent_collector_success{collector="brick-load",volume="vol1"}')).toBe(1);
  return samples;
}

/** Scrapes that follow each other within a second are told the same of the brick. */
async function scrapeAnew(): Promise<Map<string, number>> {
  await delay(REUSE_MS);
  return await scrape();
}

async function value(name: string, labels = ''): Promise<number | undefined> {
  return (await scrape()).get(`${name}{${labels}volume="vol1"}`);
}

/** The same once it is told: of a brick that was frozen or away a moment ago, one scrape may have it and the next one not. */
async function known(name: string, labels: string): Promise<number> {
  return await lab.waitFor(`${name}{${labels}`, async () => await value(name, labels));
}

function namesIn(samples: Map<string, number>): Set<string> {
  return new Set([...samples.keys()].map((series) => series.replace(/\{.*/, '')));
}

function write(path: string, bytes: number, times: number): void {
  const file = openSync(`${mount.path}/${path}`, 'w');
  try {
    for (let n = 0; n < times; n += 1) writeSync(file, Buffer.alloc(bytes, 'x'), 0, bytes, n * bytes);
  } finally {
    closeSync(file);
  }
}

beforeAll(async () => {
  lab = await Lab.create({ name: 'brick-load' });
  const brickOptions = { 'storage/posix': { 'health-check-interval': 1 } };
  volume = await lab.volume({ name: 'vol1', type: 'replica', brickOptions });
  await volume.start();
  mount = await volume.mount();
  agent = await startAgent(lab, volume, volume.brick(0), {
    env: { BRICK_AGENT_CLIENT_METRICS: 'address', BRICK_AGENT_IDENTITY_INTERVAL_MS: '500' },
  });
});
afterAll(async () => lab.destroy());

async function switchCounters(to: 'on' | 'off'): Promise<void> {
  const name = volume.brick(0).volfileName;
  const text = (await volume.configMap.text(name)).replace(IO_STATS, `$1 ${to}$3 ${to}`);
  expect(text).toContain(`latency-measurement ${to}`);
  await volume.configMap.swap({ [name]: text });
  await lab.waitFor(
    `the counters to be ${to}`,
    async () => (await value('gluster_brick_fops_counted')) === (to === 'on' ? 1 : 0),
    { timeoutMs: APPLIED_MS },
  );
}

describe('a brick without counters', () => {
  it('is said to have none, and its operations are left out', async () => {
    await lab.waitFor('the verdict', async () => (await value('gluster_brick_fops_counted')) === 0);
    const names = namesIn(await scrape());
    expect([...names].filter((name) => name.startsWith('gluster_brick_fop'))).toEqual(['gluster_brick_fops_counted']);
  });

  it('tells the sizes of reads and writes all the same', async () => {
    const bucket = (le: string) => `gluster_brick_io_size_bytes_bucket{direction="write",le="${le}",volume="vol1"}`;
    const before = await scrapeAnew();
    write('sizes', 4 * KiB, WRITES);
    write('sizes', 64 * KiB, WRITES);
    const after = await scrapeAnew();
    const grown = (series: string): number => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    expect(grown('gluster_brick_io_size_bytes_count{direction="write",volume="vol1"}')).toBe(2 * WRITES);
    expect(grown('gluster_brick_io_size_bytes_sum{direction="write",volume="vol1"}')).toBe(68 * KiB * WRITES);
    expect(grown(bucket('4095.0'))).toBe(0);
    expect(grown(bucket('8191.0'))).toBe(WRITES);
    expect(grown(bucket('65535.0'))).toBe(WRITES);
    expect(grown(bucket('131071.0'))).toBe(2 * WRITES);
    expect(grown(bucket('+Inf'))).toBe(2 * WRITES);
  });
});

describe('a brick with counters, switched on while it runs', () => {
  beforeAll(async () => switchCounters('on'));

  it('counts what is written as often as it is written, and how long it takes', async () => {
    const [calls, seconds] = ['gluster_brick_fops_total', 'gluster_brick_fop_seconds_total'].map(
      (name) => `${name}{fop="WRITE",volume="vol1"}`,
    );
    const before = await scrapeAnew();
    write('counted', 4 * KiB, WRITES);
    const after = await scrapeAnew();
    expect((after.get(calls ?? '') ?? 0) - (before.get(calls ?? '') ?? 0)).toBe(WRITES);
    const took = (after.get(seconds ?? '') ?? 0) - (before.get(seconds ?? '') ?? 0);
    expect(took).toBeGreaterThan(WRITES * 1e-6);
    expect(took).toBeLessThan(60);
    const longest = after.get('gluster_brick_fop_longest_seconds{fop="WRITE",volume="vol1"}') ?? 0;
    expect(longest).toBeGreaterThanOrEqual(took / WRITES);
  });

  it('tells its clients by kind and address, and what they send', async () => {
    const before = await scrapeAnew();
    expect(before.get('gluster_brick_clients{kind="brick-agent",volume="vol1"}')).toBe(1);
    expect(before.get('gluster_brick_clients{kind="glustershd",volume="vol1"}')).toBe(1);
    // The lab's mount gives itself no name.
    expect(before.get('gluster_brick_clients{kind="unknown",volume="vol1"}')).toBe(1);
    expect(before.get('gluster_brick_address_connections{address="127.0.0.1",volume="vol1"}')).toBe(3);
    write('sent', 64 * KiB, WRITES);
    const after = await scrapeAnew();
    for (const labels of ['kind="unknown",direction="in"', 'address="127.0.0.1",direction="in"']) {
      const series = `gluster_brick_${labels.startsWith('kind') ? 'client' : 'address'}_bytes_total{${labels},volume="vol1"}`;
      const sent = (after.get(series) ?? 0) - (before.get(series) ?? 0);
      expect(sent).toBeGreaterThan(64 * KiB * WRITES);
      expect(sent).toBeLessThan(2 * 64 * KiB * WRITES);
    }
  });

  it('has a health check that is young, and a process that can be seen', async () => {
    await lab.waitFor('its first', async () => await value('gluster_brick_health_check_timestamp_seconds'));
    const first = (await value('gluster_brick_health_check_timestamp_seconds')) ?? 0;
    expect(Math.abs(Date.now() / 1000 - first)).toBeLessThan(20);
    await lab.waitFor('the next', async () => {
      const next = await value('gluster_brick_health_check_timestamp_seconds');
      return next !== undefined && next > first;
    });
    for (const process of ['brick', 'shd']) {
      expect(await value('gluster_process_threads', `process="${process}",`)).toBeGreaterThan(5);
      expect(await value('gluster_process_max_fds', `process="${process}",`)).toBeGreaterThan(100);
      expect(await value('gluster_process_blocked_threads', `process="${process}",`)).toBeGreaterThanOrEqual(0);
    }
  });

  it('that hangs costs its own series only, and a tenth of a second once', async () => {
    volume.brick(0).pause();
    try {
      await lab.waitFor('its series to go', async () => !namesIn(await scrape()).has('gluster_brick_fops_total'));
      const names = namesIn(await scrape());
      for (const name of ['gluster_brick_io_size_bytes_count', 'gluster_brick_clients'])
        expect(names).not.toContain(name);
      for (const name of ['gluster_brick_capacity_bytes', 'gluster_process_up']) expect(names).toContain(name);
    } finally {
      volume.brick(0).resume();
    }
    await lab.waitFor('them to come back', async () => namesIn(await scrape()).has('gluster_brick_fops_total'));
  });

  it('that is started again begins its counts anew, and those of its clients go on', async () => {
    await scrapeAnew();
    const calls = await known('gluster_brick_fops_total', 'fop="WRITE",');
    const series = 'kind="unknown",direction="in",';
    const bytes = await known('gluster_brick_client_bytes_total', series);
    expect(calls).toBeGreaterThanOrEqual(WRITES);
    await volume.brick(0).stop();
    await volume.brick(0).start();
    await mount.waitConnected();
    await lab.waitFor('its counts', async () => (await value('gluster_brick_fops_counted')) === 1);
    write('anew', 4 * KiB, 1);
    await scrapeAnew();
    const now = await known('gluster_brick_fops_total', 'fop="WRITE",');
    expect([now >= 1, now < calls]).toEqual([true, true]);
    await lab.waitFor(
      'the mount in the list',
      async () => ((await value('gluster_brick_client_bytes_total', series)) ?? 0) > bytes,
    );
  });

  it('that stops to count is found out, though the old counts are still told', async () => {
    await switchCounters('off');
    expect(namesIn(await scrape())).not.toContain('gluster_brick_fops_total');
    expect(await value('gluster_brick_fops_counted')).toBe(0);
  });
});
