/**
 * What was read of objects that wait for heal, for as long as it is sure to be true: to read the attributes of an object costs four
 * times as much as to look at it (each is a look-up of its path, twice, and an allocation), and a backlog is looked through every
 * 30 s and whenever somebody asks.
 *
 * Whatever changes an attribute or a name changes the inode's ctime. Two changes within one tick of the kernel's clock may have the
 * same one, so an object is kept only when its last change was already some time ago when it was looked at, before it was read: any
 * later change has another ctime. All is read anew now and then all the same.
 *
 * For files only, which are looked at by their handle: what a handle is a link of does not change. Nor does a name come or go
 * without a change of the ctime (ext4 and XFS: link, unlink and rename, also over it), so a name that was seen in a directory is there
 * for as long as that directory is at its path and the file has not changed.
 */
import type fs from 'node:fs';
import type { Gfid } from '../lib/gfid.ts';
import type { InodeStamp, NameRecord } from './gfid-path.ts';

/** Some 0.7 KB each (4 to 9 MB resident for all, measured); as many as the heal duty looks through every 30 s. Of a longer index the others are read each time. */
const MAX_KEPT = 10_000;
/** The coarsest times that a file system of a brick keeps are whole seconds (ext4 with small inodes). In milliseconds. */
const SETTLED_MS = 2000;
/** As with other signs that nothing has changed: all is looked at anew so often. In milliseconds. */
const MAX_AGE_MS = 300_000;
/** One that nobody asked for in so long waits no more, or is not looked through. In milliseconds. */
const UNUSED_MS = 120_000;
/** The same few values stand on most objects of a backlog; more than these are not shared. */
const MAX_SHARED = 1024;

export interface HealAttributes {
  names: readonly NameRecord[];
  /** The same object for the same values, mostly: then a message holds them once, and who judges them needs to do it once. */
  counters: Readonly<Record<string, string>>;
  isNamespace: boolean;
}

/** Of `fs.Stats`. */
type Stamp = Pick<fs.Stats, 'dev' | 'ino' | 'ctimeMs' | 'nlink'>;

export interface SettledObject {
  attributes: HealAttributes;
  /** In which directory each of the names, in their order, was seen to lead to it; to be filled in by who looks. */
  seenIn: (InodeStamp | undefined)[];
}

interface Kept extends Stamp, SettledObject {
  readAt: number;
  usedAt: number;
}

export interface SettledClocks {
  /** Wall-clock milliseconds, the clock of the file system. */
  now: () => number;
  /** Milliseconds. */
  monotonic: () => number;
}

const SYSTEM: SettledClocks = { now: () => Date.now(), monotonic: () => performance.now() };

export class SettledAttributes {
  readonly #clocks: SettledClocks;
  readonly #maxKept: number;
  readonly #kept = new Map<Gfid, Kept>();
  readonly #shared = new Map<string, Readonly<Record<string, string>>>();
  /** Monotonic milliseconds of the last `look`. */
  #now: number;

  /** Another clock and a smaller one are for tests. */
  constructor(clocks: SettledClocks = SYSTEM, maxKept: number = MAX_KEPT) {
    this.#clocks = clocks;
    this.#maxKept = maxKept;
    this.#now = clocks.monotonic();
  }

  get size(): number {
    return this.#kept.size;
  }

  /**
   * To be called before a page is read, with one time for all of it.
   *
   * @param isFirst a walk begins: those that nobody asks for any more are forgotten
   */
  look(isFirst: boolean): void {
    this.#now = this.#clocks.monotonic();
    if (!isFirst) return;
    for (const [gfid, { usedAt }] of this.#kept) if (this.#now - usedAt > UNUSED_MS) this.#kept.delete(gfid);
  }

  /** @param stat as it is now. @returns undefined when it is not known or has changed */
  get(gfid: Gfid, { dev, ino, ctimeMs, nlink }: Stamp): SettledObject | undefined {
    const kept = this.#kept.get(gfid);
    if (kept === undefined) return undefined;
    const isSame = kept.ino === ino && kept.ctimeMs === ctimeMs && kept.dev === dev && kept.nlink === nlink;
    if (!isSame || this.#now - kept.readAt > MAX_AGE_MS) {
      this.#kept.delete(gfid);
      return undefined;
    }
    kept.usedAt = this.#now;
    return kept;
  }

  /** @param stat of a look before `attributes` were read. @returns undefined when it cannot be kept */
  keep(gfid: Gfid, { dev, ino, ctimeMs, nlink }: Stamp, attributes: HealAttributes): SettledObject | undefined {
    // A clock that went back leaves changes in the future: nothing is known of the next one's time.
    if (this.#clocks.now() - ctimeMs < SETTLED_MS || this.#kept.size >= this.#maxKept) return undefined;
    const at = this.#now;
    const kept: Kept = { dev, ino, ctimeMs, nlink, attributes, seenIn: [], readAt: at, usedAt: at };
    this.#kept.set(gfid, kept);
    return kept;
  }

  share(counters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    let key = '';
    for (const name in counters) key += `${name}=${counters[name]}\n`;
    const shared = this.#shared.get(key);
    if (shared !== undefined) return shared;
    if (this.#shared.size >= MAX_SHARED) this.#shared.clear();
    this.#shared.set(key, counters);
    return counters;
  }
}
