/**
 * Since when objects wait. The index keeps no times, so there are two sources, and the earlier one counts:
 *
 * - the object's last change: its counters were set then or before, so it waits at least that long. It lies on the brick's disk
 *   and outlives agents and bricks, but a directory that goes on changing has a young one;
 * - when this agent saw the object wait for the first time. That does not outlive the agent.
 *
 * Either way it waits since then or longer. One that heals and waits again between two looks counts as one that has waited.
 */
import type { HealEntry } from '../brick/heal-entries.ts';
import type { GfidIndex } from '../brick/heal-window.ts';
import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Changelog, ReplicaSet } from './changelog.ts';
import { isIdle, kindsOf, stateOf } from './entry.ts';
import type { EntrySource } from './ports.ts';

/**
 * Objects whose times are kept, some 150 bytes each; of a longer index the first in the order of the gfids, which are random, so
 * that they stand for all.
 */
export const MAX_SIGHTED = 10_000;
/** Entries in one message of the thread; more outlive the young generation and cost half as much again. */
const PAGE_ENTRIES = 250;

export type SinceFrom = 'Changed' | 'Seen';

export interface Since {
  /** Wall-clock milliseconds. */
  at: number;
  from: SinceFrom;
}

/** What waits longest. */
export interface Oldest extends Since {
  gfid: Gfid;
  /** False: only the first `MAX_SIGHTED` were looked at. */
  ofAll: boolean;
}

export interface SightingsOptions {
  source: Pick<EntrySource, 'page'>;
  set: ReplicaSet | undefined;
  /** Objects in the index; undefined: not known. */
  pending: () => number | undefined;
  clock: Clock;
  /** Smaller ones are for tests. */
  maxSighted?: number;
}

export class Sightings {
  readonly #options: SightingsOptions;
  #seen = new Map<Gfid, Since>();
  #ofAll = true;
  #hasLooked = false;
  #missed: Changelog | undefined;

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  /** Whether something waits that nobody has looked at yet: do not wait for the next pass then. */
  get isDue(): boolean {
    return !this.#hasLooked && (this.#options.pending() ?? 0) > 0;
  }

  /** How many of those that were looked at wait for data, metadata, entries; one may wait for several. Undefined: nobody has looked yet. */
  get missed(): Readonly<Changelog> | undefined {
    return this.#missed;
  }

  /** @throws AgentError as `EntrySource.page` */
  async pass(signal: AbortSignal): Promise<void> {
    const { pending, clock, maxSighted = MAX_SIGHTED } = this.#options;
    const count = pending();
    const toWalk = count === 0 ? 0 : maxSighted;
    // What was seen before is true until somebody looks again.
    if (count === undefined) return;
    const seen = new Map<Gfid, Since>();
    const missed: Changelog = { data: 0, metadata: 0, entry: 0 };
    let after: Gfid | undefined;
    for (let walked = 0; walked < toWalk; walked += PAGE_ENTRIES) {
      const page = await this.#page(after, Math.min(PAGE_ENTRIES, toWalk - walked), signal);
      for (const entry of page?.entries ?? []) {
        if (!this.#waits(entry)) continue;
        for (const kind of kindsOf(entry, this.#options.set)) missed[kind] += 1;
        const { gfid } = entry;
        const changedAt = changedAtOf(entry);
        const first = this.#seen.has(gfid) ? this.since(gfid, changedAt) : undefined;
        seen.set(gfid, first ?? earlier(changedAt, clock.now()));
      }
      after = page?.next;
      if (after === undefined) break;
    }
    this.#seen = seen;
    this.#missed = missed;
    this.#ofAll = after === undefined;
    this.#hasLooked = count > 0;
  }

  /** @param changedAt the object's last change, in wall-clock milliseconds; undefined: not known. Undefined: nothing is known */
  since(gfid: Gfid, changedAt: number | undefined): Since | undefined {
    const seen = this.#seen.get(gfid);
    if (changedAt === undefined || (seen !== undefined && seen.at <= changedAt)) return seen;
    return { at: changedAt, from: 'Changed' };
  }

  /** Undefined: nothing waits, or nobody has looked yet. */
  oldest(): Oldest | undefined {
    let oldest: Oldest | undefined;
    for (const [gfid, { at, from }] of this.#seen) {
      if (oldest === undefined || at < oldest.at) oldest = { gfid, at, from, ofAll: this.#ofAll };
    }
    return oldest;
  }

  async #page(after: Gfid | undefined, limit: number, signal: AbortSignal) {
    const index: GfidIndex = 'xattrop';
    return await this.#options.source.page({ index, after, limit }, signal);
  }

  #waits(entry: HealEntry): boolean {
    return !isIdle(stateOf(entry, this.#options.set));
  }
}

function changedAtOf({ object }: HealEntry): number | undefined {
  return typeof object === 'string' ? undefined : object.changedAt;
}

/** A clock that went back leaves times in the future: nothing waits since then. */
function earlier(changedAt: number | undefined, now: number): Since {
  return changedAt !== undefined && changedAt <= now ? { at: changedAt, from: 'Changed' } : { at: now, from: 'Seen' };
}
