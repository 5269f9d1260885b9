import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { updateConditions, type Condition, type ConditionInput } from '../../../src/lib/conditions.ts';

const input: fc.Arbitrary<ConditionInput> = fc.record({
  type: fc.constantFrom('OnDisk', 'Live'),
  status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
  reason: fc.constantFrom('AsWanted', 'Other'),
  message: fc.constantFrom('one', 'two'),
});
const inputs = fc.uniqueArray(input, { selector: ({ type }) => type });

/** What it should give, with nothing shared and nothing kept. */
function expected(
  old: readonly Condition[],
  given: readonly ConditionInput[],
  now: number,
  generation: number,
): Condition[] {
  return given.map((one) => {
    const before = old.find(({ type }) => type === one.type);
    const since = before?.status === one.status ? before.lastTransitionTime : new Date(now).toISOString();
    return { ...one, observedGeneration: generation, lastTransitionTime: since };
  });
}

describe('updateConditions', () => {
  it('says of each object what is given, whatever is said of others in between', () => {
    const step = fc.record({ of: fc.nat(2), inputs, passed: fc.nat(1), generation: fc.nat(1) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const known: (readonly Condition[])[] = [[], [], []];
        let now = 1_700_000_000_000;
        for (const { of, inputs: given, passed, generation } of steps) {
          now += passed;
          const old = known[of] ?? [];
          const copy = structuredClone(old);
          const next = updateConditions(old, given, now, generation);
          expect(next).toEqual(expected(old, given, now, generation));
          expect(old).toEqual(copy);
          known[of] = next;
        }
      }),
    );
  });

  it('gives back the old list when nothing has changed, and one object where the same is said of many', () => {
    const given: ConditionInput[] = [{ type: 'Live', status: 'True', reason: 'AsWanted', message: 'read back' }];
    const first = updateConditions([], given, 5);
    expect(updateConditions(first, structuredClone(given), 9)).toBe(first);
    const other = updateConditions([], structuredClone(given), 5);
    expect(other).not.toBe(first);
    expect(other[0]).toBe(first[0]);
    expect(updateConditions([], given, 6)[0]).not.toBe(first[0]);
  });
});
