import { beforeEach, describe, expect, it } from 'vitest';
import type { Blame } from '../../../src/brick/afr-blame.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { HealLoops } from '../../../src/quota/heal-loop.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const OWN = 'vol1-client-2';
const TARGET = { pv: 'a', path: 'subvol/ab/cd/a' };
const signal = new AbortController().signal;

let clock: ManualClock;
let blames: Blame[];
let freed: string[];
let warnings: string[];
let sinks: ReadonlyMap<string, string>;

beforeEach(() => {
  clock = new ManualClock();
  freed = [];
  warnings = [];
});

function create(remedy = true): HealLoops {
  return new HealLoops({
    ports: {
      blames: async (paths) => paths.map(() => blames),
      freeNamespace: async (path) => {
        freed.push(path);
        return true;
      },
    },
    targets: () => [TARGET],
    own: OWN,
    take: (taken) => (sinks = taken),
    remedy,
    clock,
    log: { ...silentLog, warn: (_, message) => warnings.push(message) },
  });
}

/** One look for each value of the metadata counter. */
async function look(loops: HealLoops, counters: number[], blame: Partial<Blame> = {}): Promise<void> {
  for (const metadata of counters) {
    blames = [{ name: OWN, data: 0, metadata, entry: 0, ...blame }];
    await loops.pass(signal);
    await clock.advance(5_000);
  }
}

describe('HealLoops', () => {
  it('frees the namespace when the own blame has grown three looks in a row', async () => {
    const loops = create();
    await look(loops, [1, 2, 3]);
    expect([freed, loops.active]).toEqual([[], 0]);
    await look(loops, [4]);
    expect([freed, loops.active, loops.remedies]).toEqual([[TARGET.path], 1, 1]);
    expect([...sinks]).toEqual([[TARGET.path, OWN]]);
    blames = [];
    await loops.pass(signal);
    expect(loops.active).toBe(0);
    expect(sinks.size).toBe(0);
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

  it('tells the other brick what to do, once, and so its own when it may not do it', async () => {
    await look(create(), [1, 2, 3, 4, 5, 6], { name: 'vol1-client-0' });
    expect(warnings).toEqual([expect.stringContaining('on the brick of vol1-client-0: setfattr -x')]);
    await look(create(false), [1, 2, 3, 4, 5]);
    expect(warnings).toHaveLength(2);
    expect(freed).toEqual([]);
  });
});
