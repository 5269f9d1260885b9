/** How many objects of each PV wait for heal: a walk over the index when somebody asks, kept for a while. */
import type { GfidIndex } from '../brick/heal-window.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import { pvOf } from './entry.ts';
import type { EntrySource } from './ports.ts';

/** Each costs some 80 µs of the listing thread, so a walk ends within half a minute; a longer index is counted in part. */
export const MAX_WALKED = 200_000;
/** Entries in one message of the thread; more outlive the young generation and cost half as much again. */
export const PAGE_ENTRIES = 250;
/** Asked again sooner, the last answer is given, in milliseconds. */
export const TALLY_AGE_MS = 15_000;

export interface PvTally {
  /** Objects that wait, by PV. */
  pvs: Map<string, number>;
  /** Those of no PV: the volume's own directories and files. */
  outside: number;
  /** Those whose path is not known. */
  unknown: number;
  stale: number;
  /** False: only the first `MAX_WALKED` were looked at, and the numbers are lower bounds. */
  complete: boolean;
  /** Wall-clock milliseconds. */
  takenAt: number;
}

export interface PvTalliesOptions {
  source: EntrySource;
  clock: Clock;
  /** Of the agent: a caller who hangs up does not end a walk that others may wait for. */
  signal: AbortSignal;
  maxWalked?: number;
}

export class PvTallies {
  readonly #options: PvTalliesOptions;
  #last: { tally: PvTally; at: number } | undefined;
  #running: Promise<PvTally> | undefined;

  constructor(options: PvTalliesOptions) {
    this.#options = options;
  }

  /** One walk serves all who ask meanwhile. @throws AgentError as `EntrySource.page`, `NotSupported` without an index */
  async get(): Promise<PvTally> {
    const { clock } = this.#options;
    if (this.#last !== undefined && clock.monotonic() - this.#last.at < TALLY_AGE_MS) return this.#last.tally;
    this.#running ??= this.#walk().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  async #walk(): Promise<PvTally> {
    const { source, clock, signal, maxWalked = MAX_WALKED } = this.#options;
    const tally: PvTally = {
      pvs: new Map(),
      outside: 0,
      unknown: 0,
      stale: 0,
      complete: true,
      takenAt: clock.now(),
    };
    const index: GfidIndex = 'xattrop';
    let walked = 0;
    for (let after: Gfid | undefined; ;) {
      const page = await source.page({ index, after, limit: PAGE_ENTRIES }, signal);
      if (page === undefined) throw new AgentError('NotSupported', 'this brick has no heal index');
      for (const { object } of page.entries) {
        if (object === 'gone') tally.stale += 1;
        else if (object === 'unresolved' || object.paths.length === 0) tally.unknown += 1;
        else {
          const pv = pvOf(object);
          if (pv === undefined) tally.outside += 1;
          else tally.pvs.set(pv, (tally.pvs.get(pv) ?? 0) + 1);
        }
      }
      walked += PAGE_ENTRIES;
      if (page.next === undefined) break;
      after = page.next;
      if (walked >= maxWalked) {
        tally.complete = false;
        break;
      }
    }
    this.#last = { tally, at: clock.monotonic() };
    return tally;
  }
}
