import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { KeyTurns } from '../../../src/lib/key-turns.ts';

describe('turns by key', () => {
  it('never run two works with the same key at once, and run all in the order in which they came', async () => {
    const works = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(works, fc.scheduler(), async (all, scheduler) => {
        const turns = new KeyTurns<number>();
        const busy = new Set<number>();
        const begun: number[][] = [[], [], [], [], []];
        const ends = Promise.allSettled(
          all.map(async (keys, index) => {
            await turns.run(keys, async () => {
              expect(keys.filter((key) => busy.has(key))).toEqual([]);
              for (const key of keys) {
                busy.add(key);
                begun[key]?.push(index);
              }
              await scheduler.schedule(Promise.resolve());
              for (const key of keys) busy.delete(key);
              if (index % 3 === 0) throw new Error('failed');
            });
          }),
        );
        await scheduler.waitFor(ends);
        const wanted = all.map((_, index) => (index % 3 === 0 ? 'rejected' : 'fulfilled'));
        expect((await ends).map(({ status }) => status)).toEqual(wanted);
        for (const order of begun) expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
    );
  });

  it('let nobody pass who waits behind one that was given up', async () => {
    const turns = new KeyTurns<string>();
    const first = Promise.withResolvers<void>();
    const stop = new AbortController();
    const log: string[] = [];
    const one = turns.run(['a'], async () => await first.promise);
    const two = turns.run(['a'], async () => void log.push('two'), stop.signal);
    const three = turns.run(['a'], async () => void log.push('three'));
    const other = turns.run(['b'], async () => void log.push('other'));
    stop.abort();
    await expect(two).rejects.toMatchObject({ code: 'Aborted' });
    await other;
    expect(log).toEqual(['other']);
    first.resolve();
    await Promise.all([one, three]);
    expect(log).toEqual(['other', 'three']);
  });
});
