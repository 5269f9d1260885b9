import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { isSameStamp, lookAt, type FileStamp } from './file-stamp.ts';
import { brickIo } from './handle.ts';

interface Listing {
  /** Undefined: there was no such directory. */
  stamp: FileStamp | undefined;
  entries: readonly fs.Dirent[] | undefined;
}

/**
 * Directory listings that are read again only when the directory has changed: a look at an unchanged one costs one stat.
 * Symlinks are entries like others here; who descends looks at `isDirectory()`, which is false for them.
 */
export class DirectoryCache {
  #listings = new Map<string, Listing>();
  #used = new Map<string, Listing>();

  /**
   * @param isStill known to be unchanged since it was listed last
   * @returns undefined when there is no such directory
   */
  list(root: string, path: string, isStill: boolean): readonly fs.Dirent[] | undefined {
    const known = this.#listings.get(path);
    const listing = isStill && known !== undefined ? known : this.#look(`${root}/${path}`, known);
    this.#used.set(path, listing);
    return listing.entries;
  }

  /** Drops listings that were not asked for since the last sweep. @returns what all others stand for, by path below the root */
  sweep(): Map<string, FileStamp | undefined> {
    this.#listings = this.#used;
    this.#used = new Map();
    return new Map(Array.from(this.#listings, ([path, { stamp }]) => [path, stamp]));
  }

  #look(path: string, known: Listing | undefined): Listing {
    const stamp = lookAt(path);
    if (stamp?.kind !== 'directory') return { stamp, entries: undefined };
    if (known !== undefined && isSameStamp(stamp, known.stamp)) return known;
    try {
      return { stamp, entries: fs.readdirSync(path, { withFileTypes: true }) };
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return { stamp: undefined, entries: undefined };
      throw brickIo(path, cause);
    }
  }
}
