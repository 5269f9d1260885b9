/** The whole text of a scrape, as Prometheus gets it. Written anew by `vitest run --project unit test/golden -u`. */
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { METRICS } from '../../src/metrics/names.ts';
import { MetricsRegistry } from '../../src/metrics/registry.ts';
import { rendered } from '../support/scrape.ts';
import { fixedCollectors } from '../support/metric-sources.ts';
import { promtool, skipsPromtool } from '../support/promtool.ts';

async function scrape(): Promise<string> {
  const text = await rendered(new MetricsRegistry(fixedCollectors(), { volume: 'pool1' }, silentLog));
  // How long a collector takes is never the same.
  return text.replaceAll(/^(brick_agent_collector_duration_seconds\{.*\}) .*$/gm, '$1 0.001');
}

describe('the whole scrape', () => {
  it('is what it was', async () => {
    await expect(await scrape()).toMatchFileSnapshot('./metrics.txt');
  });

  it('has every metric of the table, each once and in one block', async () => {
    const announced = [...(await scrape()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(new Set(announced)).toEqual(new Set(Object.keys(METRICS)));
    expect(announced).toHaveLength(Object.keys(METRICS).length);
  });

  it('has no two series of the same name and labels', async () => {
    const series = (await scrape())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(series).size).toBe(series.length);
  });

  it.skipIf(skipsPromtool)('passes promtool check metrics', async () => {
    const { status, output } = promtool(['check', 'metrics'], await scrape());
    expect({ status, output }).toEqual({ status: 0, output: '' });
  });

  it.skipIf(skipsPromtool)('would not pass it with a wrong name', async () => {
    const wrong = (await scrape()).replaceAll('gluster_quota_pvs', 'gluster_quota_pvs_total');
    expect(promtool(['check', 'metrics'], wrong).output).toContain('gluster_quota_pvs_total');
  });
});
