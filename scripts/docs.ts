/**
 * Writes the pages that are made from code: docs/metrics.md from the table of metrics, docs/configuration.md from the table of
 * options, docs/openapi.json from the routes, and the tables of docs/probes.md from what tests saw and of docs/events.md from the kinds of Events. A test holds the committed pages to what this makes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configOptions, type ConfigOption } from '../src/agent/config/schema.ts';
import { createApiServer } from '../src/agent/http/api-server.ts';
import { describeRoutes } from '../src/agent/http/openapi.ts';
import { EVENT_KINDS } from '../src/agent/kubernetes/event-kinds.ts';
import { AGENT_VERSION } from '../src/agent/version.ts';
import { METRICS, type MetricSpec } from '../src/metrics/names.ts';
import { FakeServices, silentPino } from '../test/support/fake-api.ts';
import { PROBES, probeRows } from '../test/support/probe-table.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const GENERATED = '<!-- Made by `node scripts/docs.ts`; a change here is lost. -->';

/** By prefix, in the order of the page; the first that fits. */
const SECTIONS: readonly [prefix: string, title: string, text: string][] = [
  ['gluster_brick_', 'Brick', 'The directory, its file system, and the process that serves it.'],
  ['gluster_process_', 'Gluster processes', '`process` is `brick` or `shd`, the self-heal daemon.'],
  [
    'gluster_quota_',
    'Quotas',
    'Bytes are those of this brick unless the text says otherwise: on a Disperse volume a brick carries a part of the limit.',
  ],
  [
    'gluster_heal_',
    'Self-heal',
    'What this brick knows of. A brick that was down knows nothing of what it missed; its peers do.',
  ],
  ['gluster_volfile_', 'Volfiles', 'Outcomes and reasons: [volfiles.md](volfiles.md).'],
  ['gluster_rpc_', 'Calls to brick and self-heal daemon', ''],
  ['brick_agent_', 'The agent', ''],
  ['', "The agent's process", ''],
];

const METRICS_INTRO = `# Metrics

\`GET /metrics\` on the ops listener (\`opsListen\`, default \`0.0.0.0:9745\`), without authentication: OpenMetrics 1.0 to who
asks for it (\`Accept\`), else Prometheus' own text format.

* Base units: bytes, seconds. Only counters end in \`_total\`.
* Every series carries the label \`volume\`, the name of the Gluster volume.
* A value that is not known is left out: there is no 0 or -1 in its place. A PV that is deleted takes its series with it.
* Most is read when it is scraped from what the agent knows already; a scrape waits for no disk and no peer. How old that is,
  \`brick_agent_loop_last_success_timestamp_seconds\` tells. Operations, sizes and clients the brick itself is asked for, when there is a
  scrape, without touching the interval counters that others read (\`peek\`): for a tenth of a second at most, and once it has not
  answered, without waiting until it does. Their series are left out meanwhile, and no others.
* Operations and latencies need \`count-fop-hits\` and \`latency-measurement\` of the brick's io-stats (lint hint VF150); sizes and clients do not.
  A brick tells means, no distributions, so there are no quantiles of latencies. Its counters begin anew with it, as Prometheus expects.
* The claim of a PV (PVC) is not known on a brick: Kadalu's records have name, size and path of the PV and nothing of the claim, and the agent does not
  speak to Kubernetes. Where the quota [was told it](quota.md#the-claim-of-a-pv), it is \`gluster_quota_pv_info{pv,namespace,persistentvolumeclaim}\`, with the label names
  of kube-state-metrics, on every brick that knows. Prometheus puts the namespace of a target in the place of such a label and renames ours \`exported_namespace\`, unless the scrape has
  \`honor_labels: true\` (\`honorLabels\` of a PodMonitor); the rules in \`deploy/prometheus/rules.yaml\` take both, and record \`pv:gluster_quota_pv_info:max{pv,namespace,persistentvolumeclaim}\`,
  one a PV. Of PVs whose quota was told none, kube-state-metrics knows (\`kube_persistentvolume_claim_ref\`, with \`persistentvolume\`, \`claim_namespace\`, \`name\`), and the rules
  record, where it runs, \`pv:kube_persistentvolume_claim_ref:max{pv,namespace,persistentvolumeclaim}\` for the PVs of Gluster. With both they record
  \`volume_pv_claim:gluster_quota_used:ratio_max\`. Any other series is joined in the same way, with one of the two or with both:
  \`gluster_quota_used_bytes * on (pv) group_left (namespace, persistentvolumeclaim) (pv:gluster_quota_pv_info:max or on (pv) pv:kube_persistentvolume_claim_ref:max)\`
* PV names are labels. A PV with a limit takes about a dozen series; \`metricsMaxPvs\` bounds how many PVs have them, and
  \`gluster_quota_pvs_left_out\` tells how many have not.
* The metrics of PVs come after all others, in slices that leave room for probes, within 80 % of the time that Prometheus gives
  (\`X-Prometheus-Scrape-Timeout-Seconds\`); what is not written by then is left out, and \`brick_agent_scrape_complete\` is 0. More than
  four scrapes at a time are refused (503).
`;

