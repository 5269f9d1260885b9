import { Type } from 'typebox';

export const logSchema = Type.Object({
  lines: Type.Array(Type.String({ description: 'JSON.' }), { description: 'Oldest first; 256 at most.' }),
});
