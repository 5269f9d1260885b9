import { describe, expect, it } from 'vitest';
import type { AgentEvent } from '../../../../src/agent/kubernetes/event-kinds.ts';
import {
  BURST,
  EventSeriesBook,
  MAX_SERIES,
  MAX_SIMILAR,
  REFILL_MS,
  SERIES_MS,
  UPDATE_MS,
} from '../../../../src/agent/kubernetes/series.ts';

const fenced: AgentEvent = { reason: 'BrickFenced', about: '', note: 'nothing is written', isFirst: false };
const full = (pv: string): AgentEvent => ({ reason: 'PvOverLimit', about: pv, note: `PV ${pv}`, isFirst: false });
const at = (ms: number): { now: number; at: number } => ({ now: 1_000_000 + ms, at: ms });

function book(): { book: EventSeriesBook; dropped: () => number } {
  let dropped = 0;
  return { book: new EventSeriesBook((events) => (dropped += events)), dropped: () => dropped };
}

describe('EventSeriesBook', () => {
  it('makes one series of the same event, whatever its note says', () => {
    const { book: events } = book();
    const first = events.note(fenced, at(0));
    expect(first).toMatchObject({ count: 1, firstAt: 1_000_000 });
    expect(events.note({ ...fenced, note: 'in other words' }, at(5))).toBe(first);
    expect(first).toMatchObject({ count: 2, lastAt: 1_000_005, event: { note: 'nothing is written' } });
  });

  it('writes the second at once, and a series that goes on once a minute', () => {
    const { book: events } = book();
    const series = events.note(fenced, at(0));
    expect(events.note(fenced, at(10))).toBe(series);
    if (series !== undefined) series.written = 2;
    expect(events.note(fenced, at(20))).toBeUndefined();
    expect(events.due(20)).toEqual([]);
    expect(events.due(10 + UPDATE_MS)).toEqual([series]);
    expect(series?.count).toBe(3);
  });

  it('begins another one after a pause', () => {
    const { book: events } = book();
    const first = events.note(fenced, at(0));
    expect(events.note(fenced, at(SERIES_MS))).toBe(first);
    const later = events.note(fenced, at(2 * SERIES_MS + 1));
    expect(later).not.toBe(first);
    expect(later?.count).toBe(1);
  });

  it('tells many of a kind together, and names the first of those', () => {
    const { book: events, dropped } = book();
    for (let pv = 0; pv < MAX_SIMILAR; pv += 1) expect(events.note(full(`pvc-${pv}`), at(0))).toBeDefined();
    const together = events.note(full('pvc-a'), at(0));
    expect(together?.event.note).toMatch(/more of this kind than 10.*PV pvc-a/);
    for (let pv = 0; pv < 1000; pv += 1) events.note(full(`pvc-b${pv}`), at(1));
    expect(together?.count).toBe(1001);
    expect(events.size).toBe(MAX_SIMILAR + 1);
    expect(dropped()).toBe(0);
    // One that has its own series goes on in it.
    expect(events.note(full('pvc-3'), at(2))?.event.about).toBe('pvc-3');
  });

  it('lets a duty write so many at once, then one now and then, and counts the others', () => {
    const { book: hasty, dropped: lost } = book();
    const kinds = ['VolfileRejected', 'VolfileApplied', 'VolfileUnverified', 'VolfileReloadFailed'] as const;
    let hastily = 0;
    for (let index = 0; index < 40; index += 1) {
      const reason = kinds[index % 4] ?? 'VolfileRejected';
      hastily += Number(hasty.note({ reason, about: `${index}`, note: '', isFirst: false }, at(0)) !== undefined);
    }
    expect(hastily).toBe(BURST);
    expect(lost()).toBe(40 - BURST);
    // Another duty is not held up by it.
    expect(hasty.note(fenced, at(0))).toBeDefined();
    expect(
      hasty.note({ reason: 'VolfileRejected', about: 'x', note: '', isFirst: false }, at(REFILL_MS)),
    ).toBeDefined();
    expect(
      hasty.note({ reason: 'VolfileRejected', about: 'y', note: '', isFirst: false }, at(REFILL_MS)),
    ).toBeUndefined();
  });

  it('loses no count of a series that had no token for a while', () => {
    const { book: events } = book();
    const series = events.note(fenced, at(0));
    for (let index = 0; index < 1000; index += 1) {
      const due = events.note(fenced, at(index * 1000));
      if (due !== undefined) due.written = due.count;
    }
    // Those that a token was there for have told less than there was.
    expect(series?.written).toBeLessThan(1001);
    expect(events.due(999_000 + UPDATE_MS)).toEqual([series]);
    expect(series?.count).toBe(1001);
  });

  it('counts what was never written when it forgets a series', () => {
    const { book: events, dropped } = book();
    const series = events.note(fenced, at(0));
    if (series !== undefined) series.written = 1;
    events.note(fenced, at(1));
    events.note(fenced, at(2));
    events.due(3 * SERIES_MS);
    expect(dropped()).toBe(2);
    expect(events.size).toBe(0);
    expect(MAX_SERIES).toBeGreaterThan(4 * BURST);
  });
});
