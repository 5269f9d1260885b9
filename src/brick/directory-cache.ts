import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { isSameStamp, lookInto, type FileStamp } from './file-stamp.ts';
import { brickIo } from './handle.ts';

interface Listing {
  /** Undefined: there was no such directory. */
  stamp: FileStamp | undefined;
  /** Of the entries that are wanted. */
  names: readonly string[];
}

/** Which entries. A symlink is no directory. */
export interface Wanted {
  directories: boolean;
  isName: (name: string) => boolean;
}

/**
 * Directory listings that are read again only when the directory has changed: a look at an unchanged one costs one stat.
 * Names only, since there is a listing for each PV, mostly.
 */
export class DirectoryCache {
  #listings = new Map<string, Listing>();
  #used = new Map<string, Listing>();

  /**
   * @param isStill known to be unchanged since it was listed last
   * @param wanted always the same for one path
   * @returns names of the entries that are wanted; none when there is no such directory
   */
  list(root: string, path: string, isStill: boolean, wanted: Wanted): readonly string[] {
    const known = this.#listings.get(path);
    const listing = isStill && known !== undefined ? known : this.#look(`${root}/${path}`, known, wanted);
    this.#used.set(path, listing);
    return listing.names;
  }

  /** Drops listings that were not asked for since the last sweep. */
  sweep(): void {
    this.#listings = this.#used;
    this.#used = new Map();
  }

  get isEmpty(): boolean {
    return this.#listings.size === 0;
  }

  /** Whether it was asked for before the last sweep, be there such a directory or not. */
  has(path: string): boolean {
    return this.#listings.has(path);
  }

  /** What its listing stands for; undefined also where there was no such directory. */
  stampOf(path: string): FileStamp | undefined {
    return this.#listings.get(path)?.stamp;
  }

  /** Below the root, of all listings. */
  paths(): Iterable<string> {
    return this.#listings.keys();
  }

  /** What was listed may have been elsewhere. */
  forget(): void {
    this.#listings.clear();
    this.#used.clear();
  }

  #look(path: string, known: Listing | undefined, wanted: Wanted): Listing {
    const seen = lookInto(path);
    if (seen?.stamp.kind !== 'directory') return { stamp: seen?.stamp, names: [] };
    const { stamp, subdirectories } = seen;
    if (known !== undefined && isSameStamp(stamp, known.stamp)) return known;
    try {
      const names = wanted.directories ? readDirectories(path, subdirectories) : fs.readdirSync(path);
      return { stamp, names: names.filter((name) => wanted.isName(name)) };
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return { stamp: undefined, names: [] };
      throw brickIo(path, cause);
    }
  }
}

/** Where there are as many of them as entries, none needs to be asked what it is, which takes half as long again. */
function readDirectories(path: string, count: number | undefined): string[] {
  const names = fs.readdirSync(path);
  if (names.length === count) return names;
  return fs
    .readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
