import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import { brickCollector } from '../../../src/metrics/collectors/brick.ts';
import { healCollector } from '../../../src/metrics/collectors/heal.ts';
import { processCollector } from '../../../src/metrics/collectors/process.ts';
import { quotaCollector } from '../../../src/metrics/collectors/quota.ts';
import { runtimeCollector } from '../../../src/metrics/collectors/runtime.ts';
import { volfileCollector } from '../../../src/metrics/collectors/volfile.ts';
import { METRICS, type MetricSpec } from '../../../src/metrics/names.ts';
import { MetricsRegistry, type Collector } from '../../../src/metrics/registry.ts';
import { BRICK, HOSTILE_PV, pvState } from '../../support/metric-sources.ts';

async function render(collectors: Collector[], log: Log = silentLog): Promise<string> {
  return await new MetricsRegistry(collectors, { volume: 'pool1' }, log).render();
}

/** Names of the series of a scrape, without those that each collector gets. */
function namesIn(text: string): Set<string> {
  const names = [...text.matchAll(/^(\w+)\{/gm)].map(([, name]) => name ?? '');
  return new Set(names.filter((name) => !name.startsWith('brick_agent_collector_')));
}

describe('a value that is not known', () => {
  it('is left out, never 0, of metrics with and without labels', async () => {
    const unknownBrick = {
      ...BRICK,
      checks: BRICK.checks.filter(({ status }) => status === 'Unknown'),
      capacity: undefined,
    };
    const pending = { xattrop: undefined, dirty: undefined, entryChanges: undefined };
    const rates = { inPerSecond: undefined, outPerSecond: undefined, etaSeconds: undefined, pendingSince: undefined };
    const text = await render([
      brickCollector(() => unknownBrick),
      healCollector(() => ({ state: 'Unknown', pending, ...rates })),
      processCollector(() => [{ process: 'brick', up: undefined, stats: undefined }]),
      quotaCollector({ hasSynced: false, refusals: [], states: () => [pvState('pvc-1', 1n, true)] }),
    ]);
    expect([...namesIn(text)].toSorted()).toEqual([
      'gluster_brick_fenced',
      'gluster_brick_hung',
      'gluster_brick_info',
      'gluster_brick_up',
      'gluster_heal_state',
    ]);
    expect(text).toContain('gluster_heal_state{state="Unknown",volume="pool1"} 1');
  });

  it.each(['Unverified', 'Pending', 'Failed'] as const)('of a volfile that is %s is left out', async (outcome) => {
    const unknown = { process: 'brick', wantedSha256: undefined, lastReload: undefined, lastSuccessAt: undefined };
    const text = await render([volfileCollector(() => [{ ...unknown, outcome, problems: [] }])]);
    expect([...namesIn(text)]).toEqual([]);
  });

  it('disappears after it was known', async () => {
    let capacity: typeof BRICK.capacity = BRICK.capacity;
    const registry = new MetricsRegistry([brickCollector(() => ({ ...BRICK, capacity }))], {}, silentLog);
    expect(await registry.render()).toMatch(/^gluster_brick_free_bytes 42949672960$/m);
    capacity = undefined;
    expect(await registry.render()).not.toContain('gluster_brick_free_bytes');
  });

  it('of a PV leaves the other PVs alone', async () => {
    const states = [pvState('pvc-known', 4096n, true), pvState('pvc-unknown', 4096n, false)];
    const text = await render([quotaCollector({ hasSynced: true, refusals: [], states: () => states })]);
    expect(text).toContain('gluster_quota_live_limit_bytes{pv="pvc-known",volume="pool1"} 4096');
    expect(text).toContain('gluster_quota_limit_bytes{pv="pvc-unknown",source="Kadalu",volume="pool1"} 4096');
    expect(text).not.toMatch(/(live_limit|used|on_disk_limit)_bytes\{pv="pvc-unknown"/);
    expect(text).not.toMatch(/condition\{pv="pvc-unknown"/);
  });

  it('may be NaN as well', async () => {
    const text = await render([{ name: 'x', collect: (emit) => emit('gluster_brick_up', {}, Number.NaN) }]);
    expect(text).not.toContain('gluster_brick_up');
  });
});

describe('a collector that fails', () => {
  const healthy: Collector = { name: 'healthy', collect: (emit) => emit('gluster_brick_up', {}, 1) };

  it('leaves its own series out and nothing else', async () => {
    const broken: Collector = {
      name: 'broken',
      collect: (emit) => {
        emit('gluster_brick_hung', {}, 1);
        throw new Error('no');
      },
    };
    const text = await render([broken, healthy]);
    expect(namesIn(text)).toEqual(new Set(['gluster_brick_up']));
    expect(text).toContain('brick_agent_collector_success{collector="broken",volume="pool1"} 0');
    expect(text).toContain('brick_agent_collector_success{collector="healthy",volume="pool1"} 1');
  });

  it('is logged once for each message, and again after it has worked', async () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (facts) => lines.push(JSON.stringify(facts)) };
    let message: string | undefined = 'first';
    const sometimes: Collector = {
      name: 'sometimes',
      collect: () => {
        if (message !== undefined) throw new Error(message);
      },
    };
    const registry = new MetricsRegistry([sometimes], {}, log);
    for (const next of ['first', 'first', 'second', undefined, 'second']) {
      message = next;
      await registry.render();
    }
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('"collector":"sometimes"');
  });
});

describe('labels', () => {
  it('cannot be broken out of', async () => {
    const text = await render([
      quotaCollector({ hasSynced: true, refusals: [], states: () => [pvState(HOSTILE_PV, 1n, false)] }),
    ]);
    expect(text).toContain(String.raw`{pv="pvc-\"} 1\ngluster_brick_up{x=\"\\ü",source="Kadalu",volume="pool1"} 1`);
    expect(text).not.toMatch(/^gluster_brick_up/m);
  });

  it('stand in the order of the table, whatever the order they are given in', async () => {
    const labels = { source: 'Api', pv: 'pvc-1' };
    const text = await render([{ name: 'x', collect: (emit) => emit('gluster_quota_limit_bytes', labels, 5) }]);
    expect(text).toContain('gluster_quota_limit_bytes{pv="pvc-1",source="Api",volume="pool1"} 5');
  });

  it('of the volume are escaped as well', async () => {
    const registry = new MetricsRegistry([{ name: 'x', collect: () => {} }], { volume: 'a"b' }, silentLog);
    expect(await registry.render()).toContain(String.raw`volume="a\"b"`);
  });
});

describe('values', () => {
  it.each([
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
    [2 ** 63, '9223372036854776000'],
    [1e21, '1e+21'],
    [-0.5, '-0.5'],
  ])('%d is written as %s', async (value, written) => {
    const text = await render([{ name: 'x', collect: (emit) => emit('gluster_heal_eta_seconds', {}, value) }]);
    expect(text).toContain(`gluster_heal_eta_seconds{volume="pool1"} ${written}\n`);
  });

  it('of a process that cannot be seen are left out', async () => {
    const text = await render([
      runtimeCollector(() => ({
        nodeVersion: 'v24',
        startTimeSeconds: 1,
        cpuSeconds: 1,
        residentBytes: 1,
        virtualBytes: undefined,
        openFds: undefined,
        maxFds: undefined,
        heapUsedBytes: 1,
        heapTotalBytes: 1,
        externalBytes: 1,
        eventLoopLag: undefined,
      })),
    ]);
    expect(text).not.toMatch(/fds|virtual|eventloop/);
    expect(text).toContain('process_cpu_seconds_total{volume="pool1"} 1');
  });
});

describe('the table of metrics', () => {
  const specs: [string, MetricSpec][] = Object.entries(METRICS);

  it.each(specs)('%s keeps to the conventions', async (name, { type, help, labels }) => {
    expect(name).toMatch(/^(gluster|brick_agent|process|nodejs)_[a-z0-9_]+[a-z0-9]$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    // Times and sizes are in base units, and a unit stands last but for _total.
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kb|mb|kib|mib|percent)(_|$)/);
    expect(name).toMatch(/^(?!.*_(seconds|bytes)_(?!total$)).*$/);
    expect(help).toMatch(/^[A-Z0-9].*\.$/);
    expect(help).not.toMatch(/[\\\n]/);
    expect(labels).not.toContain('pid');
    expect(new Set([...labels, 'volume']).size).toBe(labels.length + 1);
  });
});
