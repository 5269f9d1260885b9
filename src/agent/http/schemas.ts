import { Type, type Static, type TSchema } from 'typebox';

/** What the API says and takes, in one place; the OpenAPI document is made from it. Byte counts are decimal strings. */

/**
 * The schema or null, in one `type` and not as a union: of a union, the serializer must find the member that fits, and one odd
 * value that fits none would fail the whole answer.
 */
export const Nullable = <T extends TSchema>(schema: T) => Type.Unsafe<Static<T> | null>(withNull(schema));
const withNull = (schema: TSchema & { type?: unknown; enum?: readonly unknown[] }): TSchema => ({
  ...schema,
  ...(schema.type === undefined ? {} : { type: [schema.type, 'null'] }),
  ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
});
const Bytes = Type.String({
  pattern: '^(0|[1-9][0-9]{0,18})$',
  description: 'Bytes, decimal.',
  examples: ['10737418240'],
});
const SignedBytes = Type.String({ pattern: '^(0|-?[1-9][0-9]{0,18})$', description: 'Bytes, decimal.' });
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

const limitSourceSchema = Type.Enum(['Api', 'Peer', 'File', 'Kadalu', 'Disk']);

export const usageSchema = Type.Object(
  {
    bytes: Nullable(Bytes),
    source: Type.Enum(['Scan', 'ScanPlusCounter', 'CounterOnly', 'Unknown']),
    scannedBytes: Nullable(Bytes),
    scannedAt: Nullable(Time),
    files: Nullable(Type.Integer({ minimum: 0 })),
    counterBytes: Nullable(SignedBytes),
    driftBytes: Nullable(SignedBytes),
  },
  {
    description:
      "What a PV occupies on this brick, as du counts: the last scan, and the change of the brick's own counter since. driftBytes: the counter minus what it should have been at the scan.",
  },
);

export const repairSchema = Type.Object(
  {
    state: Type.Enum(['Confirming', 'Waiting', 'Refused', 'Repaired', 'Nothing', 'Failed']),
    reason: Type.String({ description: 'One CamelCase word for programs.' }),
    message: Type.String(),
    at: Time,
    shiftedBytes: Nullable(SignedBytes),
    requested: Type.Boolean({ description: 'Somebody asked for it, and it is not done.' }),
  },
  {
    description:
      "What became of a drift of the brick's counter. shiftedBytes: what was added to the counter; null: it was not touched.",
  },
);

export const volumeUsageSchema = Type.Object(
  {
    state: Type.Enum(['Sum', 'Stale', 'Incomplete', 'Unknown']),
    usedBytes: Nullable(Bytes),
    ageSeconds: Nullable(Type.Integer({ minimum: 0, description: 'Of the oldest part.' })),
    message: Type.String(),
    parts: Type.Array(
      Type.Object({
        subvolume: Type.Integer({ minimum: 0 }),
        usedBytes: Bytes,
        ageSeconds: Type.Integer({ minimum: 0 }),
        agent: Type.String({ description: 'Address of the agent that has told it.' }),
      }),
      { description: 'What each other subvolume has told last, of its fullest brick.' },
    ),
    silent: Type.Array(
      Type.Object({
        agent: Type.String(),
        subvolume: Nullable(Type.Integer({ minimum: 0, description: 'Null: it has never answered.' })),
        message: Type.String(),
      }),
      { description: 'Of Stale and Incomplete: the peers for want of whose word it is that.' },
    ),
  },
  {
    description:
      "What the PV uses on all subvolumes of a distributed volume, by the bricks' own counts, as this brick goes by it. Stale: a part is the last word of agents that are silent. Incomplete: a subvolume has never told, and the limit holds without it.",
  },
);

