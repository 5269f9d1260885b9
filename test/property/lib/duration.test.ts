import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { parseDuration } from '../../../src/lib/units.ts';

function attempt(read: () => number): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['500ms', 500],
    ['7', 7000],
    ['0', 0],
    ['24h', 86_400_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it('reads what it is given or says why not, and never more than a day', () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.integer(), fc.constantFrom('', 'ms', 's', 'm', 'h', 'd')).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        const read = attempt(() => parseDuration(input));
        const isRead =
          typeof read === 'number' && read >= 0 && read <= 86_400_000 && /^\s*\d+(ms|s|m|h)?\s*$/.test(input);
        expect(isRead || read instanceof AgentError).toBe(true);
      }),
    );
  });

  it('keeps the order of what it reads', () => {
    fc.assert(
      fc.property(fc.nat(86_400), fc.nat(86_400), (a, b) => {
        expect(Math.sign(parseDuration(`${a}s`) - parseDuration(String(b)))).toBe(Math.sign(a - b));
      }),
    );
  });
});
