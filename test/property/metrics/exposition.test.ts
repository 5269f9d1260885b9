/** What is written in slices is what Prometheus' own client library writes, whatever tenants call their PVs. */
import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { BulkMetric, renderMetric, Slices } from '../../../src/metrics/bulk.ts';
import { Exposition } from '../../../src/metrics/exposition.ts';
import { contentTypeOf, labelText, negotiate, valueText, type Format } from '../../../src/metrics/format.ts';
import type { MetricName } from '../../../src/metrics/names.ts';

const GAUGE = 'gluster_quota_limit_bytes';
const COUNTER = 'gluster_rpc_calls_total';

const word = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 12 }));
// The library takes nothing infinite for a counter.
const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.maxSafeNat());
const samples = fc.uniqueArray(fc.record({ a: word, b: word, value }), {
  maxLength: 8,
  selector: ({ a, b }) => JSON.stringify([Buffer.from(a).toString(), Buffer.from(b).toString()]),
});

type Row = { a: string; b: string; value: number };

/** By the client library. */
async function oracle(format: Format, constant: Record<string, string>, rows: Row[]): Promise<string> {
  const exposition = new Exposition(format, constant);
  for (const { a, b, value } of rows) {
    exposition.add(GAUGE, { pv: a, source: b }, value);
    exposition.add(COUNTER, { procedure: a, outcome: b }, Math.abs(value));
  }
  return await exposition.text();
}

/** In slices, as the metrics of many objects are. */
async function ours(format: Format, constant: Record<string, string>, rows: Row[]): Promise<string> {
  const exposition = new Exposition(format, constant);
  const write = async (name: MetricName, first: string, second: string, values: number[]): Promise<string> => {
    const metric = new BulkMetric(name, rows.length);
    for (const [row, { b }] of rows.entries()) {
      metric.set(row, valueText(values[row] ?? Number.NaN), `,${labelText([[second, b]])}`);
    }
    const labels = rows.map(({ a }) => labelText([[first, a]]));
    const bulk = { rows: rows.length, prepare: () => {}, labels, metrics: [metric] };
    let text = '';
    for await (const piece of renderMetric(bulk, metric, exposition, new Slices())) text += piece;
    return text;
  };
  const values = rows.map(({ value }) => value);
  const latin1 =
    (await write(GAUGE, 'pv', 'source', values)) + (await write(COUNTER, 'procedure', 'outcome', values.map(Math.abs)));
  return Buffer.from(latin1, 'latin1').toString();
}

/** Blocks of a metric, each with its lines: their order and the blank lines between them are of no account. */
function blocks(text: string): string[] {
  return text
    .split(/^(?=# HELP )/m)
    .map((block) => block.replace(/# EOF\n$/, '').trimEnd())
    .filter((block) => block.split('\n').length > 2)
    .toSorted();
}

describe.each(['text', 'openmetrics'] as const)('as %s', (format) => {
  it('what is written is what the client library writes', async () => {
    await fc.assert(
      fc.asyncProperty(samples, word, async (rows, volume) => {
        expect(blocks(await ours(format, { volume }, rows))).toEqual(blocks(await oracle(format, { volume }, rows)));
      }),
      { numRuns: 500, examples: [[[{ a: 'a"\\\n}ü', b: '\u{2028}', value: 1e21 }], 'pool"1']] },
    );
  });

  it('no label starts a line of its own', async () => {
    await fc.assert(
      fc.asyncProperty(samples, async (rows) => {
        const lines = (await ours(format, {}, rows))
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('# '));
        expect(lines).toHaveLength(rows.length * 2);
      }),
    );
  });
});

describe('the content type', () => {
  it('is the one that the client library announces', () => {
    expect(contentTypeOf('text')).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
    expect(contentTypeOf('openmetrics')).toBe(Registry.OPENMETRICS_CONTENT_TYPE);
  });

  it('is told for any Accept header', () => {
    fc.assert(
      fc.property(fc.string(), (accept) => {
        expect(['text', 'openmetrics']).toContain(negotiate(accept));
      }),
    );
  });
});