export const adoptionSchema = Type.Object(
  {
    pv: Type.String(),
    state: Type.Enum(['Pending', 'Running', 'Waiting', 'Succeeded', 'Failed']),
    step: Type.Enum(['Queued', 'Checking', 'Directories', 'Files', 'Done']),
    message: Type.String(),
    startedAt: Time,
    finishedAt: Nullable(Time),
    directories: Type.Integer({ minimum: 0, description: 'Put in their place, on all bricks of the set together.' }),
    wrong: Nullable(
      Type.Integer({ minimum: 0, description: 'Files and directories that are still outside, as last audited.' }),
    ),
    againAt: Nullable(
      Type.String({ format: 'date-time', description: 'When it is tried again by itself, at the earliest.' }),
    ),
  },
  { description: 'How far the running bricks are with taking a PV into their count as a whole.' },
);

/** What else is wrong with one, its reader tells in words. */
const claimSchema = Type.Object(
  {
    namespace: Type.String({ description: 'A label of RFC 1123, at most 63 characters.' }),
    name: Type.String({ description: 'A subdomain of RFC 1123, at most 253 characters.' }),
  },
  { description: 'The PersistentVolumeClaim that the PV is of, as somebody has told; no brick knows it.' },
);

export const quotaViewSchema = Type.Object({
  pv: Type.String(),
  path: Type.String({ description: 'Directory below the brick root.' }),
  spec: Type.Object({
    limitBytes: Nullable(Bytes),
    source: Nullable(limitSourceSchema),
    sources: Type.Array(
      Type.Object({
        source: limitSourceSchema,
        limitBytes: Bytes,
        peer: Nullable(
          Type.Object(
            {
              source: Type.Enum(['Api', 'File', 'Kadalu']),
              agents: Type.Array(
                Type.Object({
                  address: Type.String(),
                  error: Nullable(Type.String({ description: 'Why it does not answer now; its last word counts.' })),
                }),
              ),
            },
            { description: 'Of the source Peer: the agents that want it, and where they have it from.' },
          ),
        ),
      }),
      { description: 'Every source that has an opinion, the one that counts first.' },
    ),
    claim: Nullable(claimSchema),
  }),
  status: Type.Object({
    gfid: Nullable(Type.String()),
    brickLimitBytes: Nullable(Bytes),
    onDiskLimitBytes: Nullable(Bytes),
    liveLimitBytes: Nullable(Bytes),
    usedBytes: Nullable(Bytes),
    usage: usageSchema,
    volumeUsage: Nullable(volumeUsageSchema),
    repair: Nullable(repairSchema),
    adoption: Nullable(adoptionSchema),
    refusedWrites: Type.Object(
      { lastAt: Nullable(Type.String({ format: 'date-time' })), since: Nullable(Type.String({ format: 'date-time' })) },
      {
        description:
          'Writes that the running brick refused for want of quota (EDQUOT), as its log tells. lastAt: the last one in this PV; null: none is known. since: since when each would be known, at least for files that are still there; null: the log cannot be read.',
      },
    ),
    tampering: Nullable(
      Type.Object(
        { off: Type.Integer({ minimum: 0 }), faked: Type.Integer({ minimum: 0 }) },
        {
          description:
            "Times since the agent's start. off: the PV was beyond its limit while enforcement was switched off on the whole brick, by whom cannot be known. faked: the brick was told a false usage of this PV. null: nobody looks (quotaGuardIntervalMs is 0).",
        },
      ),
    ),
    observedGeneration: Type.Integer(),
    conditions: Type.Array(conditionSchema),
  }),
});

export const quotaListSchema = Type.Object({
  items: Type.Array(quotaViewSchema),
  refused: Type.Array(Type.Object({ file: Type.String(), reason: Type.String() })),
  synced: Type.Boolean({ description: 'False until the first whole pass after start: the list is not complete.' }),
});

export const peerQuotasSchema = Type.Object({
  volumeId: Type.String(),
  brickIndex: Type.Integer(),
  quotas: Type.Array(
    Type.Object({
      pv: Type.String(),
      source: Type.Enum(['Api', 'File', 'Kadalu']),
      limitBytes: Bytes,
      claim: Type.Optional(claimSchema),
    }),
  ),
  removed: Type.Optional(
    Type.Array(Type.String(), {
      description: 'PVs whose limit was removed through the API of this agent, until its brick has forgotten it.',
    }),
  ),
  subvolume: Type.Integer({ minimum: 0, description: 'Number of the replica or disperse set that this brick is in.' }),
  usage: Type.Array(Type.Object({ pv: Type.String(), usedBytes: Bytes, ageMs: Type.Number({ minimum: 0 }) }), {
    description: "This brick's own count of each PV; empty on a volume without distribution.",
  }),
});

