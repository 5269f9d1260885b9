import { beforeEach, describe, expect, it } from 'vitest';
import type { Blame } from '../../../src/brick/afr-blame.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { HealLoops } from '../../../src/quota/heal-loop.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const OWN = 'vol1-client-2';
const TARGET = { pv: 'a', path: 'subvol/ab/cd/a' };
const signal = new AbortController().signal;

let clock: ManualClock;
/** What the next looks find. */
let coming: Blame[][];
/** What the last look found, and so do all for which nothing else is to come. */
let last: Blame[];
/** Whether the brick has the PV. */
let isThere: boolean;
/** Whether the namespace can be removed at this moment. */
let isFree: boolean;
let freed: string[];
let warnings: string[];
let sinks: ReadonlyMap<string, string>;

beforeEach(() => {
  clock = new ManualClock();
  coming = [];
  last = [];
  isFree = true;
  isThere = true;
  freed = [];
  warnings = [];
});

function create(remedy = true): HealLoops {
  return new HealLoops({
    ports: {
      blames: async (paths) => {
        last = coming.shift() ?? last;
        return paths.map(() => last);
      },
      freeNamespace: async (path) => {
        if (isFree) freed.push(path);
        return isFree;
      },
    },
    targets: () => (isThere ? [TARGET] : []),
    own: OWN,
    take: (taken) => (sinks = taken),
    remedy,
    clock,
    log: { ...silentLog, warn: (_, message) => warnings.push(message) },
  });
}

/** A pass and the pause after it. @returns how long it took, in milliseconds */
async function pass(loops: HealLoops): Promise<number> {
  const start = clock.monotonic();
  const state = { isOver: false };
  const running = loops.pass(signal).finally(() => (state.isOver = true));
  await clock.advance(0);
  while (!state.isOver) await clock.advance(500);
  await running;
  const took = clock.monotonic() - start;
  await clock.advance(5_000);
  return took;
}

/** As many passes as it takes to see each value of the metadata counter. */
async function look(loops: HealLoops, counters: number[], blame: Partial<Blame> = {}): Promise<void> {
  coming = counters.map((metadata) => [{ name: OWN, data: 0, metadata, entry: 0, ...blame }]);
  do await pass(loops);
  while (coming.length > 0);
}

describe('HealLoops', () => {
  it('frees the namespace when the own blame has grown three looks in a row', async () => {
    const loops = create();
    await look(loops, [1, 2, 3]);
    expect([freed, loops.active]).toEqual([[], 0]);
    await look(loops, [4, 5, 6]);
    expect([freed, loops.active, loops.remedies]).toEqual([[TARGET.path], 1, 1]);
    expect([...sinks]).toEqual([[TARGET.path, OWN]]);
    coming = [[]];
    await pass(loops);
    expect(loops.active).toBe(0);
    expect(sinks.size).toBe(0);
  });

  it('looks again after a second while the own blame is new or grows, and not otherwise', async () => {
    const growing = [1, 2, 3, 4, 5].map((metadata) => [{ name: OWN, data: 0, metadata, entry: 0 }]);
    const loops = create();
    coming = [...growing];
    expect(await pass(loops)).toBe(3_000);
    expect(freed).toHaveLength(1);
    expect(await pass(loops)).toBe(0);
    coming = [[{ name: OWN, data: 0, metadata: 7, entry: 0 }]];
    const waiting = create();
    expect(await pass(waiting)).toBe(1_000);
    expect(await pass(waiting)).toBe(0);
    coming = growing.map((blames) => blames.map((blame) => ({ ...blame, name: 'vol1-client-0' })));
    expect(await pass(create())).toBe(0);
  });

  it('tries at the next look when the namespace could not be removed just then', async () => {
    isFree = false;
    const loops = create();
    await look(loops, [1, 2, 3, 4]);
    expect([freed, loops.active, loops.remedies]).toEqual([[], 1, 0]);
    isFree = true;
    await look(loops, [5]);
    expect([freed, loops.remedies]).toEqual([[TARGET.path], 1]);
  });

  it.each<[string, number[], Partial<Blame>]>([
    ['a heal that waits', [4, 4, 4, 4, 4], {}],
    ['a counter that falls in between', [1, 2, 3, 0, 1, 2], {}],
    ['data to heal', [1, 2, 3, 4, 5], { data: 1 }],
    ['entries to heal', [1, 2, 3, 4, 5], { entry: 1 }],
    ['the copy of another brick', [1, 2, 3, 4, 5], { name: 'vol1-client-0' }],
  ])('leaves the backend alone at %s', async (_, counters, blame) => {
    await look(create(), counters, blame);
    expect(freed).toEqual([]);
  });

  it('tries again after a minute when it did not help', async () => {
    const loops = create();
    await look(
      loops,
      Array.from({ length: 15 }, (_, index) => index + 1),
    );
    expect(freed).toHaveLength(1);
    await look(loops, [16]);
    expect(freed).toHaveLength(2);
  });

  it('does not wait for that minute where the brick was wiped since and is healed again', async () => {
    const loops = create();
    await look(loops, [1, 2, 3, 4]);
    expect(freed).toHaveLength(1);
    isThere = false;
    await pass(loops);
    isThere = true;
    await look(loops, [1, 2, 3, 4]);
    expect(freed).toHaveLength(2);
  });

  it('tells the other brick what to do, once, and so its own when it may not do it', async () => {
    await look(create(), [1, 2, 3, 4, 5, 6], { name: 'vol1-client-0' });
    expect(warnings).toEqual([expect.stringContaining('on the brick of vol1-client-0: setfattr -x')]);
    await look(create(false), [1, 2, 3, 4, 5]);
    expect(warnings).toHaveLength(2);
    expect(freed).toEqual([]);
  });
});
