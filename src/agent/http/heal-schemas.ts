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

export type PeerHeal = Static<typeof peerHealSchema>;
export type DisruptionView = Static<typeof disruptionSchema>;
export type PreStopView = Static<typeof preStopSchema>;
