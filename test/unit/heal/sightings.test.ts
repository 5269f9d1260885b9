import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HealEntry } from '../../../src/brick/heal-entries.ts';
import { Sightings } from '../../../src/heal/sightings.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;
const COUNTERS = { 'trusted.afr.vol1-client-1': '000000010000000000000000' };

function gfid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function entry(number: number, changedAt: number, counters: Record<string, string> = COUNTERS): HealEntry {
  const object = { type: 'file' as const, paths: [], unknownNames: 0, isNamespace: false, changedAt, counters };
  return { gfid: gfid(number), object };
}

class Index {
  readonly clock = new ManualClock();
  entries: HealEntry[] = [];
  pending: number | undefined;
  pages = 0;

  sightings(maxSighted?: number): Sightings {
    return new Sightings({
      source: {
        page: async ({ after, limit }) => {
          this.pages += 1;
          const rest = this.entries.filter(({ gfid }) => after === undefined || gfid > after);
          const entries = rest.slice(0, limit);
          return { entries, next: rest.length > limit ? entries.at(-1)?.gfid : undefined };
        },
      },
      set: undefined,
      pending: () => this.pending ?? this.entries.length,
      clock: this.clock,
      ...(maxSighted === undefined ? {} : { maxSighted }),
    });
  }
}

describe('Sightings', () => {
  it('keeps the first sight of an object that goes on changing', async () => {
    const index = new Index();
    const sightings = index.sightings();
    const first = index.clock.now();
    // Changed in this moment, by a clock that is ahead.
    index.entries = [entry(1, first + 5)];
    expect(sightings.isDue).toBe(true);
    await sightings.pass(SIGNAL);
    expect(sightings.isDue).toBe(false);
    await index.clock.advance(60_000);
    index.entries = [entry(1, index.clock.now())];
    await sightings.pass(SIGNAL);
    expect(sightings.since(gfid(1), index.clock.now())).toEqual({ at: first, from: 'Seen' });
    expect(sightings.oldest()).toEqual({ gfid: gfid(1), at: first, from: 'Seen', ofAll: true });
  });

  it('believes the last change of an object that waited before this agent started', async () => {
    const index = new Index();
    const sightings = index.sightings();
    const before = index.clock.now() - 3_600_000;
    index.entries = [entry(1, before), entry(2, index.clock.now())];
    await sightings.pass(SIGNAL);
    expect(sightings.since(gfid(1), before)).toEqual({ at: before, from: 'Changed' });
    expect(sightings.oldest()).toMatchObject({ gfid: gfid(1), at: before, from: 'Changed' });
    // Nobody has looked at it yet, or the table is full.
    expect(sightings.since(gfid(9), before)).toEqual({ at: before, from: 'Changed' });
    expect(sightings.since(gfid(9), undefined)).toBeUndefined();
  });

  it('counts what was missed, of what waits', async () => {
    const index = new Index();
    const sightings = index.sightings();
    index.pending = undefined;
    const missed = (log: string) => ({ 'trusted.afr.vol1-client-1': log });
    index.entries = [
      entry(1, 0, missed('000000010000000000000000')),
      entry(2, 0, missed('000000010000000200000000')),
      entry(3, 0, missed('000000000000000000000005')),
      entry(4, 0, missed('000000000000000000000000')),
    ];
    expect(sightings.missed).toBeUndefined();
    await sightings.pass(SIGNAL);
    expect(sightings.missed).toEqual({ data: 2, metadata: 1, entry: 1 });
    index.entries = [];
    await sightings.pass(SIGNAL);
    expect(sightings.missed).toEqual({ data: 0, metadata: 0, entry: 0 });
  });

  it('forgets what was healed, and does not count what waits for nothing', async () => {
    const index = new Index();
    const sightings = index.sightings();
    index.entries = [entry(1, 5), entry(2, 6), { gfid: gfid(3), object: 'gone' }, entry(4, 1, {})];
    await sightings.pass(SIGNAL);
    expect(sightings.oldest()).toMatchObject({ gfid: gfid(1), at: 5 });
    index.entries.shift();
    await sightings.pass(SIGNAL);
    expect(sightings.oldest()).toMatchObject({ gfid: gfid(2), at: 6 });
    index.entries = [];
    index.pages = 0;
    await sightings.pass(SIGNAL);
    expect([sightings.oldest(), index.pages]).toEqual([undefined, 0]);
  });

  it('keeps what it knows while the index cannot be counted', async () => {
    const index = new Index();
    index.entries = [entry(1, 5)];
    index.pending = 1;
    const sightings = index.sightings();
    await sightings.pass(SIGNAL);
    index.pending = undefined;
    index.entries = [];
    const unknown = new Sightings({
      source: { page: async () => undefined },
      set: undefined,
      pending: () => undefined,
      clock: index.clock,
    });
    await unknown.pass(SIGNAL);
    expect([unknown.isDue, unknown.oldest()]).toEqual([false, undefined]);
  });

  it('of a long index the first are kept, and it says so', async () => {
    const index = new Index();
    index.entries = Array.from({ length: 25 }, (_, at) => entry(at, 100 - at));
    const sightings = index.sightings(10);
    await sightings.pass(SIGNAL);
    expect(sightings.oldest()).toMatchObject({ gfid: gfid(9), at: 91, ofAll: false });
  });

  it('never says that an object waits since later than before, or than its last change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.record({ number: fc.nat(5), ago: fc.nat(10_000) }), { maxLength: 6 }), { maxLength: 8 }),
        async (looks) => {
          const index = new Index();
          const sightings = index.sightings();
          let before = new Map<string, number>();
          for (const look of looks) {
            await index.clock.advance(1_000);
            const now = index.clock.now();
            const unique = new Map(look.map(({ number, ago }) => [number, now - ago]));
            index.entries = [...unique].sort(([a], [b]) => a - b).map(([number, at]) => entry(number, at));
            await sightings.pass(SIGNAL);
            const after = new Map<string, number>();
            for (const [number, changedAt] of unique) {
              const since = sightings.since(gfid(number), changedAt);
              expect(since?.at).toBeLessThanOrEqual(Math.min(changedAt, before.get(gfid(number)) ?? changedAt));
              after.set(gfid(number), since?.at ?? 0);
            }
            before = after;
          }
        },
      ),
    );
  });
});
