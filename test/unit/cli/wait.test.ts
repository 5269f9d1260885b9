import { describe, expect, it } from 'vitest';
import { waitWhile, type Look } from '../../../src/cli/wait.ts';

const QUICK = { timeoutMs: 0, pollMs: 1, stallMs: 20 };

/** One answer after the other, the last one for ever. */
function answers<T>(...all: Look<T>[]): () => Promise<Look<T>> {
  let next = 0;
  return async () => {
    const answer = all[Math.min(next, all.length - 1)];
    next += 1;
    if (answer === undefined) throw new Error('no answer');
    return await Promise.resolve(answer);
  };
}

describe('waitWhile', () => {
  it('waits until it is done', async () => {
    expect(await waitWhile(answers<number>({ mark: 'a' }, { mark: 'b' }, { done: 7 }), QUICK)).toBe(7);
  });

  it('waits for as long as anything moves, and gives up when nothing does', async () => {
    let moves = 0;
    const started = performance.now();
    const look = async (): Promise<Look<never>> => await Promise.resolve({ mark: String(Math.min((moves += 1), 60)) });
    await expect(waitWhile(look, QUICK)).rejects.toMatchObject({
      code: 'Timeout',
      message: expect.stringContaining('nothing has moved for 20 ms'),
    });
    expect(performance.now() - started).toBeGreaterThan(60);
  });

  it('gives up at the time that was asked for, however much moves', async () => {
    let moves = 0;
    let left = 0;
    const look = async (): Promise<Look<never>> => await Promise.resolve({ mark: String((moves += 1)) });
    const patience = { ...QUICK, timeoutMs: 30, leave: () => void (left += 1) };
    await expect(waitWhile(look, patience)).rejects.toMatchObject({
      code: 'Timeout',
      message: 'not done after 30 ms; the agent goes on with it',
    });
    expect(left).toBe(1);
  });

  it('ends by the signal that it got, also while the agent does not answer, and leaves no listener behind', async () => {
    const before = process.listenerCount('SIGHUP');
    const ends: string[] = [];
    const look = async (): Promise<Look<never>> => await new Promise<never>(() => undefined);
    const waiting = waitWhile(look, { ...QUICK, leave: () => ends.push('left'), endBy: (signal) => ends.push(signal) });
    process.emit('SIGHUP', 'SIGHUP');
    await expect(waiting).rejects.toMatchObject({ code: 'Aborted' });
    expect(ends).toEqual(['left', 'SIGHUP']);
    expect(process.listenerCount('SIGHUP')).toBe(before);
  });

  it.each([
    ['SIGINT', ['left', 'taken back', 'SIGINT']],
    ['SIGHUP', ['left', 'SIGHUP']],
    ['SIGTERM', ['left', 'SIGTERM']],
  ] as const)('takes back what it waits for by Ctrl-C only: %s', async (by, expected) => {
    const ends: string[] = [];
    let given: AbortSignal | undefined;
    const look = async (signal: AbortSignal): Promise<Look<never>> => {
      given = signal;
      return await new Promise<never>(() => undefined);
    };
    const takeBack = async (): Promise<void> => void ends.push('taken back');
    const leave = (): void => void ends.push('left');
    const waiting = waitWhile(look, { ...QUICK, leave, takeBack, endBy: (signal) => ends.push(signal) });
    process.emit(by, by);
    await expect(waiting).rejects.toMatchObject({ code: 'Aborted' });
    expect(ends).toEqual(expected);
    expect(given?.aborted).toBe(true);
  });

  it('tells what went wrong with a look', async () => {
    const look = async (): Promise<Look<never>> => await Promise.reject(new Error('no agent'));
    await expect(waitWhile(look, QUICK)).rejects.toThrow('no agent');
  });
});
