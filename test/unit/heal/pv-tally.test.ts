import { describe, expect, it } from 'vitest';
import type { HealEntry, HealObject } from '../../../src/brick/heal-entries.ts';
import type { EntrySource } from '../../../src/heal/ports.ts';
import { PAGE_ENTRIES, PvTallies, TALLY_AGE_MS } from '../../../src/heal/pv-tally.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;

function entry(object: HealEntry['object'] | string[]): HealEntry {
  const place = (paths: string[]): HealObject => ({
    type: 'file',
    paths,
    unknownNames: 0,
    changedAt: 0,
    isNamespace: false,
    counters: {},
  });
  return { gfid: '', object: Array.isArray(object) ? place(object) : object };
}

function source(pages: (HealEntry[] | undefined)[]): EntrySource & { asked: number } {
  const fake = {
    asked: 0,
    page: async ({ after }: { after: string | undefined }) => {
      fake.asked += 1;
      const at = Number(after ?? '0');
      const entries = pages[at];
      return entries === undefined ? undefined : { entries, next: at + 1 < pages.length ? String(at + 1) : undefined };
    },
    object: async () => undefined,
  };
  return fake;
}

describe('PvTallies', () => {
  it('counts each object once, and what belongs to no PV or nowhere apart', async () => {
    const entries = source([
      [entry(['subvol/ab/cd/pvc-1/a', 'subvol/ab/cd/pvc-1/b']), entry(['subvol/ab/cd/pvc-1']), entry('gone')],
      [entry(['subvol/00/cd/pvc-2/x']), entry(['']), entry([]), entry('unresolved')],
    ]);
    const clock = new ManualClock();
    const tally = await new PvTallies({ source: entries, clock, signal: SIGNAL }).get();
    expect(tally).toEqual({
      pvs: new Map([
        ['pvc-1', 2],
        ['pvc-2', 1],
      ]),
      outside: 1,
      unknown: 2,
      stale: 1,
      complete: true,
      takenAt: clock.now(),
    });
  });

  it('walks once for all who ask within a while', async () => {
    const entries = source([[entry('gone')]]);
    const clock = new ManualClock();
    const tallies = new PvTallies({ source: entries, clock, signal: SIGNAL });
    await Promise.all([tallies.get(), tallies.get()]);
    await tallies.get();
    expect(entries.asked).toBe(1);
    await clock.advance(TALLY_AGE_MS);
    await tallies.get();
    expect(entries.asked).toBe(2);
  });

  it('stops after so many, and says that there are more', async () => {
    const entries = source([[entry('gone')], [entry('gone')], [entry('gone')]]);
    const tallies = new PvTallies({
      source: entries,
      clock: new ManualClock(),
      signal: SIGNAL,
      maxWalked: 2 * PAGE_ENTRIES,
    });
    expect(await tallies.get()).toMatchObject({ stale: 2, complete: false });
  });

  it('does not say 0 for a brick without an index, and asks again after a failure', async () => {
    const entries = source([undefined]);
    const tallies = new PvTallies({ source: entries, clock: new ManualClock(), signal: SIGNAL });
    await expect(tallies.get()).rejects.toMatchObject({ code: 'NotSupported' });
    await expect(tallies.get()).rejects.toMatchObject({ code: 'NotSupported' });
    expect(entries.asked).toBe(2);
  });
});
