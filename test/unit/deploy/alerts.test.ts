/** The alerting rules: that they are right is promtool's business, that they speak of what there is is ours. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricNames, seriesNames } from '../../support/promql.ts';
import { promtool, skipsPromtool } from '../../support/promtool.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const RULES = 'deploy/prometheus/rules.yaml';
const TESTS = 'deploy/prometheus/rules.test.yaml';
/** Evaluates eight hours of all rules, and some longer tests. */
const PROMTOOL_TIMEOUT_MS = 120_000;
/** Prometheus's own, one for each target, and what kube-state-metrics tells. */
const FOREIGN_METRICS = ['up', 'kube_persistentvolume_claim_ref'];

const ruleSchema = Type.Object({
  record: Type.Optional(Type.String()),
  alert: Type.Optional(Type.String()),
  expr: Type.String(),
  for: Type.Optional(Type.String()),
  labels: Type.Optional(
    Type.Object({ severity: Type.Enum(['critical', 'warning', 'info']) }, { additionalProperties: false }),
  ),
  annotations: Type.Optional(
    Type.Object(
      { summary: Type.String(), description: Type.String(), runbook_url: Type.String() },
      { additionalProperties: false },
    ),
  ),
});
const fileSchema = Type.Object({
  groups: Type.Array(Type.Object({ name: Type.String(), rules: Type.Array(ruleSchema) })),
});

function read(path: string): string {
  return readFileSync(resolve(PROJECT, path), 'utf8');
}

const expressionTestSchema = Type.Object({
  expr: Type.String(),
  exp_samples: Type.Optional(Type.Array(Type.Object({ labels: Type.String() }))),
});
type ExpressionTest = Static<typeof expressionTestSchema>;
const testsSchema = Type.Object({
  tests: Type.Array(Type.Object({ promql_expr_test: Type.Optional(Type.Array(expressionTestSchema)) })),
});

const tests = Value.Parse(testsSchema, parse(read(TESTS))).tests.map((test) => test.promql_expr_test ?? []);
const rules = Value.Parse(fileSchema, parse(read(RULES))).groups.flatMap((group) => group.rules);
type Rule = Static<typeof ruleSchema>;
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
const recorded = rules.flatMap(({ record }) => (record === undefined ? [] : [record]));

describe('the rules', () => {
  it.skipIf(skipsPromtool)('pass promtool', () => {
    const { status, output } = promtool(['check', 'rules', '--lint=all', '--lint-fatal', resolve(PROJECT, RULES)]);
    expect({ status, output }).toMatchObject({ status: 0 });
  });

  it.skipIf(skipsPromtool)(
    'fire and do not fire when they should',
    () => {
      const { status, output } = promtool(['test', 'rules', resolve(PROJECT, TESTS)]);
      expect({ status, output }).toMatchObject({ status: 0 });
    },
    PROMTOOL_TIMEOUT_MS,
  );

  it('use only metrics that there are', () => {
    const known = new Set<string>([...seriesNames(), ...recorded, ...FOREIGN_METRICS]);
    const used = rules.flatMap(({ expr }) => metricNames(expr));
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    expect(used).toContain('gluster_heal_state');
  });

  it('record under names of the form level:metric:operation', () => {
    expect(recorded.filter((name) => !/^[a-z_]+:[a-z_]+:[a-z_]+$/.test(name))).toEqual([]);
  });

  it('have a name of their own each', () => {
    const names = [...alerts.map(({ alert }) => alert), ...recorded];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('each alert', () => {
  it.each(alerts)('$alert has a severity, words and its section of the runbook', ({ alert, labels, annotations }) => {
    expect(labels?.severity).toBeDefined();
    expect(annotations?.summary).toMatch(/\{\{.*\}\}.*\.$/);
    expect(annotations?.description.length).toBeGreaterThan(40);
    expect(annotations?.runbook_url.endsWith(`/runbook.md#${alert.toLowerCase()}`)).toBe(true);
  });

  it.each(alerts)('$alert is seen firing in a test, and not firing in the same', ({ alert }) => {
    const fires = ({ exp_samples: samples = [] }: ExpressionTest): boolean =>
      samples.some(({ labels }) => labels.includes(`alertname="${alert}"`));
    const firing = tests.filter((test) => test.some(fires));
    expect(firing.length).toBeGreaterThan(0);
    const isAsked = ({ expr }: ExpressionTest): boolean => expr.includes('ALERTS{');
    for (const test of firing) expect(test.some((one) => isAsked(one) && !fires(one))).toBe(true);
  });
});

describe('the runbook', () => {
  const sections = read('docs/runbook.md').split(/^## /m).slice(1);

  it('has a section for each alert, and none for what is none', () => {
    const titles = sections.map((section) => section.split('\n')[0]);
    expect(new Set(titles)).toEqual(new Set(alerts.map(({ alert }) => alert)));
    expect(titles.length).toBe(alerts.length);
  });

  it('goes from what is seen to what to do, in each', () => {
    for (const section of sections) expect(section).toMatch(/\*\*Seen:\*\*[^]+\*\*Ask:\*\*[^]+\*\*Do[:*]/);
  });

  it('links to what is there', () => {
    const anchors = new Set(alerts.map(({ alert }) => alert.toLowerCase()));
    const links = [...read('docs/runbook.md').matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
