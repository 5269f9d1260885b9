import { expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Loop, type LoopOptions } from '../../../src/lib/loop.ts';

function loopOf(stop: AbortController, options: Partial<LoopOptions> & Pick<LoopOptions, 'pass'>): Loop {
  return new Loop({
    name: 'test',
    intervalMs: 60_000,
    clock: systemClock,
    log: silentLog,
    signal: stop.signal,
    ...options,
  });
}

it('waits for what comes before its first pass', async () => {
  const stop = new AbortController();
  const before = Promise.withResolvers<void>();
  const passed = Promise.withResolvers<void>();
  let passes = 0;
  const loop = loopOf(stop, {
    begin: before.promise,
    pass: async () => {
      passes += 1;
      passed.resolve();
      await Promise.resolve();
    },
  });
  loop.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect([passes, loop.stats.runs]).toEqual([0, 0]);
  before.resolve();
  await passed.promise;
  expect(passes).toBe(1);
  stop.abort();
  await loop.stopped();
});

it('makes no pass when it is stopped before it has begun', async () => {
  const stop = new AbortController();
  const before = Promise.withResolvers<void>();
  const loop = loopOf(stop, {
    begin: before.promise,
    pass: async () => await Promise.reject(new Error('a pass')),
  });
  stop.abort();
  before.resolve();
  await loop.stopped();
  expect(loop.stats.runs).toBe(0);
});

it('counts a pass that fails, tells it by its message, and goes on', async () => {
  const stop = new AbortController();
  const second = Promise.withResolvers<void>();
  const told: string[] = [];
  let passes = 0;
  const loop = loopOf(stop, {
    intervalMs: 1,
    log: { ...silentLog, error: (_fields: object, message?: string) => void told.push(message ?? '') },
    pass: async () => {
      passes += 1;
      if (passes < 3) throw new Error('broken');
      second.resolve();
      await Promise.resolve();
    },
  });
  await second.promise;
  expect(loop.stats.failures).toBe(2);
  expect(told).toEqual(['broken']);
  stop.abort();
  await loop.stopped();
  expect(loop.stats.lastError).toBeUndefined();
});

it('passes at once when it is woken, also while a pass runs', async () => {
  const stop = new AbortController();
  const second = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  let passes = 0;
  const loop = loopOf(stop, {
    pass: async () => {
      passes += 1;
      if (passes === 1) {
        first.resolve();
        await held.promise;
      } else second.resolve();
    },
  });
  await first.promise;
  loop.wake();
  held.resolve();
  await second.promise;
  stop.abort();
  await loop.stopped();
  expect(passes).toBe(2);
});

it('counts passes that take longer than the pause between two', async () => {
  const stop = new AbortController();
  const clock = new ManualClock();
  const over = Promise.withResolvers<void>();
  let passes = 0;
  const loop = loopOf(stop, {
    intervalMs: 1000,
    clock,
    begin: Promise.resolve(),
    pass: async () => {
      passes += 1;
      loop.wake();
      await clock.advance(passes === 2 ? 1001 : 1000);
      if (passes === 3) {
        stop.abort();
        over.resolve();
      }
    },
  });
  await over.promise;
  await loop.stopped();
  expect([loop.stats.runs, loop.stats.overruns]).toEqual([3, 1]);
});
