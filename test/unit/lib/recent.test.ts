import { describe, expect, it, vi } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { Recent } from '../../../src/lib/recent.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function world() {
  const clock = new ManualClock();
  const stop = new AbortController();
  const failures: unknown[] = [];
  const questions: PromiseWithResolvers<number>[] = [];
  const recent = new Recent<number>({
    what: 'a number',
    ask: async () => {
      const question = Promise.withResolvers<number>();
      questions.push(question);
      return await question.promise;
    },
    clock,
    signal: stop.signal,
    reuseMs: 1_000,
    waitMs: 100,
    deadlineMs: 60_000,
    staleMs: 3_000,
    onFailure: (error) => failures.push(error),
  });
  const isDone = async (promise: Promise<void>): Promise<boolean> => {
    const pending = Symbol('pending');
    await new Promise(setImmediate);
    return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
  };
  return { clock, stop, failures, questions, recent, isDone };
}

describe('Recent', () => {
  it('waits for an answer that comes in time, and asks no more while it is young', async () => {
    const { recent, questions, clock } = world();
    const first = recent.refresh();
    questions[0]?.resolve(7);
    await first;
    expect(recent.value).toBe(7);
    await clock.advance(999);
    await recent.refresh();
    expect(questions).toHaveLength(1);
    await clock.advance(1);
    void recent.refresh();
    expect(questions).toHaveLength(2);
    expect(recent.value).toBe(7);
  });

  it('waits no longer than it may, then not at all until there is an answer', async () => {
    const { recent, questions, clock, isDone } = world();
    const first = recent.refresh();
    await clock.advance(99);
    expect(await isDone(first)).toBe(false);
    await clock.advance(1);
    expect(await isDone(first)).toBe(true);
    // The same question is still open.
    expect(await isDone(recent.refresh())).toBe(true);
    expect(questions).toHaveLength(1);
    questions[0]?.resolve(7);
    await vi.waitFor(() => expect(recent.value).toBe(7));
    await clock.advance(1_000);
    const second = recent.refresh();
    expect(await isDone(second)).toBe(false);
    questions[1]?.resolve(8);
    await second;
    expect(recent.value).toBe(8);
  });

  it('has no value that is stale', async () => {
    const { recent, questions, clock } = world();
    const first = recent.refresh();
    questions[0]?.resolve(7);
    await first;
    await clock.advance(3_000);
    expect(recent.value).toBe(7);
    await clock.advance(1);
    expect(recent.value).toBeUndefined();
  });

  it('asks again after a refusal, and waits for it, but not after a time-out', async () => {
    const { recent, questions, failures, isDone } = world();
    const first = recent.refresh();
    questions[0]?.reject(new AgentError('RpcDisconnected', 'refused'));
    await first;
    const second = recent.refresh();
    expect(await isDone(second)).toBe(false);
    questions[1]?.reject(new AgentError('Timeout', 'nothing'));
    await second;
    expect(failures).toHaveLength(2);
    expect(await isDone(recent.refresh())).toBe(true);
    expect(questions).toHaveLength(3);
  });

  it('ends with the agent, and says nothing of it', async () => {
    const { recent, stop, failures } = world();
    const open = recent.refresh();
    stop.abort();
    await open;
    expect([failures, recent.value]).toEqual([[], undefined]);
  });
});
