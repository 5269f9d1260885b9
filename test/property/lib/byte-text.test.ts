import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToText, textToBytes } from '../../../src/lib/byte-text.ts';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1'));
const utf8 = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text, 'utf8').toString('latin1'));

describe('names as text', () => {
  it('come back to the byte', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, utf8), (name) => {
        expect(textToBytes(bytesToText(name))).toBe(name);
      }),
      { numRuns: 2000 },
    );
  });

  it('never hold what a terminal would act on', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, utf8), (name) => {
        expect(bytesToText(name)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u{fffd}]/u);
      }),
      {
        numRuns: 2000,
        examples: [[Buffer.from('\u{202e}\u{2028}').toString('latin1')], [Buffer.from('\u{fffd}').toString('latin1')]],
      },
    );
  });

  it.each([
    ['plain name', 'plain name'],
    [Buffer.from('größe 文').toString('latin1'), 'größe 文'],
    ['back\\slash', 'back\\\\slash'],
    ['new\nline', 'new\\x0aline'],
    ['\xff\xc3', '\\xff\\xc3'],
    // Overlong, a surrogate, and beyond the last character.
    ['\xc0\x80', '\\xc0\\x80'],
    ['\xed\xa0\x80', '\\xed\\xa0\\x80'],
    ['\xf5\x80\x80\x80', '\\xf5\\x80\\x80\\x80'],
  ])('%j is written %j', (name, text) => {
    expect(bytesToText(name)).toBe(text);
  });

  it('take a backslash that starts nothing for itself', () => {
    expect(textToBytes('a\\b\\x1')).toBe('a\\b\\x1');
  });
});
