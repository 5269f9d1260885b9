/**
 * Objects that writes have left dirty. A client marks each copy before it writes and clears the mark within a second after its last
 * write. It stays when the client dies, and when too few bricks took the write: that fails at the client and blames nobody, so
 * nothing is pending, and some copies have what the others refused (measured on 11.1 with a PV at its limit). The self-heal daemon
 * compares them in its crawls; until then the index of them looks like that of a busy brick.
 */
import type { Clock } from '../lib/clock.ts';
import type { ReplicaSet } from './changelog.ts';
import { describeEntry, type PendingEntry } from './entry.ts';
import type { EntrySource } from './ports.ts';

/** Each write changes the object; one that waits for a frozen brick is given up after 42 s (ping-timeout). In milliseconds. */
const LEFT_AFTER_MS = 60_000;
/** Of a longer index so many are looked at, 0.1 s of the listing thread. */
const MAX_LOOKED_AT = 1000;

/** Marked as being written, and nothing has happened to it for so long that no client can be at it. @param now wall-clock milliseconds */
export function isLeftDirty({ state, changedAt }: Pick<PendingEntry, 'state' | 'changedAt'>, now: number): boolean {
  return state === 'Dirty' && changedAt !== undefined && now - changedAt >= LEFT_AFTER_MS;
}

export interface LeftDirtyCount {
  objects: number;
  /** False: the index is longer than what was looked at. */
  ofAll: boolean;
}

export interface LeftDirtyOptions {
  source: Pick<EntrySource, 'page'>;
  set: ReplicaSet | undefined;
  /** Entries of the index; undefined: not known. */
  dirty: () => number | undefined;
  clock: Clock;
}

export class LeftDirty {
  readonly #options: LeftDirtyOptions;
  #count: LeftDirtyCount | undefined;

  constructor(options: LeftDirtyOptions) {
    this.#options = options;
  }

  /** As of the last pass; undefined: not known. */
  get count(): LeftDirtyCount | undefined {
    return this.#count;
  }

  /** @throws AgentError as `EntrySource.page` */
  async pass(signal: AbortSignal): Promise<void> {
    const { source, set, dirty, clock } = this.#options;
    const entries = dirty();
    this.#count = entries === 0 ? { objects: 0, ofAll: true } : undefined;
    if (entries === undefined || entries === 0) return;
    const page = await source.page({ index: 'dirty', after: undefined, limit: MAX_LOOKED_AT }, signal);
    if (page === undefined) return;
    const now = clock.now();
    const left = page.entries.filter((entry) => isLeftDirty(describeEntry(entry, set), now));
    this.#count = { objects: left.length, ofAll: page.next === undefined };
  }
}
