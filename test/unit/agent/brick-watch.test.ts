import { expect, it } from 'vitest';
import { BrickWatch, probeTimes } from '../../../src/agent/brick-watch.ts';
import { ProcessMonitor } from '../../../src/agent/process-monitor.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;
const STATFS = {
  blockSize: 4096n,
  blocks: 100n,
  free: 39n,
  available: 30n,
  inodes: 10n,
  inodesFree: 5n,
  simpleQuota: false,
};

it('the room for clients is what the brick says, for as long as it says it', async () => {
  const clock = new ManualClock();
  let answer: typeof STATFS | AgentError = STATFS;
  const times = probeTimes(60_000, 5_000, 10_000);
  const watch = new BrickWatch({
    clock,
    times,
    brick: { statfs: async () => (answer instanceof AgentError ? await Promise.reject(answer) : answer) },
    shd: { null: async () => await Promise.resolve() },
    processes: new ProcessMonitor([]),
    diskHangs: () => false,
    heals: () => false,
    healthCheckAt: () => undefined,
    healthCheckStaleMs: 180_000,
  });
  expect(watch.writableBytes).toBeUndefined();
  await watch.statfsPass(SIGNAL);
  expect(watch.writableBytes).toBe(30n * 4096n);
  await clock.advance(times.statfsStaleMs + 1);
  expect(watch.writableBytes).toBeUndefined();
  await watch.statfsPass(SIGNAL);
  answer = new AgentError('Timeout', 'no answer');
  await watch.statfsPass(SIGNAL);
  expect(watch.writableBytes).toBeUndefined();
  expect(watch.statfsAnswers).toBe(2);
});