const adoptQuestion = {
  volumeId: Type.String(),
  instance: Type.String({ maxLength: 64, description: 'Names this run of the agent that leads.' }),
  leader: Type.Integer({ minimum: 0, description: 'The index of its brick.' }),
  pv: Type.String({ minLength: 1, maxLength: 255 }),
  step: Type.Enum(['check', 'directories', 'files']),
};
export const adoptQuestionSchema = Type.Object(adoptQuestion, { additionalProperties: false });

export const adoptAnswerSchema = Type.Object({
  instance: Type.String(),
  brickIndex: Type.Integer(),
  done: Type.Boolean({ description: 'False: the brick is of another set, or the agent that leads is this one.' }),
  moved: Type.Integer({ minimum: 0 }),
  wrong: Type.Integer({ minimum: 0 }),
  why: Type.Optional(Type.String({ description: 'Why some of those could not be moved.' })),
});

export const quotaPutSchema = Type.Object(
  {
    limitBytes: Type.String({
      minLength: 1,
      maxLength: 32,
      description: 'Bytes of the volume, decimal, or a quantity such as 10Gi.',
      examples: ['10737418240', '10Gi'],
    }),
    claim: Type.Optional(
      Nullable({
        ...claimSchema,
        description:
          'The PersistentVolumeClaim that the PV is of. Left out: what this API was told before stays. null: it is forgotten.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const scanStatusSchema = Type.Object({
  running: Nullable(
    Type.Object({
      pv: Type.String(),
      startedAt: Time,
      files: Type.Integer({ minimum: 0 }),
      diskBytes: Bytes,
      filesPerSecond: Type.Number({ minimum: 0 }),
      totalFiles: Nullable(Type.Integer({ minimum: 0, description: 'Of the scan before.' })),
      etaSeconds: Nullable(Type.Number({ minimum: 0 })),
    }),
  ),
  requested: Type.Array(Type.String(), { description: 'PVs that were asked for and are not done.' }),
  failed: Type.Array(Type.Object({ pv: Type.String(), message: Type.String() })),
  cancelled: Type.Array(Type.Object({ pv: Type.String(), at: Time }), {
    description: 'PVs whose last scan was cancelled, until they are scanned again; what was measured before stands.',
  }),
});

export const pvParamsSchema = Type.Object({
  pv: Type.String({
    minLength: 1,
    maxLength: 255,
    // A file name, and none that reaches a terminal or another directory.
    pattern: '^(?!\\.{1,2}$)[^/\\u0000-\\u001f\\u007f-\\u009f]+$',
    description: 'Name of the PV, e.g. pvc-….',
  }),
});

export const Count = Nullable(Type.Integer({ minimum: 0, description: 'Null while not known.' }));

export const healOperationSchema = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['index', 'full']),
  state: Type.Enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']),
  accepted: Nullable(
    Type.Boolean({ description: 'Whether the heal daemon started; done is another thing: the backlog at 0.' }),
  ),
  children: Type.Array(
    Type.Object({
      xlator: Type.String(),
      child: Type.Integer(),
      status: Type.String(),
      explanation: Nullable(Type.String({ description: 'What it means and what to do, where it is not the usual.' })),
    }),
    {
      description: 'What the heal daemon said of each brick of each replica set.',
    },
  ),
  startedAt: Time,
  answeredAt: Nullable(
    Type.String({ description: 'ISO 8601 time of the newest answer of the heal daemon, which `children` has.' }),
  ),
  finishedAt: Nullable(Time),
  backlogAtStart: Count,
  backlogNow: Count,
  crawl: Nullable(
    Type.Object(
      { healed: Type.Integer(), failed: Type.Integer(), splitBrain: Type.Integer() },
      {
        description:
          "The heal daemon's own count of the newest crawls that this heal started; null: under way, or it keeps none (disperse).",
      },
    ),
  ),
  message: Type.String(),
});

