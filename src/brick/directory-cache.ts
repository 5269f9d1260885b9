import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { isSameStamp, lookAt, type FileStamp } from './file-stamp.ts';
import { brickIo } from './handle.ts';

interface Listing {
  /** Undefined: there was no such directory. */
  stamp: FileStamp | undefined;
  /** Of the entries that are wanted. */
  names: readonly string[];
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
   * @param isWanted always the same for one path. A symlink is no directory to it
   * @returns names of the entries that are wanted; none when there is no such directory
   */
  list(root: string, path: string, isStill: boolean, isWanted: (entry: fs.Dirent) => boolean): readonly string[] {
    const known = this.#listings.get(path);
    const listing = isStill && known !== undefined ? known : this.#look(`${root}/${path}`, known, isWanted);
    this.#used.set(path, listing);
    return listing.names;
  }

  /** Drops listings that were not asked for since the last sweep. @returns what all others stand for, by path below the root */
  sweep(): Map<string, FileStamp | undefined> {
    this.#listings = this.#used;
    this.#used = new Map();
    return new Map(Array.from(this.#listings, ([path, { stamp }]) => [path, stamp]));
  }

  #look(path: string, known: Listing | undefined, isWanted: (entry: fs.Dirent) => boolean): Listing {
    const stamp = lookAt(path);
    if (stamp?.kind !== 'directory') return { stamp, names: [] };
    if (known !== undefined && isSameStamp(stamp, known.stamp)) return known;
    try {
      const entries = fs.readdirSync(path, { withFileTypes: true });
      return { stamp, names: entries.filter((entry) => isWanted(entry)).map(({ name }) => name) };
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return { stamp: undefined, names: [] };
      throw brickIo(path, cause);
    }
  }
}
