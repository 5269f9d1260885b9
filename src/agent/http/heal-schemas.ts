/** What the API says of heal beyond one brick: may it be stopped, and what the agents of a set tell one another. */
import { Type, type Static } from 'typebox';
import { Count, Nullable } from './schemas.ts';

const Verdict = Type.Enum(['Safe', 'Unsafe', 'Unknown'], { description: 'Unknown counts as no.' });
const BacklogState = Type.Enum(['Complete', 'Progressing', 'Stalled', 'Unknown']);

/** What one agent says of its own brick to another one. */
export const peerHealSchema = Type.Object({
  volumeId: Type.String(),
  instance: Type.String({ description: 'Names this run of this agent.' }),
  brickIndex: Type.Integer(),
  notServing: Nullable(Type.String({ description: 'Why the brick does not serve; null: it does.' })),
  servingForMs: Type.Number({ minimum: 0 }),
  backlog: Type.Object({
    state: BacklogState,
    message: Type.String(),
    pending: Count,
    isEmpty: Nullable(Type.Boolean()),
  }),
  blames: Type.Array(Type.String(), { maxItems: 64, description: 'Whom the first of its objects blame.' }),
  isStopping: Type.Boolean({ description: 'The brick is about to be stopped.' }),
});

/** A page of explanations names no more. */
export const MAX_USES = 64;
const Bytes = Type.String({ pattern: '^\\d{1,19}$', description: 'Bytes of this brick.' });

export const peerUsesQuerySchema = Type.Object(
  { pvs: Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: MAX_USES }) },
  { additionalProperties: false },
);

export const peerUsesSchema = Type.Object({
  volumeId: Type.String(),
  brickIndex: Type.Integer(),
  uses: Type.Array(
    Type.Object({
      pv: Type.String(),
      usedBytes: Bytes,
      limitBytes: Bytes,
      excessBytes: Nullable(
        Type.String({ pattern: '^\\d{1,19}$', description: 'By so much a scan has found the counter too high.' }),
      ),
    }),
    { maxItems: MAX_USES, description: 'Of those that have a limit here.' },
  ),
});

export const disruptionSchema = Type.Object({
  verdict: Verdict,
  reasons: Type.Array(
    Type.Object({
      code: Type.String({ description: 'One CamelCase word for programs.' }),
      verdict: Type.Enum(['Unsafe', 'Unknown']),
      brickIndex: Nullable(Type.Integer()),
      message: Type.String(),
      remedy: Type.String(),
    }),
    { description: 'Why it is not safe, or not known to be; empty when it is.' },
  ),
  bricks: Type.Array(
    Type.Object({
      brickIndex: Type.Integer(),
      notServing: Nullable(Type.String()),
      servingForMs: Type.Number(),
      backlog: Type.Object({ state: BacklogState, message: Type.String(), pending: Count }),
      isStopping: Type.Boolean(),
    }),
    { description: 'What the agents of the set said, this one first; one that did not answer is not among them.' },
  ),
});

export const claimSchema = Type.Object(
  {
    holdSeconds: Type.Integer({
      minimum: 1,
      maximum: 600,
      description: 'How long the other bricks are told that this one is about to stop, if it is safe.',
    }),
  },
  { additionalProperties: false },
);

export const preStopRequestSchema = Type.Object(
  { waitSeconds: Type.Integer({ minimum: 0, maximum: 3600, description: 'Longest wait until it is safe.' }) },
  { additionalProperties: false },
);

export const preStopSchema = Type.Object({
  verdict: Verdict,
  reasons: disruptionSchema.properties.reasons,
  isDown: Type.Boolean({
    description: 'The brick does not serve: there was nothing to wait for and nothing to flush.',
  }),
  waitedMs: Type.Number({ minimum: 0 }),
  flushed: Type.Integer({ minimum: 0, description: 'PVs whose usage the brick has written down.' }),
  unflushed: Type.Integer({ minimum: 0 }),
});

export const Gfid = Type.String({ pattern: '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' });
export const Latin1Name = Type.String({
  pattern: '^(?!\\.{1,2}$)[^/\\u0000\\u0100-\\uffff]{1,255}$',
  description: 'One character a byte.',
});
const ObjectType = Type.Enum(['file', 'directory', 'symlink', 'special']);
const NameOf = Type.Object({ parent: Gfid, name: Latin1Name }, { additionalProperties: false });
const Counters = Type.Record(Type.String({ maxLength: 260 }), Type.String({ maxLength: 128 }));
const Missing = Type.Enum(['gone', 'unresolved']);

export const copySchema = Type.Object({
  type: ObjectType,
  size: Type.Number(),
  modifiedAt: Type.Number({ description: 'Milliseconds since the epoch.' }),
  mode: Type.Integer(),
  uid: Type.Integer(),
  gid: Type.Integer(),
  counters: Counters,
  names: Type.Array(NameOf, { maxItems: 256 }),
});

export const peerObjectsQuerySchema = Type.Object(
  { gfids: Type.Array(Gfid, { maxItems: 256 }), names: Type.Array(NameOf, { maxItems: 256 }) },
  { additionalProperties: false },
);

export const peerObjectsSchema = Type.Object({
  volumeId: Type.String(),
  instance: Type.String(),
  brickIndex: Type.Integer(),
  copies: Type.Array(Type.Union([copySchema, Missing]), { description: 'In the order of the gfids.' }),
  named: Type.Array(Nullable(Type.Object({ gfid: Gfid, type: ObjectType })), {
    description: 'What stands under each name, in their order.',
  }),
});

export const splitBrainSchema = Type.Object({
  unknown: Nullable(
    Type.String({ description: 'Why it is not known of all that waits; null: it is, and the list is complete.' }),
  ),
  checkedAt: Nullable(Type.String({ description: 'ISO 8601 time.' })),
  items: Type.Array(
    Type.Object({
      gfid: Type.String(),
      kinds: Type.Array(Type.Enum(['data', 'metadata', 'entry', 'gfid', 'type'])),
      type: ObjectType,
      path: Nullable(Type.String({ description: "From the volume's root, as in the entries." })),
      pv: Nullable(Type.String()),
      since: Type.String(),
      confirmedAt: Type.String(),
      copies: Type.Array(
        Type.Object({
          brickIndex: Type.Integer(),
          isArbiter: Type.Boolean(),
          state: Type.Enum(['present', 'gone', 'unresolved']),
          size: Nullable(Type.Number({ description: 'Bytes; means nothing on an arbiter.' })),
          modifiedAt: Nullable(Type.String()),
          mode: Nullable(Type.String({ description: 'Octal.' })),
          uid: Nullable(Type.Integer()),
          gid: Nullable(Type.Integer()),
          blames: Type.Array(
            Type.Object({
              brickIndex: Type.Integer(),
              data: Type.Integer(),
              metadata: Type.Integer(),
              entry: Type.Integer(),
            }),
          ),
          named: Nullable(Type.Object({ gfid: Type.String(), type: ObjectType })),
        }),
      ),
    }),
  ),
});

export type PeerObjects = Static<typeof peerObjectsSchema>;
export type PeerObjectsQuery = Static<typeof peerObjectsQuerySchema>;
export type SplitBrainView = Static<typeof splitBrainSchema>;
export type PeerUses = Static<typeof peerUsesSchema>;
export type PeerHeal = Static<typeof peerHealSchema>;
export type DisruptionView = Static<typeof disruptionSchema>;
export type PreStopView = Static<typeof preStopSchema>;
