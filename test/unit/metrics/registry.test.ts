import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import { brickCollector } from '../../../src/metrics/collectors/brick.ts';
import { healCollector } from '../../../src/metrics/collectors/heal.ts';
import { processCollector } from '../../../src/metrics/collectors/process.ts';
import { quotaCollector } from '../../../src/metrics/collectors/quota.ts';
import { runtimeCollector } from '../../../src/metrics/collectors/runtime.ts';
import { volfileCollector } from '../../../src/metrics/collectors/volfile.ts';
import { BulkMetric, type Bulk } from '../../../src/metrics/bulk.ts';
import { METRICS, type MetricName, type MetricSpec } from '../../../src/metrics/names.ts';
import { MetricsRegistry, type Collector } from '../../../src/metrics/registry.ts';
import { BRICK, HOSTILE_PV, pvState } from '../../support/metric-sources.ts';
import { rendered } from '../../support/scrape.ts';

async function render(collectors: Collector[], log: Log = silentLog): Promise<string> {
  return await rendered(new MetricsRegistry(collectors, { volume: 'pool1' }, log));
}

/** Names of the series of a scrape, without those that each collector gets. */
function namesIn(text: string): Set<string> {
  const names = [...text.matchAll(/^(\w+)\{/gm)].map(([, name]) => name ?? '');
  return new Set(names.filter((name) => !/^brick_agent_(collector|scrape)_/.test(name)));
}

describe('a value that is not known', () => {
  it('is left out, never 0, of metrics with and without labels', async () => {
    const unknownBrick = {
      ...BRICK,
      set: undefined,
      checks: BRICK.checks.filter(({ status }) => status === 'Unknown'),
      capacity: undefined,
      empty: undefined,
      writableBytes: undefined,
      healthCheckAt: undefined,
    };
    const pending = { xattrop: undefined, dirty: undefined, entryChanges: undefined };
    const times = { pendingSince: undefined, oldest: undefined, leftDirty: undefined, disconnected: undefined };
    const others = {
      missed: undefined,
      daemonUp: undefined,
      crawling: undefined,
      operations: { running: [], ended: { index: {}, full: {} } },
    };
    const rates = { inPerSecond: undefined, outPerSecond: undefined, etaSeconds: undefined, ...times };
    const text = await render([
      brickCollector(() => unknownBrick),
      healCollector(() => ({ state: 'Unknown', pending, ...rates, ...others })),
      processCollector(() => [{ process: 'brick', up: undefined, restarts: undefined, stats: undefined }]),
      quotaCollector({ hasSynced: false, refusals: [], states: () => [pvState('pvc-1', 1n, true)] }),
    ]);
    expect([...namesIn(text)].toSorted()).toEqual([
      'gluster_brick_fenced',
      'gluster_brick_hung',
      'gluster_brick_info',
      'gluster_brick_up',
      'gluster_heal_operations_running',
      'gluster_heal_operations_total',
      'gluster_heal_state',
    ]);
    expect(text).toContain('gluster_heal_state{state="Unknown",volume="pool1"} 1');
  });

  it.each(['Unverified', 'Pending', 'Failed'] as const)('of a volfile that is %s is left out', async (outcome) => {
    const unknown = { process: 'brick', wantedSha256: undefined, lastReload: undefined, lastSuccessAt: undefined };
    const restarts = { restarts: { succeeded: 0, failed: 0 }, restartWaitsFor: undefined };
    const text = await render([volfileCollector(() => [{ ...unknown, ...restarts, outcome, problems: [] }])]);
    // What this agent has done itself is known.
    expect([...namesIn(text)]).toEqual(['gluster_volfile_restart_waiting', 'gluster_volfile_restarts_total']);
  });

  it('disappears after it was known', async () => {
    let capacity: typeof BRICK.capacity = BRICK.capacity;
    const registry = new MetricsRegistry([brickCollector(() => ({ ...BRICK, capacity }))], {}, silentLog);
    expect(await rendered(registry)).toMatch(/^gluster_brick_free_bytes 42949672960$/m);
    capacity = undefined;
    expect(await rendered(registry)).not.toContain('gluster_brick_free_bytes');
  });

  it('of a PV leaves the other PVs alone', async () => {
    const states = [pvState('pvc-known', 4096n, true), pvState('pvc-unknown', 4096n, false)];
    const text = await render([quotaCollector({ hasSynced: true, refusals: [], states: () => states })]);
    expect(text).toContain('gluster_quota_live_limit_bytes{pv="pvc-known",volume="pool1"} 4096');
    expect(text).toContain('gluster_quota_limit_bytes{pv="pvc-unknown",source="Kadalu",volume="pool1"} 4096');
    expect(text).not.toMatch(/(live_limit|used|on_disk_limit)_bytes\{pv="pvc-unknown"/);
    expect(text).not.toMatch(/condition\{pv="pvc-unknown"/);
  });

  it('names the claim of a PV while one is known, and of no other', async () => {
    const [told, other] = [pvState('pvc-told', 4096n, true), pvState('pvc-other', 4096n, true)];
    const collector = quotaCollector({ hasSynced: true, refusals: [], states: () => [other, told] });
    const registry = new MetricsRegistry([collector], {}, silentLog);
    const infos = async (): Promise<string[]> =>
      (await rendered(registry)).split('\n').filter((line) => line.startsWith('gluster_quota_pv_info{'));
    expect(await infos()).toEqual([]);
    told.wishes = { ...told.wishes, fileClaim: { namespace: 'shop', name: 'data' } };
    expect(await infos()).toEqual([
      'gluster_quota_pv_info{pv="pvc-told",namespace="shop",persistentvolumeclaim="data"} 1',
    ]);
    told.wishes = { ...told.wishes, fileClaim: { namespace: 'shop', name: 'more' } };
    expect(await infos()).toEqual([
      'gluster_quota_pv_info{pv="pvc-told",namespace="shop",persistentvolumeclaim="more"} 1',
    ]);
    told.wishes = other.wishes;
    expect(await infos()).toEqual([]);
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
      await rendered(registry);
    }
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('"collector":"sometimes"');
  });
});

describe('the metrics of many objects', () => {
  /** The number of each row is its value. */
  function many(names: readonly MetricName[], rows = 3, prepare?: Bulk['prepare']): Collector {
    const numbers = Array.from({ length: rows }, (_, row) => row);
    const metrics = names.map((name) => new BulkMetric(name, rows));
    for (const metric of metrics) for (const row of numbers) metric.set(row, String(row));
    const labels = numbers.map((row) => `pv="pvc-${row}"`);
    return { name: 'many', collect: () => {}, bulk: () => ({ rows, prepare: prepare ?? (() => {}), labels, metrics }) };
  }

  it('are written one metric after the other, behind all that is small', async () => {
    const small: Collector = { name: 'small', collect: (emit) => emit('gluster_brick_up', {}, 1) };
    const text = await render([many(['gluster_quota_used_bytes', 'gluster_quota_drift_bytes'], 2), small]);
    expect([...text.matchAll(/^gluster_\w+/gm)].map(([name]) => name)).toEqual([
      'gluster_brick_up',
      'gluster_quota_used_bytes',
      'gluster_quota_used_bytes',
      'gluster_quota_drift_bytes',
      'gluster_quota_drift_bytes',
    ]);
    expect(text).toContain('gluster_quota_used_bytes{pv="pvc-1",volume="pool1"} 1\n');
  });

  it('that have no sample are not announced', async () => {
    const metrics = [new BulkMetric('gluster_quota_used_bytes', 3), new BulkMetric('gluster_quota_drift_bytes', 3)];
    metrics[1]?.set(1, undefined);
    const bulk = { rows: 3, prepare: () => {}, labels: [], metrics };
    expect(await render([{ name: 'many', collect: () => {}, bulk: () => bulk }])).not.toMatch(/used_bytes|drift_bytes/);
  });

  it('have the samples of a row side by side, in the order in which they were first heard of', async () => {
    const metric = new BulkMetric('gluster_quota_condition', 2);
    metric.set(0, undefined, ',condition="B"');
    metric.set(0, '1', ',condition="A"');
    metric.set(1, '0', ',condition="A"');
    metric.set(1, '1', ',condition="B"');
    const bulk = { rows: 2, prepare: () => {}, labels: ['pv="x"', 'pv="y"'], metrics: [metric] };
    const collector: Collector = { name: 'many', collect: () => {}, bulk: () => bulk };
    const lines = async (): Promise<readonly string[]> =>
      (await render([collector])).match(/^gluster_quota_condition.*$/gm) ?? [];
    expect(await lines()).toEqual([
      'gluster_quota_condition{pv="x",condition="A",volume="pool1"} 1',
      'gluster_quota_condition{pv="y",condition="B",volume="pool1"} 1',
      'gluster_quota_condition{pv="y",condition="A",volume="pool1"} 0',
    ]);
    metric.clear(1);
    expect(await lines()).toHaveLength(1);
  });

  it('fill more than one piece, and lose nothing at its edges', async () => {
    const rows = 5_000;
    const text = await render([many(['gluster_quota_used_bytes'], rows)]);
    expect(text.length).toBeGreaterThan(4 * 65_536);
    const values = [...text.matchAll(/^gluster_quota_used_bytes\{pv="pvc-(\d+)",volume="pool1"\} (\d+)$/gm)];
    expect(values.map(([, row, value]) => [row, value])).toEqual(
      Array.from({ length: rows }, (_, row) => [String(row), String(row)]),
    );
  });

  it('are left out, every one, where a row cannot be read', async () => {
    const collector = many(['gluster_quota_used_bytes', 'gluster_quota_drift_bytes'], 3, (row) => {
      if (row === 1) throw new Error('no');
    });
    const text = await render([collector]);
    expect(namesIn(text)).toEqual(new Set());
    expect(text).toContain('brick_agent_collector_success{collector="many",volume="pool1"} 0');
    expect(text).toContain('brick_agent_scrape_complete{volume="pool1"} 1');
  });

  it('that are not written when the time is over are left out, and the scrape says so', async () => {
    const registry = new MetricsRegistry([many(['gluster_quota_used_bytes'])], {}, silentLog);
    const text = await rendered(registry, { budgetMs: -1 });
    expect([...namesIn(text)]).toEqual([]);
    expect(text).toContain('brick_agent_scrape_complete 0\n');
  });

  it('leave others their turn', async () => {
    const busy = (): void => {
      const until = performance.now() + 1;
      while (performance.now() < until);
    };
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    // 128 rows, between two looks at the clock, are 4 ms of work: all that a slice may take.
    const prepare = (row: number): void => {
      if (row % 32 === 0) busy();
    };
    await render([many(['gluster_quota_used_bytes'], 3_000, prepare)]);
    clearImmediate(next);
    expect(turns).toBeGreaterThan(10);
  });

  it('end with OpenMetrics as it wants it', async () => {
    const registry = new MetricsRegistry([many(['gluster_quota_used_bytes'])], {}, silentLog);
    const text = await rendered(registry, { format: 'openmetrics' });
    expect(text).not.toContain('\n\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
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
    expect(await rendered(registry)).toContain(String.raw`volume="a\"b"`);
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
