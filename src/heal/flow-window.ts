/**
 * How fast a backlog grows and falls. Only counts are seen, so what came and went between two looks cancels out: both rates are
 * lower bounds, and their difference is exact.
 */

/** Long enough to even out a daemon that heals in bursts, short enough to follow an outage. In milliseconds. */
export const RATE_WINDOW_MS = 300_000;

/** Neighbouring looks share a bucket, which bounds the memory however often somebody looks. */
const BUCKETS = 60;

interface Bucket {
  startedAt: number;
  into: number;
  out: number;
}

export interface FlowRates {
  inPerSecond: number;
  outPerSecond: number;
}

/** All times are monotonic milliseconds. */
export class FlowWindow {
  readonly #windowMs: number;
  #buckets: Bucket[] = [];
  #since: number | undefined;
  #last = 0;

  constructor(windowMs: number = RATE_WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** The first look, from which on changes are seen. Further calls do nothing. */
  open(at: number): void {
    if (this.#since !== undefined) return;
    this.#since = at;
    this.#last = at;
  }

  /** What came and went since the look before. */
  add(at: number, into: number, out: number): void {
    if (this.#since !== undefined && at - this.#last > this.#windowMs) {
      // Nobody looked for longer than the window: what happened in between has no place in it.
      this.#since = at;
      this.#last = at;
      this.#buckets = [];
      return;
    }
    this.#last = at;
    let bucket = this.#buckets.at(-1);
    if (bucket === undefined || at - bucket.startedAt >= this.#windowMs / BUCKETS) {
      bucket = { startedAt: at, into: 0, out: 0 };
      this.#buckets.push(bucket);
    }
    bucket.into += into;
    bucket.out += out;
    this.#buckets = this.#buckets.filter(({ startedAt }) => startedAt > at - this.#windowMs);
  }

  /** Per second over the window, or over what of it has been seen; undefined before the second look. */
  rates(): FlowRates | undefined {
    if (this.#since === undefined || this.#buckets.length === 0) return undefined;
    const seconds = Math.min(this.#windowMs, this.#last - this.#since) / 1000;
    if (seconds <= 0) return undefined;
    const sum = (pick: (bucket: Bucket) => number): number =>
      this.#buckets.reduce((total, bucket) => total + pick(bucket), 0);
    return { inPerSecond: sum(({ into }) => into) / seconds, outPerSecond: sum(({ out }) => out) / seconds };
  }
}
