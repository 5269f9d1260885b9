/**
 * What an API server asks of an Event of events.k8s.io/v1: the schema of its OpenAPI document (Kubernetes 1.34, the fields and types only), and the rules of its
 * validation, which the document does not have.
 */
import { Type } from 'typebox';
import { Errors } from 'typebox/value';

const closed = { additionalProperties: false };
/** Go reads a MicroTime with six digits behind the point, and no other number of them. */
const MICRO_TIME = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$' });
const text = Type.Optional(Type.String());
const OBJECT_REFERENCE = Type.Object(
  { apiVersion: text, fieldPath: text, kind: text, name: text, namespace: text, resourceVersion: text, uid: text },
  closed,
);
const SERIES = Type.Object({ count: Type.Integer(), lastObservedTime: MICRO_TIME }, closed);
const METADATA = Type.Object(
  {
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    generateName: text,
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    name: text,
    namespace: text,
  },
  closed,
);
const EVENT = Type.Object(
  {
    action: text,
    apiVersion: text,
    eventTime: MICRO_TIME,
    kind: text,
    metadata: Type.Optional(METADATA),
    note: text,
    reason: text,
    regarding: Type.Optional(OBJECT_REFERENCE),
    related: Type.Optional(OBJECT_REFERENCE),
    reportingController: text,
    reportingInstance: text,
    series: Type.Optional(SERIES),
    type: text,
  },
  closed,
);

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** In bytes. */
const LIMITS = { reportingInstance: 128, action: 128, reason: 128, note: 1024 };

/** Why an API server would refuse to create it; empty: it would not. */
export function refusalsOfEvent(body: unknown, namespace: string): string[] {
  const shape = Errors(EVENT, body).map(({ instancePath, message }) => `${instancePath}: ${message}`);
  if (shape.length > 0) return shape;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was just checked
  const event = body as Record<string, string> & {
    metadata: Record<string, string>;
    regarding: Record<string, string>;
  };
  const problems = refusalsOfSeries('series' in event ? event.series : undefined);
  for (const [field, limit] of Object.entries(LIMITS)) {
    const bytes = Buffer.byteLength(event[field] ?? '');
    if (bytes > limit) problems.push(`${field}: ${bytes} bytes, may have at most ${limit}`);
    if (bytes === 0 && field !== 'note') problems.push(`${field}: required`);
  }
  if (!['Normal', 'Warning'].includes(event['type'] ?? '')) problems.push('type: has invalid value');
  if (!QUALIFIED_NAME.test(event['reportingController'] ?? '')) problems.push('reportingController: no qualified name');
  const { name = '', namespace: own } = event.metadata;
  if (!SUBDOMAIN.test(name) || name.length > 253) problems.push(`metadata.name: ${name} is no DNS subdomain`);
  if (own !== namespace) problems.push('metadata.namespace: not that of the request');
  if (event.regarding['namespace'] !== namespace) problems.push('regarding.namespace: does not match');
  return problems;
}

/** Why an API server would refuse to patch an event so. */
export function refusalsOfPatch(body: unknown): string[] {
  const shape = Errors(Type.Object({ series: SERIES }, closed), body).map(
    ({ instancePath, message }) => `${instancePath}: ${message}`,
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was just checked
  return shape.length > 0 ? shape : refusalsOfSeries((body as { series: unknown }).series);
}

function refusalsOfSeries(series: unknown): string[] {
  if (series === undefined) return [];
  const isSeries = typeof series === 'object' && series !== null && 'count' in series;
  return isSeries && Number(series.count) >= 2 ? [] : ['series.count: should be at least 2'];
}