const SinceFrom = Type.Enum(['Changed', 'Seen'], {
  description:
    'Where the time is from: the last change of the object, or when this agent saw it wait for the first time. It waits since then or longer.',
});

export const healSchema = Type.Object({
  state: Type.Enum(['Complete', 'Progressing', 'Stalled', 'Unknown']),
  message: Type.String(),
  pending: Type.Object({ xattrop: Count, dirty: Count, entryChanges: Count }),
  observedAt: Nullable(Time),
  pendingSince: Nullable(
    Type.String({
      description: 'ISO 8601 time since when the backlog has not been empty, as far as this agent has seen.',
    }),
  ),
  oldest: Nullable(
    Type.Object(
      {
        gfid: Type.String(),
        since: Time,
        sinceFrom: SinceFrom,
        ofAll: Type.Boolean({ description: 'False: of a long index, the first 10,000 objects were looked at.' }),
      },
      { description: 'What waits longest; null: nothing waits, or nobody has looked yet.' },
    ),
  ),
  leftDirty: Nullable(
    Type.Object(
      {
        objects: Type.Integer({ minimum: 0 }),
        ofAll: Type.Boolean({ description: 'False: of a long index, the first 1,000 objects were looked at.' }),
      },
      {
        description:
          'Objects marked as being written that nobody has written for a minute: their copies may differ until the self-heal daemon has compared them. Null: not known.',
      },
    ),
  ),
  inPerSecond: Nullable(Type.Number()),
  outPerSecond: Nullable(Type.Number()),
  etaSeconds: Nullable(Type.Number()),
  notServing: Nullable(
    Type.String({
      description:
        'Why the brick does not serve: it misses what is written now, and only the other bricks know what. Null: it serves.',
    }),
  ),
  splitBrain: Nullable(
    Type.Integer({
      minimum: 0,
      description:
        'Objects in split-brain, confirmed by all bricks of the set, see GET /v1/heal/split-brain; null: not known.',
    }),
  ),
  conditions: Type.Array(conditionSchema, {
    description:
      '`HealUnobstructed`: whether anything is known to stand in the way of what waits, by the gravest finding of GET /v1/heal/explain; looked for 10 s after something began to wait, then every minute.',
  }),
  daemon: Nullable(
    Type.Object(
      {
        state: Type.Enum(['Running', 'Stopped', 'Frozen', 'Down', 'Unknown'], {
          description:
            'Stopped: by a signal or a debugger. Frozen: with its cgroup, where that can be seen. Either way it is there and does nothing until somebody lets it go on.',
        }),
        pid: Nullable(Type.Integer()),
        startedAt: Nullable(Time),
        restarts: Type.Integer({ description: 'Since the agent started.' }),
        message: Type.String(),
        bricks: Type.Array(
          Type.Object({
            xlator: Type.String({ description: 'The replica set, e.g. `pool1-replicate-0`.' }),
            name: Type.String({ description: 'E.g. `pool1-client-0`.' }),
            isOwnSet: Type.Boolean({ description: 'Of the set of this brick, which the other sets heal without.' }),
            isConnected: Nullable(Type.Boolean()),
          }),
          {
            description:
              'The bricks of the volume, as the daemon was connected to them when it was asked last; empty: not known.',
          },
        ),
        crawls: Nullable(
          Type.Object(
            {
              askedAt: Time,
              newest: Type.Array(
                Type.Object({
                  kind: Type.Enum(['index', 'full']),
                  running: Type.Integer({ description: 'Bricks over which one is under way.' }),
                  bricks: Type.Integer({
                    description: 'Bricks of this pod, in all sets, over which the daemon has made one.',
                  }),
                  healed: Type.Integer(),
                  failed: Type.Integer({
                    description: 'Attempts; one before the parent directory is healed counts, too, and is made again.',
                  }),
                  splitBrain: Type.Integer(),
                }),
              ),
            },
            {
              description:
                "The daemon's own account of the newest crawl of each kind, whoever started it; asked for while something waits, and once afterwards. Null: not known, or it keeps none (disperse).",
            },
          ),
        ),
        conditions: Type.Array(conditionSchema, {
          description: '`BricksConnected`: whether the daemon is connected to all bricks.',
        }),
      },
      { description: 'The self-heal daemon of this pod; null: it has none.' },
    ),
  ),
  operations: Type.Array(healOperationSchema),
});

