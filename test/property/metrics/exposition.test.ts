/** What is written in slices is what Prometheus' own client library writes, whatever tenants call their PVs. */
import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ChunkPool, renderMetric, Slices, type Bulk } from '../../../src/metrics/bulk.ts';
import { Exposition } from '../../../src/metrics/exposition.ts';
import { contentTypeOf, labelText, negotiate, type Format } from '../../../src/metrics/format.ts';
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

/** Byte by byte, as the metrics of many objects are. */
async function ours(format: Format, constant: Record<string, string>, rows: Row[]): Promise<string> {
  const exposition = new Exposition(format, constant);
  const row = (index: number): Row => {
    const found = rows[index];
    if (found === undefined) throw new Error(`no row ${index}`);
    return found;
  };
  const bulk = (name: MetricName, first: string, second: string, value: (row: Row) => number): Bulk => ({
    rows: rows.length,
    prepare: () => undefined,
    label: (index) => labelText([[first, row(index).a]]),
    metrics: [{ name, samples: (index, put) => put(`,${labelText([[second, row(index).b]])}`, value(row(index))) }],
  });
  const chunks: Buffer[] = [];
  for (const some of [
    bulk(GAUGE, 'pv', 'source', ({ value }) => value),
    bulk(COUNTER, 'procedure', 'outcome', ({ value }) => Math.abs(value)),
  ]) {
    for (const metric of some.metrics)
      chunks.push(...(await renderMetric(some, metric, exposition, new Slices(), new ChunkPool())));
  }
  return Buffer.concat(chunks).toString();
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
