import { describe, expect, it } from 'vitest';
import { Exposition } from '../../../src/metrics/exposition.ts';
import { boundText, headLines, labelText, negotiate, valueText } from '../../../src/metrics/format.ts';

describe('negotiate', () => {
  it.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    // Prometheus 2.42, as it comes.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    // Prometheus 3 that was told to prefer the text.
    ['text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1', 'text'],
    ['application/openmetrics-text; version=0.0.1', 'text'],
    ['application/openmetrics-text; version="1.0.0"; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=x', 'text'],
    ['APPLICATION/OPENMETRICS-TEXT', 'openmetrics'],
    [`${'a/b,'.repeat(50)}application/openmetrics-text`, 'text'],
  ] as const)('%s: %s', (accept, format) => {
    expect(negotiate(accept)).toBe(format);
  });
});

describe('lines', () => {
  it('of OpenMetrics name a counter without _total in its head', () => {
    const spec = { type: 'counter', help: 'X.', labels: [] } as const;
    expect(headLines('a_total', spec, 'openmetrics')).toBe('# HELP a X.\n# TYPE a counter\n');
    expect(headLines('a_total', spec, 'text')).toBe('# HELP a_total X.\n# TYPE a_total counter\n');
  });

  it('have bounds that are floats', () => {
    expect([511, 0.5, 1e21].map(boundText)).toEqual(['511.0', '0.5', '1e+21']);
  });

  it.each([
    [0, '0'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
    [1.5e-7, '1.5e-7'],
  ])('%d is written as %s', (value, text) => {
    expect(valueText(value)).toBe(text);
  });

  it('have labels escaped, as bytes of UTF-8', () => {
    expect(labelText([['pv', 'a"\\\nü']])).toBe(String.raw`pv="a\"\\\n${'Ã¼'}"`);
    expect(
      labelText([
        ['a', ''],
        ['b', ''],
      ]),
    ).toBe('a="",b=""');
  });

  it('of OpenMetrics have no empty line between metrics', async () => {
    const exposition = new Exposition('openmetrics', {});
    exposition.add('gluster_brick_up', {}, 1);
    exposition.add('gluster_brick_hung', {}, 0);
    const text = await exposition.text();
    expect(text).not.toContain('\n\n');
    expect(text).toMatch(/^gluster_brick_up 1$/m);
  });
});
