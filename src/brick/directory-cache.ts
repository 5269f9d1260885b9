import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { brickIo } from './handle.ts';

/**
 * A directory whose time stamp is younger than this when it is listed may change again within the same tick of the file
 * system's clock, unseen; such a listing is not kept. In milliseconds; ext4 and XFS tick with the kernel's timer (4 to 10 ms).
 */
const RACY_WINDOW_MS = 1_000;

interface Listing {
  mtimeNs: bigint;
  ino: bigint;
  entries: fs.Dirent[];
  settled: boolean;
}

/**
 * Directory listings that are read again only when the directory has changed: a look at an unchanged one costs one stat.
 * Symlinks are entries like others here; who descends looks at `isDirectory()`, which is false for them.
 */
export class DirectoryCache {
  #listings = new Map<string, Listing>();
  #used = new Set<string>();

  /** @returns undefined when there is no such directory */
  list(path: string): readonly fs.Dirent[] | undefined {
    this.#used.add(path);
    try {
      const stat = fs.lstatSync(path, { bigint: true });
      if (!stat.isDirectory()) return undefined;
      const known = this.#listings.get(path);
      if (known?.settled === true && known.mtimeNs === stat.mtimeNs && known.ino === stat.ino) return known.entries;
      const entries = fs.readdirSync(path, { withFileTypes: true });
      const settled = Date.now() - Number(stat.mtimeMs) > RACY_WINDOW_MS;
      this.#listings.set(path, { mtimeNs: stat.mtimeNs, ino: stat.ino, entries, settled });
      return entries;
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return undefined;
      throw brickIo(path, cause);
    }
  }

  /** Drops listings that were not asked for since the last sweep. */
  sweep(): void {
    for (const path of this.#listings.keys()) if (!this.#used.has(path)) this.#listings.delete(path);
    this.#used = new Set();
  }
}
