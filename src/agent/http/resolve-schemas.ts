/** What the API takes and says to end a split-brain. */
import { Type, type Static } from 'typebox';
import { copySchema, Gfid, Latin1Name } from './heal-schemas.ts';
import { Nullable } from './schemas.ts';

const Deltas = Type.Object(
  {
    data: Type.Integer({ minimum: -4_294_967_295, maximum: 1 }),
    metadata: Type.Integer({ minimum: -4_294_967_295, maximum: 1 }),
    entry: Type.Integer({ minimum: 0, maximum: 0 }),
  },
  { additionalProperties: false },
);

export const resolveRequestSchema = Type.Object(
  {
    object: Type.Optional(
      Type.String({ minLength: 1, maxLength: 16_384, description: "A gfid, or a path from the volume's root." }),
    ),
    pv: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'All objects of a PV that are known to be in split-brain, at most 256.',
      }),
    ),
    policy: Type.Enum(['bigger-file', 'latest-mtime', 'source-brick', 'majority']),
    sourceBrick: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'For source-brick.' })),
    plan: Type.Optional(
      Type.String({ maxLength: 32, description: 'Id of the plan to carry out; without it, the plan is only shown.' }),
    ),
  },
  { additionalProperties: false },
);

export const resolutionSchema = Type.Object({
  plan: Type.String({ description: 'Names exactly these items in the state that their copies are in.' }),
  items: Type.Array(
    Type.Object({
      gfid: Type.String(),
      path: Nullable(Type.String()),
      kinds: Type.Array(Type.String()),
      refusal: Nullable(Type.String({ description: 'Why nothing is done about it.' })),
      source: Nullable(Type.Integer({ description: 'The brick whose copy is kept.' })),
      keepers: Type.Array(Type.Integer()),
      losers: Type.Array(Type.Integer({ description: 'Bricks whose copy is overwritten.' })),
      steps: Type.Array(
        Type.Object({
          brickIndex: Type.Integer(),
          child: Type.String(),
          data: Type.Integer(),
          metadata: Type.Integer(),
        }),
        { description: 'What is added to which counters of which brick.' },
      ),
      removals: Type.Array(
        Type.Object({
          brickIndex: Type.Integer(),
          gfid: Type.String(),
          type: Type.String(),
          size: Type.Number({ description: 'Bytes.' }),
          modifiedAt: Type.String(),
        }),
        { description: 'Objects that lose the name on which brick, and are gone with their last one.' },
      ),
    }),
  ),
  results: Nullable(
    Type.Array(
      Type.Object({
        gfid: Type.String(),
        outcome: Type.Enum(['Healed', 'Healing', 'Refused', 'Failed']),
        message: Type.String(),
      }),
      { description: 'Null: it was only planned.' },
    ),
  ),
});

/** One agent asks another to change a row of its brick. */
export const changelogChangeSchema = Type.Object(
  {
    gfid: Gfid,
    child: Type.String({ pattern: '^[A-Za-z0-9_.-]{1,280}$' }),
    add: Deltas,
    expected: Type.Record(
      Type.String({ pattern: '^trusted\\.afr\\.', maxLength: 300 }),
      Type.String({ pattern: '^[0-9a-f]{24}$' }),
      {
        additionalProperties: false,
        maxProperties: 64,
        description: 'All counters of the copy, as the plan was made with.',
      },
    ),
  },
  { additionalProperties: false },
);

/** One agent asks another to remove a name from its brick. */
export const nameRemovalSchema = Type.Object(
  { parent: Gfid, name: Latin1Name, gfid: Gfid, expected: copySchema },
  { additionalProperties: false },
);

export type NameRemovalRequest = Static<typeof nameRemovalSchema>;
export type ResolveRequest = Static<typeof resolveRequestSchema>;
export type ResolutionView = Static<typeof resolutionSchema>;
export type ChangelogChange = Static<typeof changelogChangeSchema>;
