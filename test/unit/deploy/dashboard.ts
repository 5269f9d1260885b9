/** The dashboards, parsed as far as the tests ask: of all volumes, and of one volume and its bricks. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

const FOLDER = resolve(import.meta.dirname, '../../../deploy/grafana');

const panelSchema = Type.Object({
  id: Type.Integer(),
  title: Type.String(),
  type: Type.String(),
  description: Type.Optional(Type.String()),
  gridPos: Type.Object({ x: Type.Integer(), y: Type.Integer(), w: Type.Integer(), h: Type.Integer() }),
  fieldConfig: Type.Optional(Type.Object({ defaults: Type.Object({ unit: Type.String() }) })),
  targets: Type.Optional(Type.Array(Type.Object({ expr: Type.String(), refId: Type.String() }))),
  links: Type.Optional(Type.Array(Type.Object({ url: Type.String() }))),
});

const dashboardSchema = Type.Object({
  uid: Type.String(),
  panels: Type.Array(panelSchema),
  templating: Type.Object({ list: Type.Array(Type.Object({ name: Type.String() })) }),
  links: Type.Array(Type.Object({ url: Type.String() })),
  annotations: Type.Object({ list: Type.Array(Type.Object({ expr: Type.String() })) }),
});

export type Dashboard = Static<typeof dashboardSchema>;

/** By the name of their file. */
export const DASHBOARDS = { fleet: dashboard('fleet'), bricks: dashboard('bricks') };

function dashboard(name: string): Dashboard {
  return Value.Parse(dashboardSchema, JSON.parse(readFileSync(resolve(FOLDER, `${name}.json`), 'utf8')));
}

/** An expression as Grafana sends it. */
export function filledIn(expression: string, volume = 'pool1', brick = '.*'): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll('$volume', volume).replaceAll('$brick', brick);
}

export function queries({ panels, annotations }: Dashboard): { panel: string; expr: string }[] {
  const ofPanels = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ panel: title, expr })));
  return [...ofPanels, ...annotations.list.map(({ expr }) => ({ panel: 'annotation', expr }))];
}