export const healStartSchema = Type.Object({ kind: Type.Enum(['index', 'full']) }, { additionalProperties: false });

const changelog = { data: Type.Integer(), metadata: Type.Integer(), entry: Type.Integer() };

export const healEntrySchema = Type.Object({
  gfid: Type.String(),
  state: Type.Enum(
    ['Pending', 'SplitBrain', 'BlamesAll', 'BlamesItself', 'Dirty', 'Clean', 'Stale', 'Unresolved', 'Unknown'],
    {
      description:
        'What this brick alone can tell, but for SplitBrain, which all bricks of the set have confirmed; Stale: the object is gone, the next crawl removes the entry.',
    },
  ),
  type: Nullable(Type.Enum(['file', 'directory', 'symlink', 'special'])),
  paths: Type.Array(Type.String(), {
    description: "From the volume's root; several with hard links. Bytes that are not printable UTF-8 are \\xNN.",
  }),
  unknownNames: Type.Integer({ description: 'Names that it has beyond those.' }),
  pv: Nullable(Type.String()),
  kinds: Type.Array(Type.Enum(['data', 'metadata', 'entry'])),
  blames: Type.Array(Type.Object({ child: Type.String(), isSelf: Type.Boolean(), ...changelog }), {
    description: 'Bricks that missed operations, by the name behind trusted.afr., with the counters.',
  }),
  dirty: Nullable(Type.Object(changelog)),
  disperse: Nullable(
    Type.Object({
      dirtyData: Type.String(),
      dirtyMetadata: Type.String(),
      versionData: Type.String(),
      versionMetadata: Type.String(),
    }),
  ),
  changedAt: Nullable(
    Type.String({ description: 'ISO 8601 time of the last change of the object: it waits since then or longer.' }),
  ),
  since: Nullable(
    Type.String({
      description: 'ISO 8601 time: it waits since then or longer. Null: it does not wait, or nothing is known.',
    }),
  ),
  sinceFrom: Nullable(SinceFrom),
  isNamespace: Type.Boolean({ description: 'A quota directory.' }),
});

export const healEntriesSchema = Type.Object({
  index: Type.Enum(['xattrop', 'dirty']),
  items: Type.Array(healEntrySchema, { description: 'In the order of the gfids.' }),
  next: Nullable(Type.String({ description: 'For `after` of the next page; null at the end.' })),
});

export const healEntriesQuerySchema = Type.Object(
  {
    index: Type.Optional(Type.Enum(['xattrop', 'dirty'])),
    after: Type.Optional(Type.String({ maxLength: 36, description: 'The gfid after which the page begins.' })),
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000, default 256.' })),
  },
  { additionalProperties: false },
);

export const healPvsSchema = Type.Object({
  items: Type.Array(Type.Object({ pv: Type.String(), objects: Type.Integer() }), {
    description: 'Most objects first.',
  }),
  outside: Type.Integer({ description: 'Objects of no PV.' }),
  unknown: Type.Integer({ description: 'Objects whose path is not known.' }),
  stale: Type.Integer(),
  complete: Type.Boolean({ description: 'False: the index is too long to be walked, the numbers are lower bounds.' }),
  takenAt: Time,
});

export const healExplainSchema = Type.Object({
  backlog: Type.Object({ state: Type.String(), reason: Type.String(), message: Type.String() }),
  entry: Nullable(healEntrySchema),
  findings: Type.Array(
    Type.Object({
      reason: Type.String(),
      severity: Type.Enum(['error', 'warning', 'info']),
      message: Type.String(),
      remedy: Nullable(Type.String()),
    }),
    { description: 'The gravest first.' },
  ),
});

export const volfileProblemSchema = Type.Object({
  id: Type.String(),
  severity: Type.Enum(['error', 'warning', 'hint']),
  line: Nullable(Type.Integer()),
  column: Nullable(Type.Integer()),
  message: Type.String(),
  remedy: Type.String(),
});

