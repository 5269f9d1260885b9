/** The dashboard asks for what there is, and asks it so that Prometheus understands. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { metricNames, seriesNames } from '../../support/promql.ts';
import { promtool, skipsPromtool } from '../../support/promtool.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { dashboard, filledIn, queries } from './dashboard.ts';

const GRID_WIDTH = 24;
const RUNBOOK = readFileSync(resolve(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

describe('the queries', () => {
  it('use only metrics that there are', () => {
    const known = new Set<string>([...seriesNames(), 'ALERTS']);
    const used = queries().flatMap(({ expr }) => metricNames(filledIn(expr)));
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(used).size).toBeGreaterThan(20);
  });

  it.skipIf(skipsPromtool)('are understood by Prometheus', () => {
    using directory = new TemporaryDirectory('dashboard');
    const rules = queries().map(({ expr }, index) => ({ record: `panel:query:n${index}`, expr: filledIn(expr) }));
    const check = (extra: { record: string; expr: string }[]) => {
      const text = stringify({ groups: [{ name: 'dashboard', rules: [...rules, ...extra] }] });
      return promtool(['check', 'rules', directory.write('rules.yaml', text)]);
    };
    expect(check([])).toMatchObject({ status: 0 });
    expect(check([{ record: 'a:b:c', expr: 'sum(' }]).status).not.toBe(0);
  });

  it('leave no variable unfilled, and every variable of ours is used', () => {
    const all = queries()
      .map(({ expr }) => expr)
      .join('\n');
    expect(filledIn(all)).not.toContain('$');
    for (const { name } of dashboard.templating.list.filter((variable) => variable.name !== 'datasource')) {
      expect(all).toContain(`$${name}`);
    }
  });

  it('are all of one volume', () => {
    expect(queries().filter(({ expr }) => !expr.includes('volume="$volume"'))).toEqual([]);
  });
});

describe('each panel', () => {
  it.each(panels)('"$title" has a unit, words and a query', ({ fieldConfig, description, targets }) => {
    expect(fieldConfig?.defaults.unit).toBeDefined();
    expect(description?.length).toBeGreaterThan(5);
    expect(targets?.length).toBeGreaterThan(0);
  });

  it('has an id and a place of its own', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(GRID_WIDTH);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`), `${title} at ${x},${y}`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it('links to sections of the runbook that there are', () => {
    const anchors = new Set([...RUNBOOK.matchAll(/^## (\w+)$/gm)].map(([, title = '']) => title.toLowerCase()));
    const links = panels.flatMap((panel) => panel.links ?? []).map(({ url }) => url.split('#')[1] ?? '');
    expect(links.length).toBeGreaterThan(15);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
