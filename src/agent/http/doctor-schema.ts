/** What the API says of what is wrong, in the order in which a person should look at it. */
import { Type, type Static } from 'typebox';
import { Nullable } from './schemas.ts';

export const doctorSchema = Type.Object({
  source: Type.Enum(['Agent', 'Offline'], { description: 'Offline: looked at without a running agent.' }),
  at: Type.String({ description: 'ISO 8601 time.' }),
  findings: Type.Array(
    Type.Object({
      check: Type.String(),
      severity: Type.Enum(['error', 'warning', 'info'], { description: 'info: good to know, and needs nobody.' }),
      reason: Type.String({ description: 'One CamelCase word for programs.' }),
      message: Type.String(),
      evidence: Type.Array(Type.String(), { description: 'What was seen.' }),
      remedy: Nullable(Type.String()),
      followsFrom: Type.Array(Type.String(), { description: 'Checks that explain it; empty: a cause.' }),
    }),
    { description: 'The likely cause first.' },
  ),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      title: Type.String({ description: 'The question it answers.' }),
      result: Type.Enum(['Ok', 'Finding', 'NotChecked']),
      why: Nullable(Type.String({ description: 'Why it was not checked.' })),
    }),
    { description: 'Every check, in the order of likely cause.' },
  ),
});

export type DoctorView = Static<typeof doctorSchema>;
