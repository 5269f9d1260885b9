/** What the API takes and says to mark a brick as replaced. */
import { Type, type Static } from 'typebox';
import { Nullable } from './schemas.ts';

const BrickIndex = Type.Integer({ minimum: 0, maximum: 65_535 });

export const replacementRequestSchema = Type.Object(
  {
    brick: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65_535, description: 'The brick that was replaced; without it, this one.' }),
    ),
    plan: Type.Optional(
      Type.String({ maxLength: 32, description: 'Id of the plan to carry out; without it, the plan is only shown.' }),
    ),
  },
  { additionalProperties: false },
);

export const replacementSchema = Type.Object({
  brick: BrickIndex,
  plan: Nullable(Type.String({ description: 'Null: it is refused.' })),
  refusal: Nullable(Type.String({ description: 'Why nothing is done.' })),
  steps: Type.Array(
    Type.Object({
      brickIndex: BrickIndex,
      child: Type.String(),
      data: Type.Integer(),
      metadata: Type.Integer(),
      entry: Type.Integer(),
    }),
    { description: 'What is added to which counters of the root of which brick; empty: it is marked already.' },
  ),
  results: Nullable(
    Type.Array(Type.Object({ brickIndex: BrickIndex, failure: Nullable(Type.String()) }), {
      description: 'Null: it was only planned.',
    }),
  ),
});

/** One agent asks another to mark a brick of their set. */
export const peerMarkSchema = Type.Object({ brick: BrickIndex }, { additionalProperties: false });

export type ReplacementRequest = Static<typeof replacementRequestSchema>;
export type ReplacementView = Static<typeof replacementSchema>;