export const volfileSchema = Type.Object({
  process: Type.Enum(['brick', 'shd', 'client'], {
    description: '`client`: the file that the brick hands out to clients which mount from it.',
  }),
  file: Type.String(),
  outcome: Type.String(),
  reason: Type.String(),
  message: Type.String(),
  wantedSha256: Nullable(Type.String()),
  runningSha256: Nullable(Type.String()),
  since: Nullable(Time),
  problems: Type.Array(volfileProblemSchema),
  changes: Type.Array(Type.String()),
  conditions: Type.Array(conditionSchema, {
    description:
      'Valid, Staged (in staged mode only), InForce, RestartRequired (not of clients). The generation counts what the file has held.',
  }),
  lastReload: Nullable(
    Type.Object({
      how: Type.Enum(['reload', 'restart']),
      at: Time,
      success: Type.Boolean(),
      durationMs: Type.Number(),
    }),
  ),
  restart: Type.Object(
    {
      policy: Type.Enum(['off', 'auto']),
      waitsFor: Nullable(Type.String({ description: 'Why a restart that is due has not begun.' })),
      succeeded: Type.Integer(),
      failed: Type.Integer(),
    },
    { description: 'Restarts by the agent, for a change that a running process does not take.' },
  ),
  history: Type.Array(
    Type.Object({
      at: Time,
      plan: Type.Enum(['none', 'reload', 'restart', 'refuse']),
      outcome: Type.String(),
      reason: Type.String(),
      message: Type.String(),
      wantedSha256: Nullable(Type.String()),
      durationMs: Nullable(Type.Number()),
    }),
    { description: 'The last 20 outcomes, newest last.' },
  ),
});

export const volfileListSchema = Type.Object({
  configured: Type.Boolean({ description: 'False when no volfileDir is configured: volfiles are not watched.' }),
  items: Type.Array(volfileSchema),
});

const brickSchema = Type.Object({
  volume: Type.String(),
  volumeId: Type.String(),
  brickPath: Type.String(),
  brickIndex: Type.Integer(),
  hostname: Type.String(),
  fenced: Type.Boolean({ description: 'True: not proven ours, nothing is written.' }),
  conditions: Type.Array(conditionSchema),
  capacity: Nullable(
    Type.Object({ totalBytes: Bytes, freeBytes: Bytes, availableBytes: Bytes, inodes: Bytes, inodesFree: Bytes }),
  ),
});

export const statusSchema = Type.Object({
  version: versionSchema,
  ready: Type.Boolean(),
  notReady: Type.Array(Type.String(), { description: 'Failed readiness checks, each with its reason.' }),
  brick: brickSchema,
  quotas: Type.Object({
    pvs: Type.Integer(),
    withLimit: Type.Integer(),
    notOnDisk: Type.Integer(),
    notLive: Type.Integer(),
    refused: Type.Integer(),
    synced: Type.Boolean(),
  }),
  heal: healSchema,
  volfiles: volfileListSchema,
});

export type QuotaList = Static<typeof quotaListSchema>;
export type PeerQuotas = Static<typeof peerQuotasSchema>;
export type AdoptionStatusView = Static<typeof adoptionSchema>;
export type AdoptQuestion = Static<typeof adoptQuestionSchema>;
export type AdoptAnswer = Static<typeof adoptAnswerSchema>;
export type ScanStatusView = Static<typeof scanStatusSchema>;
export type Problem = Static<typeof problemSchema>;
export type VersionView = Static<typeof versionSchema>;
export type HealView = Static<typeof healSchema>;
export type HealEntryView = Static<typeof healEntrySchema>;
export type HealEntriesView = Static<typeof healEntriesSchema>;
export type HealPvsView = Static<typeof healPvsSchema>;
export type HealExplainView = Static<typeof healExplainSchema>;
export type HealOperationView = Static<typeof healOperationSchema>;
export type VolfileView = Static<typeof volfileSchema>;
export type VolfileListView = Static<typeof volfileListSchema>;
export type StatusView = Static<typeof statusSchema>;
