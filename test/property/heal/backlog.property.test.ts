import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backlog, STALE_AFTER_MS, type BacklogView } from '../../../src/heal/backlog.ts';
import type { HealCounts } from '../../../src/heal/ports.ts';

const index = fc.record({
  entries: fc.option(fc.oneof(fc.constant(0), fc.nat(5), fc.nat()), { nil: undefined }),
  complete: fc.boolean(),
});
const step = fc.record({
  afterMs: fc.oneof(fc.nat(10_000), fc.nat(2_000_000)),
  event: fc.oneof(
    { weight: 5, arbitrary: fc.record({ xattrop: index, dirty: index, entryChanges: index }) },
    { weight: 1, arbitrary: fc.constant('failed' as const) },
    { weight: 1, arbitrary: fc.constant('nobody looked' as const) },
  ),
});

/** What the view says that is not so. @param fresh what is known of this moment; undefined: nothing */
function lies(view: BacklogView, fresh: HealCounts | undefined, now: number): string[] {
  const both = [fresh?.xattrop, fresh?.entryChanges];
  const empty = both.every((count) => count?.complete === true && count.entries === 0);
  const pending = both.some((count) => (count?.entries ?? 0) > 0);
  const numbers = [view.inPerSecond, view.outPerSecond, view.etaSeconds];
  const claims: [string, boolean][] = [
    [
      'Complete while something is pending or unknown, or not Complete while nothing is',
      (view.state === 'Complete') === empty,
    ],
    ['a state without a fresh look', fresh !== undefined || view.state === 'Unknown'],
    ['moving or stalled with nothing pending', pending || !['Progressing', 'Stalled'].includes(view.state)],
    ['pending since the future', (view.pendingSince ?? 0) <= now],
    ['pending since, with nothing pending', pending || view.pendingSince === undefined],
    ['a number that is none', numbers.every((value) => value === undefined || (value >= 0 && value < Infinity))],
    ['no time to go for an empty backlog', !empty || view.etaSeconds === undefined],
    ['not one sentence', /^[^\n]+[^.\n]$/.test(view.message)],
    ...(['xattrop', 'dirty', 'entryChanges'] as const).map((name): [string, boolean] => [
      `a count of ${name} that was not seen`,
      view.pending[name] === (fresh?.[name].complete === true ? fresh[name].entries : undefined),
    ]),
  ];
  return claims.filter(([, holds]) => !holds).map(([lie]) => lie);
}

describe('Backlog, whatever is seen', () => {
  it('tells no better state than it knows', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const backlog = new Backlog();
        let now = 0;
        let seen: { at: number; counts: HealCounts } | undefined;
        for (const { afterMs, event } of steps) {
          now += afterMs;
          if (event === 'failed') {
            backlog.fail('x');
            seen = undefined;
          } else if (event !== 'nobody looked') {
            backlog.observe(event, now, now);
            seen = { at: now, counts: event };
          }
          const fresh = seen !== undefined && now - seen.at <= STALE_AFTER_MS ? seen.counts : undefined;
          expect(lies(backlog.view(now), fresh, now)).toEqual([]);
        }
      }),
    );
  });
});
