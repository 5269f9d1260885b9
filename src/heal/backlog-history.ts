/** The backlog of the last hour, for a picture of it: a ring of fixed size. */

/** One point in this time, in milliseconds, and so many of them: an hour in 3 KB. */
export const POINT_MS = 10_000;
export const POINTS = 360;

/** What a point holds while nothing is known. */
const UNKNOWN = -1;

export class BacklogHistory {
  readonly #points = new Float64Array(POINTS).fill(UNKNOWN);
  /** Number of the slot of time that was noted last, from the clock's zero. */
  #last: number | undefined;

  /** @param pending objects that wait; undefined: not known. @param at monotonic milliseconds */
  note(pending: number | undefined, at: number): void {
    const slot = Math.floor(at / POINT_MS);
    if (this.#last !== undefined) {
      // What nobody looked at meanwhile is not known, and not what it was before.
      const missed = Math.min(POINTS, slot - this.#last - 1);
      for (let back = 1; back <= missed; back += 1) this.#points[(slot - back) % POINTS] = UNKNOWN;
    }
    this.#points[slot % POINTS] = pending ?? UNKNOWN;
    this.#last = slot;
  }

  /** Oldest first, up to the last point that was noted; null is not known. */
  points(): (number | null)[] {
    const last = this.#last;
    if (last === undefined) return [];
    const all = Array.from({ length: POINTS }, (_, index) => {
      const value = this.#points[(last + 1 + index) % POINTS] ?? UNKNOWN;
      return value === UNKNOWN ? null : value;
    });
    const first = all.findIndex((value) => value !== null);
    return first < 0 ? [] : all.slice(first);
  }
}
