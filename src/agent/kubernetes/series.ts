/**
 * What becomes of events before they are sent. The same one again within some minutes is one Event with a count; more than a few of one kind become one, too; and
 * each duty may write so many at once, then one now and then. Pure but for the memory of it.
 */
import { EVENT_KINDS, type AgentEvent, type EventDuty, type EventReason } from './event-kinds.ts';
import { TokenBucket } from './token-bucket.ts';

/** As client-go has it for each source: 25 at once, then one in 5 minutes. */
export const BURST = 25;
export const REFILL_MS = 300_000;
/** The same event within this long of the last is one more of its series; in milliseconds. */
export const SERIES_MS = 600_000;
/** Different events of one reason within that time; what comes on top is told in one. */
export const MAX_SIMILAR = 10;
/** A series that goes on is written again after this long, in milliseconds; its first repetition at once. */
export const UPDATE_MS = 60_000;
/** Series that are remembered, those first that were heard of last. */
export const MAX_SERIES = 256;

export interface Series {
  readonly key: string;
  readonly event: AgentEvent;
  /** Wall-clock milliseconds of the first. */
  readonly firstAt: number;
  lastAt: number;
  /** Monotonic milliseconds of the last. */
  heardAt: number;
  count: number;
  /** As it was written last. */
  written: number;
  /** Monotonic milliseconds. */
  writtenAt: number;
}

export interface Moment {
  /** Wall-clock milliseconds. */
  now: number;
  /** Monotonic milliseconds. */
  at: number;
}

export class EventSeriesBook {
  /** In the order in which they were heard of. */
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<EventDuty, TokenBucket>();
  readonly #dropped: (events: number) => void;

  /** @param dropped called with how many events nobody will be told of */
  constructor(dropped: (events: number) => void) {
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#series.size;
  }

  /** Takes an event in. @returns what is to be written now, if anything */
  note(event: AgentEvent, { now, at }: Moment): Series | undefined {
    this.#forget(at);
    const known = this.#series.get(keyOf(event));
    if (known !== undefined) return this.#repeat(known, { now, at });
    const alike = this.#countOf(event.reason);
    if (alike < MAX_SIMILAR) return this.#begin(keyOf(event), event, { now, at });
    // No event is about this character.
    const about = '\0more';
    const key = keyOf({ ...event, about });
    const together = this.#series.get(key);
    if (together !== undefined) return this.#repeat(together, { now, at });
    const note = `more of this kind than ${MAX_SIMILAR}, told together; the next is: ${event.note}`;
    return this.#begin(key, { ...event, about, note }, { now, at });
  }

  /** Series whose count has grown since it was written, and that may be written now. */
  due(at: number): Series[] {
    this.#forget(at);
    return [...this.#series.values()].filter(
      (series) => series.count > series.written && at - series.writtenAt >= UPDATE_MS && this.#may(series, at),
    );
  }

  /** It is no longer known that the server has it: the same again is another event. */
  drop(series: Series): void {
    if (this.#series.get(series.key) === series) this.#series.delete(series.key);
  }

  #begin(key: string, event: AgentEvent, { now, at }: Moment): Series | undefined {
    const series = { key, event, firstAt: now, lastAt: now, heardAt: at, count: 1, written: 0, writtenAt: at };
    if (!this.#may(series, at)) {
      this.#dropped(1);
      return undefined;
    }
    this.#series.set(key, series);
    for (const oldest of this.#series.values()) {
      if (this.#series.size <= MAX_SERIES) break;
      this.#end(oldest);
    }
    return series;
  }

  #repeat(series: Series, { now, at }: Moment): Series | undefined {
    series.count += 1;
    series.lastAt = now;
    series.heardAt = at;
    this.#series.delete(series.key);
    this.#series.set(series.key, series);
    const isTime = series.count === 2 || at - series.writtenAt >= UPDATE_MS;
    return isTime && this.#may(series, at) ? series : undefined;
  }

  /** Takes a token for it, where there is one. */
  #may(series: Series, at: number): boolean {
    const { duty } = EVENT_KINDS[series.event.reason];
    let bucket = this.#buckets.get(duty);
    if (bucket === undefined) this.#buckets.set(duty, (bucket = new TokenBucket(BURST, REFILL_MS, at)));
    if (!bucket.take(at)) return false;
    series.writtenAt = at;
    return true;
  }

  #forget(at: number): void {
    for (const series of this.#series.values()) {
      if (at - series.heardAt <= SERIES_MS) break;
      this.#end(series);
    }
  }

  /** What was counted and never written is lost. */
  #end(series: Series): void {
    this.#series.delete(series.key);
    if (series.count > series.written) this.#dropped(series.count - series.written);
  }

  #countOf(reason: EventReason): number {
    let count = 0;
    for (const { event } of this.#series.values()) count += Number(event.reason === reason);
    return count;
  }
}

function keyOf({ reason, about }: AgentEvent): string {
  return `${reason} ${about}`;
}
