import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationPage, metricsPage } from '../../../scripts/docs.ts';
import { configOptions } from '../../../src/agent/config/schema.ts';
import { METRICS } from '../../../src/metrics/names.ts';

const docs = (name: string): string => readFileSync(resolve(import.meta.dirname, '../../../docs', name), 'utf8');

describe('pages made from code', () => {
  it.each([
    ['metrics.md', metricsPage],
    ['configuration.md', configurationPage],
  ])('docs/%s is what `node scripts/docs.ts` makes', (name, page) => {
    expect(docs(name)).toBe(page());
  });

  it('name every metric once', () => {
    const rows = docs('metrics.md').split('\n');
    for (const name of Object.keys(METRICS)) {
      expect(rows.filter((row) => row.startsWith(`| \`${name}\` |`))).toHaveLength(1);
    }
  });

  it('name every option once, with every bar in its text escaped', () => {
    const rows = docs('configuration.md').split('\n');
    for (const { key } of configOptions) {
      const [row, ...others] = rows.filter((line) => line.startsWith(`| \`${key}\` |`));
      expect(others).toEqual([]);
      expect(row?.split(/(?<!\\)\|/)).toHaveLength(7);
    }
  });
});
