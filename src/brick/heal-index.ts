/**
 * How many entries wait for heal on this brick, without reading them.
 *
 * All entries of an index are hard links of a base file `<type>-<uuid>`, so the base's link count minus one is their number
 * (measured on 10.3 and 11.1). A brick process draws a new uuid when it starts and makes its base at the first entry; bases of
 * earlier processes stay as long as they have entries. The count is the sum over all bases, so none may be missed:
 *
 * - bases are found by listing the index, which costs time by the number of entries; their names are then kept;
 * - a new base appears only after the brick process changed, or when the last base has as many links as the file system allows
 *   (ext4: 65,000); and whenever one appears, the time stamp of the directory changes.
 *
 * So the index is listed again when a base vanished; and when its time stamp changed and a new base is possible. Listings are
 * paced so that they take a bounded share of the time, also with a million entries; until a listing that is due has been made,
 * the count is called incomplete.
 */
import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';

export const HEAL_INDICES = ['xattrop', 'dirty', 'entry-changes'] as const;
export type HealIndexType = (typeof HEAL_INDICES)[number];

export interface HealIndexCount {
  /** Entries; undefined: there is no such index (then nothing is known, which is not 0). */
  entries: number | undefined;
  /** False when a base may exist that is not counted yet: `entries` is then a lower bound. */
  complete: boolean;
}

export type HealIndexCounts = Record<HealIndexType, HealIndexCount>;

/** Well below ext4's 65,000 links a file: from here on the brick may go on with a new base at any time. */
const ROLL_OVER_LINKS = 60_000n;
/** A listing may take one part in this many of the time. */
const LISTING_SHARE = 20;
/** A listing that took no longer than this is not worth pacing, in milliseconds; some 10,000 entries. */
const FREE_LISTING_MS = 20;
/** Listed anew at least this often, whatever the signs say, in milliseconds. */
const RELIST_MS = 300_000;

interface IndexState {
  bases: Set<string>;
  /** Time stamp of the directory when it was last listed. */
  mtimeNs: bigint;
  listedAt: number;
  listingMs: number;
  processKey: string | undefined;
  /** Whether a base has appeared since `processKey` became what it is. */
  sawNewBase: boolean;
}

export class HealIndex {
  readonly #states = new Map<HealIndexType, IndexState>();

  /** @param processKey anything that changes when the brick process does; undefined while that is not known */
  count(root: DirectoryHandle, processKey: string | undefined): HealIndexCounts {
    return {
      xattrop: this.#count(root, 'xattrop', processKey),
      dirty: this.#count(root, 'dirty', processKey),
      'entry-changes': this.#count(root, 'entry-changes', processKey),
    };
  }

  #count(root: DirectoryHandle, type: HealIndexType, processKey: string | undefined): HealIndexCount {
    const path = `${root.path}/.glusterfs/indices/${type}`;
    const stat = statOf(path);
    if (stat === undefined || !stat.isDirectory()) {
      this.#states.delete(type);
      return { entries: undefined, complete: false };
    }
    const state = this.#states.get(type);
    let sum = state === undefined ? undefined : sumOf(path, state.bases);
    let complete = true;
    if (state === undefined || sum === undefined || isListingDue(state, stat.mtimeNs, processKey, sum.rollOver)) {
      if (state === undefined || sum === undefined || isListingAllowed(state)) {
        sum = sumOf(path, this.#list(path, type, stat.mtimeNs, processKey).bases);
      } else {
        complete = false;
      }
    }
    // A base that vanishes between listing and stat had no entries any more; the next look lists again.
    return sum === undefined ? { entries: undefined, complete: false } : { entries: Number(sum.entries), complete };
  }

  #list(path: string, type: HealIndexType, mtimeNs: bigint, processKey: string | undefined): IndexState {
    const start = performance.now();
    const before = this.#states.get(type);
    const bases = listBases(path, type);
    const fresh = before !== undefined && [...bases].some((base) => !before.bases.has(base));
    const sameProcess = before !== undefined && before.processKey === processKey;
    const state: IndexState = {
      bases,
      mtimeNs,
      listedAt: performance.now(),
      listingMs: performance.now() - start,
      processKey,
      sawNewBase: fresh || (sameProcess && before.sawNewBase),
    };
    this.#states.set(type, state);
    return state;
  }
}

function isListingDue(state: IndexState, mtimeNs: bigint, processKey: string | undefined, rollOver: boolean): boolean {
  if (performance.now() - state.listedAt >= RELIST_MS || state.processKey !== processKey) return true;
  const newBasePossible = rollOver || !state.sawNewBase;
  return newBasePossible && state.mtimeNs !== mtimeNs;
}

function isListingAllowed(state: IndexState): boolean {
  return state.listingMs <= FREE_LISTING_MS || performance.now() - state.listedAt >= state.listingMs * LISTING_SHARE;
}

/** @returns undefined when a base is gone */
function sumOf(path: string, bases: ReadonlySet<string>): { entries: bigint; rollOver: boolean } | undefined {
  let entries = 0n;
  let rollOver = false;
  for (const base of bases) {
    const stat = statOf(`${path}/${base}`);
    if (stat === undefined) return undefined;
    entries += stat.nlink - 1n;
    if (stat.nlink >= ROLL_OVER_LINKS) rollOver = true;
  }
  return { entries, rollOver };
}

/** Reads names only, one batch at a time: the directory may have a million of them. */
function listBases(path: string, type: HealIndexType): Set<string> {
  const prefix = `${type}-`;
  const bases = new Set<string>();
  const directory = fs.opendirSync(path, { bufferSize: 1024 });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (entry.name.startsWith(prefix) && UUID.test(entry.name.slice(prefix.length))) bases.add(entry.name);
    }
  } finally {
    directory.closeSync();
  }
  return bases;
}

/** What a brick process, replicate, disperse, shard and the file system make by themselves at the root of a brick. */
const OWN_NAMES = /^(\.glusterfs(-anonymous-inode-.*)?|\.shard|\.trashcan|lost\+found)$/;
/** Read at once: more names than Gluster makes. */
const OWN_NAMES_BATCH = 16;

/**
 * Whether the brick holds nothing of any client: as it is made, or after it was wiped or replaced. Then its empty heal indices say
 * nothing, and those of the other bricks say nothing of it either until it is marked (measured on 10.3).
 */
export function isEmptyBrick(root: DirectoryHandle): boolean {
  const directory = fs.opendirSync(root.path, { bufferSize: OWN_NAMES_BATCH });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (!OWN_NAMES.test(entry.name)) return false;
    }
    return true;
  } finally {
    directory.closeSync();
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function statOf(path: string): fs.BigIntStats | undefined {
  try {
    return fs.lstatSync(path, { bigint: true });
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw brickIo(path, cause);
  }
}
