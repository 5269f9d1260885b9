import { readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationPage, eventsPage, metricsPage, probesPage } from '../../../scripts/docs.ts';
import { configOptions } from '../../../src/agent/config/schema.ts';
import { METRICS } from '../../../src/metrics/names.ts';
import { PROBES, recordOf, STATES } from '../../support/probe-table.ts';

const docs = (name: string): string => readFileSync(resolve(import.meta.dirname, '../../../docs', name), 'utf8');

describe('pages made from code', () => {
  it.each([
    ['metrics.md', metricsPage],
    ['configuration.md', configurationPage],
    ['probes.md', probesPage],
    ['events.md', eventsPage],
  ])('docs/%s is what `node scripts/docs.ts` makes', (name, page) => {
    expect(docs(name)).toBe(page());
  });

  it('have a row for each state of which a test writes down what the probes say, and no other', () => {
    const tests = ['probes', 'probes-disk'].map((name) =>
      readFileSync(resolve(import.meta.dirname, `../../integration/${name}.test.ts`), 'utf8'),
    );
    const seen = tests.flatMap((text) =>
      [...text.matchAll(/(?:expectRecorded|becomes|stays)\('([^']+)'/g)].map(([, state]) => state),
    );
    expect(new Set(STATES)).toEqual(new Set(seen));
    const files = readdirSync(resolve(import.meta.dirname, '../../golden/probes'));
    expect(new Set(files)).toEqual(new Set(STATES.map((state) => basename(recordOf(state)))));
    for (const state of STATES) expect(docs('probes.md')).toMatch(`| ${state} |`);
    const rows = new RegExp(String.raw`^(\| [^|]+){${PROBES.length + 1}}\|$`, 'gm');
    expect(docs('probes.md').match(rows)).toHaveLength(STATES.length + 1);
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
