import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../src/volfile/lint/catalogue.ts';
import { RULES } from '../../../src/volfile/lint/lint.ts';
import { BROKEN_SAMPLES } from './samples.ts';

const DOC = readFileSync(join(import.meta.dirname, '../../../docs/volfiles.md'), 'utf8');

/** Ids of the tables, with their severity. */
function documented(): Map<string, string> {
  const rows = DOC.matchAll(/^\| (VF\d{3}) \| (\w+) \|/gm);
  return new Map([...rows].map((row) => [row[1] ?? '', row[2] ?? '']));
}

describe('docs/volfiles.md', () => {
  it('has every rule of the linter with its severity, and no other', () => {
    const rules = new Map(RULES.map(({ id, severity }): [string, string] => [id, severity]));
    for (const [id, severity] of rules) expect([id, documented().get(id)]).toEqual([id, severity]);
    const others = [...documented().keys()].filter((id) => !rules.has(id));
    expect(others).toEqual(['VF001', 'VF002', 'VF003', 'VF004', 'VF005', 'VF006', 'VF007', 'VF008']);
  });

  it('has the ids and severities of the catalogue, in its order', () => {
    expect(catalogue().map(({ id, severity }) => [id, severity])).toEqual([...documented()]);
  });

  it('has the heading of each catalogue entry', () => {
    const anchors = [...DOC.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'));
    for (const { help } of catalogue()) expect(anchors.map((anchor) => `docs/volfiles.md#${anchor}`)).toContain(help);
  });

  it('has every id that the parser gives to a broken sample', () => {
    for (const name of BROKEN_SAMPLES) expect([...documented().keys()]).toContain(name.slice(0, 5));
  });

  it('has every reason of an outcome', () => {
    const source = readFileSync(join(import.meta.dirname, '../../../src/volfile/status.ts'), 'utf8');
    const union = source.slice(source.indexOf('export type Reason'), source.indexOf('export interface OutcomeRecord'));
    const reasons = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
    expect(reasons.length).toBeGreaterThan(20);
    for (const reason of reasons) expect(DOC).toContain(reason);
  });
});
