import { describe, expect, it } from 'vitest';
import { DisruptionGlance } from '../../../src/agent/disruption-glance.ts';
import type { Disruption } from '../../../src/heal/disruption.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SAFE: Disruption = { verdict: 'Safe', reasons: [], bricks: [] };

function glance(): { look: DisruptionGlance; clock: ManualClock; asked: PromiseWithResolvers<Disruption>[] } {
  const clock = new ManualClock();
  const asked: PromiseWithResolvers<Disruption>[] = [];
  const look = new DisruptionGlance({
    check: async () => {
      const question = Promise.withResolvers<Disruption>();
      asked.push(question);
      return await question.promise;
    },
    clock,
    log: silentLog,
    signal: new AbortController().signal,
  });
  return { look, clock, asked };
}

/** What was resolved has come through. */
const settled = async (): Promise<void> => await new Promise(setImmediate);

describe('a glance at whether the brick may be stopped', () => {
  it('asks nobody before somebody looks, and then at most once in ten seconds and one question at a time', async () => {
    const { look, clock, asked } = glance();
    expect(asked).toHaveLength(0);
    expect(look.look()).toBeUndefined();
    await clock.advance(30_000);
    expect(look.look()).toBeUndefined();
    expect(asked).toHaveLength(1);
    asked[0]?.resolve(SAFE);
    await settled();
    expect(look.look()).toBe(SAFE);
    expect(asked).toHaveLength(2);
    asked[1]?.resolve({ ...SAFE, verdict: 'Unsafe' });
    await settled();
    await clock.advance(9_999);
    expect(look.look()?.verdict).toBe('Unsafe');
    expect(asked).toHaveLength(2);
    await clock.advance(1);
    look.look();
    expect(asked).toHaveLength(3);
  });

  it('forgets what is old, and asks again after a failure', async () => {
    const { look, clock, asked } = glance();
    look.look();
    asked[0]?.resolve(SAFE);
    await settled();
    await clock.advance(60_000);
    expect(look.look()).toBe(SAFE);
    asked[1]?.reject(new Error('the agent stops'));
    await settled();
    await clock.advance(1);
    expect(look.look()).toBeUndefined();
    await clock.advance(10_000);
    look.look();
    expect(asked).toHaveLength(3);
  });
});
