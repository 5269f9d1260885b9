import { Type, type Static } from 'typebox';
import { Nullable, volfileProblemSchema } from './schemas.ts';

/**
 * Volfiles that are judged by request, in characters each; a client's of 100 bricks has 40,000. It is done on the main thread, and
 * takes 60 to 300 ms for each that is so long.
 */
export const MAX_TEXT_LENGTH = 256 * 1024;

const readers = ['brick', 'shd', 'client'] as const;
const Text = Type.String({ maxLength: MAX_TEXT_LENGTH });

export const volfileDiffRequestSchema = Type.Object(
  {
    new: Text,
    old: Type.Optional(Text),
    process: Type.Optional(
      Type.Enum(readers, { description: 'In place of `old`: what this process of the pod runs now.' }),
    ),
    role: Type.Optional(
      Type.Enum(['auto', ...readers], { description: 'What two texts are for; auto, the default: as each looks.' }),
    ),
    glusterVersion: Type.Optional(
      Type.Enum(['10', '11'], {
        description: 'Of the process that reads the texts; default: that of the brick, 11 while it is not known.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const volfilePlanRequestSchema = Type.Object(
  {
    files: Type.Record(Type.String({ pattern: '^[-._a-zA-Z0-9]{1,253}$' }), Text, {
      additionalProperties: false,
      maxProperties: 64,
      description: '`data` of the ConfigMap as it would be: all files by name. One that is not there is missing.',
    }),
  },
  { additionalProperties: false },
);

export const volfilePlanSchema = Type.Object({
  process: Nullable(Type.Enum(readers, { description: 'Null for two texts.' })),
  file: Nullable(Type.String({ description: 'Its name in the volfile directory.' })),
  kind: Nullable(
    Type.Enum(['unchanged', 'options', 'topology', 'rejected'], {
      description: 'Null: what the process runs is not known, or none runs.',
    }),
  ),
  action: Nullable(
    Type.Enum(['none', 'reload', 'restart', 'refuse'], {
      description: '`refuse`: the process is left alone. Null: what would be done is not known; `reason` says why.',
    }),
  ),
  restartBy: Nullable(
    Type.Enum(['agent', 'person'], { description: 'Who restarts the process; null where no restart is needed.' }),
  ),
  outcome: Nullable(Type.String({ description: 'What would be said of it; null for two texts.' })),
  reason: Nullable(Type.String()),
  message: Type.String(),
  wantedSha256: Nullable(Type.String()),
  runningSha256: Nullable(Type.String()),
  changes: Type.Array(
    Type.Object({
      volume: Type.String(),
      type: Type.String(),
      key: Type.String(),
      from: Nullable(Type.String()),
      to: Nullable(Type.String()),
      live: Type.Enum(['logged', 'silent', 'restart', 'unknown'], {
        description: '`logged` and `silent`: a running process takes it.',
      }),
    }),
    { description: 'Options that change; null: not there. Values of passwords are `***`.' },
  ),
  differences: Type.Array(Type.String(), { description: 'Of the tree of translators, 20 at most.' }),
  problems: Type.Array(volfileProblemSchema, { description: 'What the lint says of the new file.' }),
});

export const volfilePlanListSchema = Type.Object({ items: Type.Array(volfilePlanSchema) });

export type VolfileDiffRequest = Static<typeof volfileDiffRequestSchema>;
export type VolfilePlanRequest = Static<typeof volfilePlanRequestSchema>;
export type VolfilePlanView = Static<typeof volfilePlanSchema>;
export type VolfilePlanListView = Static<typeof volfilePlanListSchema>;
