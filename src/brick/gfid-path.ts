/**
 * Where on the brick is the object of a gfid? Answered from the brick's own handles and xattrs, without a walk.
 *
 * `.glusterfs/aa/bb/<gfid>` is a symlink `../../PP/QQ/<parent gfid>/<name>` for a directory and a hard link for a file, whose
 * `trusted.gfid2path.<hash>` hold `<parent gfid>/<name>`, one for each of its names (measured on 11.1). Names are bytes: all
 * text here is latin1, one character a byte.
 */
import fs from 'node:fs';
import { getAttributeSync, listAttributesSync } from 'fs-xattr';
import { errnoOf } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { descriptorPath } from './descriptor-path.ts';
import { brickIo, NOT_ASCII, type DirectoryHandle } from './handle.ts';

/** O_PATH on Linux (asm-generic): opens nothing, follows nothing, cannot block. */
const O_PATH = 0o10000000;
/** Deeper than any path that a client can name (PATH_MAX is 4096); ends loops of damaged handles. */
const MAX_DEPTH = 2048;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DIRECTORY_HANDLE = /^\.\.\/\.\.\/[0-9a-f]{2}\/[0-9a-f]{2}\/([0-9a-f-]{36})\/([^/]+)$/s;
export const GFID2PATH = 'trusted.gfid2path.';
/** posix makes no more than 100 links of a file unless told otherwise; the first that holds is enough. */
export const MAX_NAMES = 128;

/** One name of an object that is no directory. */
export interface NameRecord {
  parent: Gfid;
  /** In latin1, one character a byte. */
  name: string;
}

/** At a path there may be another one at any moment. */
export type InodeStamp = Pick<fs.Stats, 'dev' | 'ino'>;

export type GfidPlace =
  /** Relative to the brick's root in latin1, one character a byte; empty for the root. */
  | { kind: 'path'; path: string }
  /** No handle: deleted, or never on this brick. */
  | { kind: 'gone' }
  /** It exists, open and deleted or without a usable record of its name. */
  | { kind: 'nameless' };

/** Remembers directories for its own lifetime only, as they may be renamed: make a new one for every batch. */
export class GfidPaths {
  readonly #root: string;
  readonly #directories = new Map<Gfid, string | undefined>([[ROOT_GFID, '']]);
  /** By path. */
  readonly #stamps = new Map<string, InodeStamp | undefined>();

  constructor(root: DirectoryHandle) {
    this.#root = root.readPath();
  }

  /** @throws AgentError `BrickIo` when the brick cannot be read */
  locate(gfid: Gfid): GfidPlace {
    if (!UUID.test(gfid)) return { kind: 'gone' };
    const handle = this.#handle(gfid);
    const stat = gfid === ROOT_GFID ? undefined : this.#lstat(handle);
    if (gfid === ROOT_GFID || (stat?.isSymbolicLink() === true && stat.nlink === 1)) return this.#directoryPlace(gfid);
    // A symlink or a device has records like a file.
    if (stat !== undefined) return this.#filePlace(handle, stat);
    const unlinked = `${this.#root}/.glusterfs/unlink/${gfid}`;
    return this.#lstat(unlinked) === undefined ? { kind: 'gone' } : { kind: 'nameless' };
  }

  #directoryPlace(gfid: Gfid): GfidPlace {
    const path = this.directory(gfid);
    // An interrupted rename or rmdir leaves a handle that leads nowhere.
    if (path === undefined || this.#lstat(this.#absolute(path)) === undefined) return { kind: 'gone' };
    return { kind: 'path', path };
  }

  #filePlace(handle: string, stat: fs.Stats): GfidPlace {
    const [path] = this.names(this.#records(handle), stat);
    return path === undefined ? { kind: 'nameless' } : { kind: 'path', path };
  }