export function metricsPage(): string {
  const rows = new Map(SECTIONS.map(([prefix]) => [prefix, [] as string[]]));
  for (const [name, spec] of Object.entries(METRICS)) {
    const section = SECTIONS.find(([prefix]) => name.startsWith(prefix));
    rows.get(section?.[0] ?? '')?.push(metricRow(name, spec));
  }
  const sections = SECTIONS.map(([prefix, title, text]) =>
    [
      `## ${title}`,
      ...(text === '' ? [] : [text]),
      table(['metric', 'type', 'labels', 'meaning'], rows.get(prefix) ?? []),
    ].join('\n\n'),
  );
  return `${[METRICS_INTRO.trimEnd(), GENERATED, ...sections].join('\n\n')}\n`;
}

const CONFIGURATION_INTRO = `# Configuration

A value is looked for in this order: flag, environment, configuration file (\`--config\` or \`BRICK_AGENT_CONFIG\`, YAML or JSON, by key), default. The names that Kadalu's
server pod carries, or every pod, already work as they are; they stand in brackets. An empty variable counts as not set.

A wrong value or an unknown key in the file stops the start with exit code 2 and a line that names the key, where the value came from and what is expected.
\`brick-agent config --schema\` prints the JSON schema, \`brick-agent run --help\` the same table as here.
`;

export function configurationPage(): string {
  const rows = configOptions.map(optionRow);
  const head = ['key', 'flag', 'environment', 'default', 'meaning'];
  return `${[CONFIGURATION_INTRO.trimEnd(), GENERATED, table(head, rows)].join('\n\n')}\n`;
}

const PROBES_BEGIN =
  '<!-- The table is made by `node scripts/docs.ts` of what the tests saw; a change here is lost. -->';
const EVENTS_BEGIN =
  '<!-- The table is made by `node scripts/docs.ts` from the table in the code; a change here is lost. -->';
const TABLE_ENDS = '<!-- The end of what is made. -->';

/** The page as it stands, with the table made anew. */
function withTable(file: string, begins: string, made: string): string {
  const page = readFileSync(join(PROJECT, file), 'utf8');
  const [before, after] = [page.indexOf(begins), page.indexOf(TABLE_ENDS)];
  if (before < 0 || after < before) throw new Error(`${file} has no place for the table`);
  return `${page.slice(0, before)}${begins}\n\n${made}\n\n${page.slice(after)}`;
}

export function probesPage(): string {
  const made = table(['state', ...PROBES.map(code)], probeRows().map(row));
  return withTable('docs/probes.md', PROBES_BEGIN, made);
}

export function eventsPage(): string {
  const rows = Object.entries(EVENT_KINDS).map(([reason, { duty, type, action, when }]) =>
    row([code(reason), type, code(action), duty, when]),
  );
  return withTable('docs/events.md', EVENTS_BEGIN, table(['reason', 'type', 'action', 'duty', 'when'], rows));
}

/** The routes as they are served; what is behind them does not matter. */
export async function openapi(): Promise<string> {
  const services = new FakeServices();
  const server = await createApiServer({
    services,
    log: silentPino,
    version: AGENT_VERSION,
    token: undefined,
    describe: describeRoutes,
  });
  try {
    return `${JSON.stringify(server.swagger(), null, 2)}\n`;
  } finally {
    await server.close();
  }
}

function metricRow(name: string, { type, labels, help }: MetricSpec): string {
  return row([code(name), type, labels.map(code).join(', '), help]);
}

function optionRow({ key, flag, env, kadaluEnv, placeholder, byDefault, required, description }: ConfigOption): string {
  const names = kadaluEnv === undefined ? code(env) : `${code(env)} (${code(kadaluEnv)})`;
  const shown = byDefault === undefined ? (required ? '**required**' : '') : code(String(byDefault));
  return row([code(key), code(`${flag} <${placeholder}>`), names, shown, description]);
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), `|${head.map(() => '---').join('|')}|`, ...rows].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) {
  writeFileSync(join(PROJECT, 'docs/metrics.md'), metricsPage());
  writeFileSync(join(PROJECT, 'docs/configuration.md'), configurationPage());
  writeFileSync(join(PROJECT, 'docs/probes.md'), probesPage());
  writeFileSync(join(PROJECT, 'docs/events.md'), eventsPage());
  writeFileSync(join(PROJECT, 'docs/openapi.json'), await openapi());
}
