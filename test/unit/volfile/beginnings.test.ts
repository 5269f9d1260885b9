import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { Beginnings } from '../../../src/volfile/beginnings.ts';

describe('Beginnings', () => {
  it('says what a look at each one would', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\u{1F600}'), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), word, (beginnings, name) => {
        expect(new Beginnings(beginnings).has(name)).toBe(beginnings.some((one) => name.startsWith(one)));
      }),
    );
  });
});
