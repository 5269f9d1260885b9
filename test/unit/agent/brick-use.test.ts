import { describe, expect, it } from 'vitest';
import { BrickUse } from '../../../src/agent/brick-use.ts';
import type { TableReader } from '../../../src/agent/brick-dump.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const FILE = 'b16735fd-ed53-4a3a-b41e-f635eb44b816';
const OTHER = 'c16735fd-ed53-4a3a-b41e-f635eb44b816';
const signal = new AbortController().signal;

/** Each dump has the next list of objects that are open. */
function useOf(...dumps: string[][]) {
  const clock = new ManualClock();
  let made = 0;
  const dump = {
    async read<T>(makeReader: (brickName: string) => TableReader<T>): Promise<T> {
      const reader = makeReader('/brick');
      for (const [index, gfid] of (dumps[made] ?? []).entries())
        for (const line of [`[conn.0.bound_xl./brick.active.${index + 1}]`, `gfid=${gfid}`, 'fd-count=1'])
          reader.line(line);
      reader.line('[conn.0.bound_xl./brick.lru.1]');
      made += 1;
      const read = reader.end();
      if (read === undefined) throw new Error('no table');
      return await Promise.resolve(read);
    },
  };
  const use = new BrickUse(dump, {
    monotonic: () => clock.monotonic(),
    sleep: async (ms) => await clock.advance(ms),
  });
  return { of: async (gfid: string) => await use.of(gfid, signal), clock, made: () => made };
}

describe('who uses an object', () => {
  it('is a client that has it open in two looks', async () => {
    const { of, made } = useOf([FILE], [FILE]);
    expect(await of(FILE)).toBe('1 open file handle');
    expect(await of(FILE)).toBe('1 open file handle');
    expect(made()).toBe(2);
  });

  it('is not a self-heal daemon that has it open for a moment', async () => {
    expect(await useOf([FILE], []).of(FILE)).toBeUndefined();
  });

  it('is looked at twice for each, also what was opened meanwhile', async () => {
    const { of, made } = useOf([FILE], [FILE, OTHER], [FILE, OTHER]);
    expect(await of(FILE)).toBe('1 open file handle');
    expect(await of(OTHER)).toBe('1 open file handle');
    expect(made()).toBe(3);
  });

  it('costs one look where nobody uses anything, and none while that is fresh', async () => {
    const { of, clock, made } = useOf([], [], []);
    expect([await of(FILE), await of(OTHER)]).toEqual([undefined, undefined]);
    expect(made()).toBe(1);
    await clock.advance(1_001);
    expect(await of(FILE)).toBeUndefined();
    expect(made()).toBe(2);
  });
});
