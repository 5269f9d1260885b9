/**
 * What AFR has written on a directory about the copies of other bricks, and, on one that is being healed, about its own: heal
 * copies the source's attributes, the blame of the sink among them (measured on 11.1).
 */
import { listAttributesSync } from 'fs-xattr';
import { brickIo, openBelow, type DirectoryHandle } from './handle.ts';
import { NAMESPACE_XATTR } from './quota-xattrs.ts';
import type { ReadLedger } from './read-ledger.ts';
import { getXattr, removeXattr } from './xattr.ts';

const PREFIX = 'trusted.afr.';
const DIRTY = 'trusted.afr.dirty';

/** Operations that the named copy missed; only zero or not, and growth, mean something. */
export interface Blame {
  /** Without `trusted.afr.`, e.g. `pool1-client-2`. */
  name: string;
  data: number;
  metadata: number;
  entry: number;
}

/** Most PVs blame nobody, so what is remembered of them is that. */
export class BlameReader {
  /** Of those that were read last and blamed somebody. */
  readonly #known = new Map<string, Blame[]>();

  /**
   * Copies blamed on each directory, in the order of `paths`; empty also where there is no directory.
   *
   * @param reads what it says is unchanged is not read again; undefined: all is read
   */
  read(root: DirectoryHandle, paths: readonly string[], reads?: ReadLedger): Blame[][] {
    return paths.map((path) => {
      if (reads?.isStill(path) === true) return this.#known.get(path) ?? [];
      this.#known.delete(path);
      reads?.note(path);
      try {
        const blames = readBlames(root, path);
        if (blames.length > 0) this.#known.set(path, blames);
        return blames;
      } catch (error) {
        reads?.forget(path);
        throw error;
      }
    });
  }
}

function readBlames(root: DirectoryHandle, path: string): Blame[] {
  using directory = openBelow(root, path);
  return directory === undefined ? [] : blamesOf(directory, path);
}

/**
 * Removes the namespace from the backend of a directory whose heal cannot end because of it: heal removes the attributes of the
 * sink before it sets the source's, and a brick refuses to remove that one. The next heal sets it again (measured on 11.1).
 *
 * @param own the name under which others blame this brick; nothing is done unless it is blamed for metadata alone
 * @returns whether it was removed
 */
export function freeNamespace(root: DirectoryHandle, path: string, own: string): boolean {
  using directory = openBelow(root, path);
  if (directory === undefined || getXattr(directory, NAMESPACE_XATTR) === undefined) return false;
  const blame = blamesOf(directory, path).find(({ name }) => name === own);
  if (blame === undefined || blame.metadata === 0 || blame.data !== 0 || blame.entry !== 0) return false;
  removeXattr(directory, NAMESPACE_XATTR);
  return true;
}

function blamesOf(directory: DirectoryHandle, path: string): Blame[] {
  let keys: string[];
  try {
    keys = listAttributesSync(directory.path);
  } catch (cause) {
    throw brickIo(`listing the xattrs of ${path}`, cause);
  }
  return keys
    .filter((key) => key.startsWith(PREFIX) && key !== DIRTY)
    .flatMap((key) => parseBlame(key.slice(PREFIX.length), getXattr(directory, key)) ?? []);
}

/** Three big-endian words; undefined for anything else and when nothing was missed. */
export function parseBlame(name: string, value: Buffer | undefined): Blame | undefined {
  if (value?.length !== 12) return undefined;
  const [data, metadata, entry] = [value.readUInt32BE(0), value.readUInt32BE(4), value.readUInt32BE(8)];
  return data === 0 && metadata === 0 && entry === 0 ? undefined : { name, data, metadata, entry };
}
