import { describe, expect, it } from 'vitest';
import { xxHash64 } from '../../lab/xxhash.ts';

describe('xxHash64', () => {
  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ])('of %j is the published %s', (text, hash) => {
    expect(xxHash64(Buffer.from(text))).toBe(hash);
  });
});
