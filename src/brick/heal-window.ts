/**
 * Pages of a heal index in the order of its names, without holding the index: a directory gives its names in no order, and a
 * million of them are too many to keep. One listing keeps the next 65,536 names after a position and forgets the others; pages
 * are cut from that window until it is used up. A position is a name, so it stays good while entries come and go, and also when
 * the agent restarts between two pages.
 */
import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';

/** The indices whose entries are named by a gfid. */
export const GFID_INDICES = ['xattrop', 'dirty'] as const;
export type GfidIndex = (typeof GFID_INDICES)[number];

/** Names kept by one listing, some 8 MB while it runs; a million entries are 16 listings of 0.8 s each (measured on ext4). */
export const WINDOW_NAMES = 65_536;
/** Entries that came later than this may be missing from a page, in milliseconds; a listing of a million takes a tenth of it. */
const MAX_AGE_MS = 10_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export interface NamePage {
  names: Gfid[];
  /** Whether there may be more behind the last one. */
  more: boolean;
}

interface Window {
  index: GfidIndex;
  /** The names between these two, both exclusive and undefined for no bound, are all that there were. */
  after: Gfid | undefined;
  end: Gfid | undefined;
  names: Gfid[];
  takenAt: number;
}

export class HealWindow {
  readonly #size: number;
  #window: Window | undefined;

  /** @param size smaller ones are for tests */
  constructor(size: number = WINDOW_NAMES) {
    this.#size = size;
  }

  /**
   * @param after the last name of the page before; undefined for the first page, which is always read anew
   * @returns undefined when there is no such index
   * @throws AgentError `BrickIo`
   */
  page(root: DirectoryHandle, index: GfidIndex, after: Gfid | undefined, limit: number): NamePage | undefined {
    let window = after === undefined ? undefined : this.#usable(index, after);
    if (window === undefined) {
      window = list(`${root.path}/.glusterfs/indices/${index}`, index, after, this.#size);
      this.#window = window;
    }
    if (window === undefined) return undefined;
    const start = after === undefined ? 0 : firstAfter(window.names, after);
    const names = window.names.slice(start, start + limit);
    const more = start + names.length < window.names.length || window.end !== undefined;
    return { names, more };
  }

  #usable(index: GfidIndex, after: Gfid): Window | undefined {
    const window = this.#window;
    if (window?.index !== index || performance.now() - window.takenAt > MAX_AGE_MS) return undefined;
    const isInside =
      (window.after === undefined || after >= window.after) &&
      (window.end === undefined || after < (window.names.at(-1) ?? ''));
    return isInside ? window : undefined;
  }
}

function list(path: string, index: GfidIndex, after: Gfid | undefined, size: number): Window | undefined {
  const takenAt = performance.now();
  let names: Gfid[] = [];
  let end: Gfid | undefined;
  let directory: fs.Dir;
  try {
    directory = fs.opendirSync(path, { bufferSize: 1024 });
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw brickIo(path, cause);
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const { name } = entry;
      if ((after !== undefined && name <= after) || (end !== undefined && name >= end) || !UUID.test(name)) continue;
      names.push(name);
      if (names.length < 2 * size) continue;
      names.sort();
      end = names[size];
      names = names.slice(0, size);
    }
  } catch (cause) {
    throw brickIo(path, cause);
  } finally {
    directory.closeSync();
  }
  names.sort();
  if (names.length > size) {
    end = names[size];
    names = names.slice(0, size);
  }
  return { index, after, end, names, takenAt };
}

/** Position of the first name that is greater. */
function firstAfter(names: readonly Gfid[], after: Gfid): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
