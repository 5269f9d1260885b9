/** The dashboards ask for what there is, and ask it so that Prometheus understands. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { metricNames, seriesNames } from '../../support/promql.ts';
import { promtool, skipsPromtool } from '../../support/promtool.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { DASHBOARDS, filledIn, queries, type Dashboard } from './dashboard.ts';

const GRID_WIDTH = 24;
const RUNBOOK = readFileSync(resolve(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
const ALL = Object.entries(DASHBOARDS).map(([name, dashboard]) => ({ name, dashboard }));

describe.each(ALL)('the queries of $name', ({ name, dashboard }) => {
  it('use only metrics that there are', () => {
    const known = new Set<string>([...seriesNames(), 'ALERTS']);
    const used = queries(dashboard).flatMap(({ expr }) => metricNames(filledIn(expr)));
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(used).size).toBeGreaterThan(15);
  });

  it.skipIf(skipsPromtool)('are understood by Prometheus', () => {
    using directory = new TemporaryDirectory('dashboard');
    const rules = queries(dashboard).map(({ expr }, index) => ({
      record: `panel:query:n${index}`,
      expr: filledIn(expr),
    }));
    const check = (extra: { record: string; expr: string }[]) => {
      const text = stringify({ groups: [{ name: 'dashboard', rules: [...rules, ...extra] }] });
      return promtool(['check', 'rules', directory.write('rules.yaml', text)]);
    };
    expect(check([])).toMatchObject({ status: 0 });
    expect(check([{ record: 'a:b:c', expr: 'sum(' }]).status).not.toBe(0);
  });

  it('leave no variable unfilled, and every variable of ours is used', () => {
    const all = queries(dashboard)
      .map(({ expr }) => expr)
      .join('\n');
    // What label_replace has found is no variable of Grafana's.
    expect(filledIn(all).replaceAll('"$1"', '')).not.toContain('$');
    for (const { name } of dashboard.templating.list.filter((variable) => variable.name !== 'datasource')) {
      expect(all).toContain(`$${name}`);
    }
  });

  it('are all of the volumes that were chosen', () => {
    const chosen = name === 'fleet' ? 'volume=~"$volume"' : 'volume="$volume"';
    for (const { expr } of queries(dashboard)) {
      for (const [, labels = ''] of expr.matchAll(/\{([^}]*)\}/g)) expect(labels, expr).toContain(chosen);
      expect(expr).toContain(chosen);
    }
  });
});

describe.each(ALL)('each panel of $name', ({ dashboard }) => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

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
    expect(links.length).toBeGreaterThan(panels.length / 2);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});

it('each dashboard leads to the other', () => {
  const { fleet, bricks } = DASHBOARDS;
  expect(new Set([fleet.uid, bricks.uid]).size).toBe(2);
  const leads = (from: Dashboard): string[] => JSON.stringify(from).match(/(?<="\/d\/)[\w-]+/g) ?? [];
  expect(leads(fleet)).toContain(bricks.uid);
  expect(leads(bricks)).toContain(fleet.uid);
});