  /**
   * The paths among the records of names that still lead to the inode; a name may have been given to something else since.
   *
   * @param seenIn in which directory each was seen, where nothing has changed since but where that directory is: then that
   *   alone is looked at, once for all names in it. It learns what is seen
   */
  names(records: readonly NameRecord[], stat: InodeStamp, seenIn?: (InodeStamp | undefined)[]): string[] {
    const found: string[] = [];
    for (let index = 0; index < records.length; index += 1) {
      const record = records[index];
      if (record === undefined) continue;
      const { parent, name } = record;
      const directory = this.directory(parent);
      if (directory === undefined) continue;
      const path = directory === '' ? name : `${directory}/${name}`;
      if (found.includes(path)) continue;
      // Before the name: what is then seen may be in a later one, but is not taken for that.
      const at = seenIn === undefined ? undefined : this.#stampOf(directory);
      if (at !== undefined && isSameInode(seenIn?.[index], at)) found.push(path);
      else if (isSameInode(this.#lstat(this.#absolute(path)), stat)) {
        found.push(path);
        if (seenIn !== undefined) seenIn[index] = at;
      }
    }
    return found;
  }

  #stampOf(directory: string): InodeStamp | undefined {
    let stamp = this.#stamps.get(directory);
    if (stamp === undefined && !this.#stamps.has(directory)) {
      const stat = directory === '' ? fs.statSync(this.#root) : this.#lstat(this.#absolute(directory));
      stamp = stat === undefined ? undefined : { dev: stat.dev, ino: stat.ino };
      this.#stamps.set(directory, stamp);
    }
    return stamp;
  }

  /** The path of a directory by way of its parents' handles; undefined when one is missing. */
  directory(gfid: Gfid): string | undefined {
    const names: string[] = [];
    const passed: Gfid[] = [];
    let at = gfid;
    while (!this.#directories.has(at)) {
      const link = passed.length < MAX_DEPTH ? DIRECTORY_HANDLE.exec(this.#readlink(this.#handle(at)) ?? '') : null;
      const [, parent, name] = link ?? [];
      if (parent === undefined || name === undefined || !UUID.test(parent)) {
        for (const missed of [...passed, at]) this.#directories.set(missed, undefined);
        return undefined;
      }
      passed.push(at);
      names.push(name);
      at = parent;
    }
    let path = this.#directories.get(at);
    for (let index = passed.length - 1; index >= 0; index -= 1) {
      const [child, name] = [passed[index], names[index]];
      if (child === undefined || name === undefined) continue;
      if (path !== undefined) path = path === '' ? name : `${path}/${name}`;
      this.#directories.set(child, path);
    }
    return path;
  }

  /** Where the handle of a directory says that it is. */
  link(gfid: Gfid): NameRecord | undefined {
    const [, parent, name] = DIRECTORY_HANDLE.exec(this.#readlink(this.#handle(gfid)) ?? '') ?? [];
    return parent === undefined || name === undefined || !UUID.test(parent) ? undefined : { parent, name };
  }

  #records(handle: string): NameRecord[] {
    let fd: number;
    try {
      fd = fs.openSync(handle, O_PATH | fs.constants.O_NOFOLLOW);
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return [];
      throw brickIo(handle, cause);
    }
    try {
      const path = descriptorPath(fd);
      const keys = listAttributesSync(path).filter((key) => key.startsWith(GFID2PATH));
      return keys.slice(0, MAX_NAMES).flatMap((key) => parseGfid2Path(getAttributeSync(path, key)) ?? []);
    } catch (cause) {
      throw brickIo(`reading ${GFID2PATH}* of ${handle}`, cause);
    } finally {
      fs.closeSync(fd);
    }
  }

  #handle(gfid: Gfid): string {
    return `${this.#root}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`;
  }

  #absolute(path: string): string | Buffer {
    const full = `${this.#root}/${path}`;
    // As text it costs a third less, and most names are ASCII.
    return NOT_ASCII.test(full) ? Buffer.from(full, 'latin1') : full;
  }

  #readlink(path: string): string | undefined {
    try {
      return fs.readlinkSync(path, 'latin1');
    } catch (cause) {
      // EINVAL: not a symlink, so not a directory's handle.
      if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(errnoOf(cause) ?? '')) return undefined;
      throw brickIo(path, cause);
    }
  }

  #lstat(path: string | Buffer): fs.Stats | undefined {
    try {
      return fs.lstatSync(path, { throwIfNoEntry: false });
    } catch (cause) {
      if (['ENOTDIR', 'ENAMETOOLONG'].includes(errnoOf(cause) ?? '')) return undefined;
      throw brickIo(String(path), cause);
    }
  }
}

function isSameInode(one: InodeStamp | undefined, other: InodeStamp): boolean {
  return one?.ino === other.ino && one.dev === other.dev;
}

/** @returns undefined for what posix would not write */
export function parseGfid2Path(value: Buffer): NameRecord | undefined {
  const text = value.toString('latin1');
  const parent = text.slice(0, 36);
  const name = text.slice(37);
  if (!UUID.test(parent) || text[36] !== '/' || name === '' || /[/\0]/.test(name) || name === '.' || name === '..') {
    return undefined;
  }
  return { parent, name };
}
