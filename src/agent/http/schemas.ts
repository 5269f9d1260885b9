import { Type, type Static } from 'typebox';

/** What the API says and takes, in one place; the OpenAPI document is made from it. Byte counts are decimal strings. */

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Bytes = Type.String({
  pattern: '^(0|[1-9][0-9]{0,18})$',
  description: 'Bytes, decimal.',
  examples: ['10737418240'],
});
const Time = Type.String({ description: 'ISO 8601 time.' });

export const conditionSchema = Type.Object({
  type: Type.String(),
  status: Type.Enum(['True', 'False', 'Unknown']),
  reason: Type.String({ description: 'One CamelCase word for programs.' }),
  message: Type.String({ description: 'One sentence for people, with the remedy where there is one.' }),
  observedGeneration: Type.Integer(),
  lastTransitionTime: Time,
});

export const problemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    reason: Type.String({ description: 'Stable word for programs, e.g. BrickFenced.' }),
    detail: Type.String(),
    instance: Type.String({ description: 'Id of the request, as in the log.' }),
  },
  { description: 'RFC 9457 problem details, served as application/problem+json.' },
);

export const versionSchema = Type.Object({
  version: Type.String(),
  apiVersion: Type.Literal('v1'),
  gluster: Nullable(
    Type.String({ description: 'Major version of the brick process: "10" or "11"; null while unknown.' }),
  ),
  capabilities: Type.Array(Type.String()),
});

export const quotaViewSchema = Type.Object({
  pv: Type.String(),
  path: Type.String({ description: 'Directory below the brick root.' }),
  spec: Type.Object({
    limitBytes: Nullable(Bytes),
    source: Nullable(Type.Enum(['Api', 'Kadalu', 'Disk'])),
  }),
  status: Type.Object({
    gfid: Nullable(Type.String()),
    brickLimitBytes: Nullable(Bytes),
    onDiskLimitBytes: Nullable(Bytes),
    liveLimitBytes: Nullable(Bytes),
    usedBytes: Nullable(Bytes),
    observedGeneration: Type.Integer(),
    conditions: Type.Array(conditionSchema),
  }),
});

export const quotaListSchema = Type.Object({
  items: Type.Array(quotaViewSchema),
  refused: Type.Array(Type.Object({ file: Type.String(), reason: Type.String() })),
  synced: Type.Boolean({ description: 'False until the first whole pass after start: the list is not complete.' }),
});

export const quotaPutSchema = Type.Object(
  {
    limitBytes: Type.String({
      minLength: 1,
      maxLength: 32,
      description: 'Bytes of the volume, decimal, or a quantity such as 10Gi.',
      examples: ['10737418240', '10Gi'],
    }),
  },
  { additionalProperties: false },
);

export const pvParamsSchema = Type.Object({
  pv: Type.String({ minLength: 1, maxLength: 255, description: 'Name of the PV, e.g. pvc-….' }),
});

export type QuotaList = Static<typeof quotaListSchema>;
export type Problem = Static<typeof problemSchema>;
export type VersionView = Static<typeof versionSchema>;
