/**
 * This brick's copies of objects, and what it has under names, for the agents of the other bricks to compare with theirs. What
 * differs is judged in `heal/`.
 */
import fs from 'node:fs';
import { getAttributeSync, listAttributesSync } from 'fs-xattr';
import { gfidFromBytes, ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { descriptorPath } from './descriptor-path.ts';
import { GFID2PATH, GfidPaths, MAX_NAMES, type NameRecord } from './gfid-path.ts';
import type { DirectoryHandle } from './handle.ts';
import {
  countersOf,
  O_PATH,
  recordsOf,
  typeOf,
  withDescriptor,
  type MissingObject,
  type ObjectType,
} from './heal-entries.ts';

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
/** Names of a directory that are looked through; a few milliseconds. */
const MAX_LISTED = 10_000;

export interface BrickCopy {
  type: ObjectType;
  /** Bytes. */
  size: number;
  /** Wall-clock milliseconds of the last change of the content. */
  modifiedAt: number;
  /** Permissions and type bits. */
  mode: number;
  uid: number;
  gid: number;
  /** `trusted.afr.*`, their bytes in hex. */
  counters: Record<string, string>;
  /** Where it is known to be, by the gfid of the directory. */
  names: NameRecord[];
}

/** In the order of the gfids. @throws AgentError `BrickIo` */
export function readCopies(root: DirectoryHandle, gfids: readonly Gfid[]): (BrickCopy | MissingObject)[] {
  const paths = new GfidPaths(root);
  return gfids.map((gfid) => readCopy(root, paths, gfid));
}

export interface NamedObject {
  gfid: Gfid;
  type: ObjectType;
}

/** What stands under each name, in their order; undefined: nothing of Gluster's. @throws AgentError `BrickIo` */
export function readNamed(root: DirectoryHandle, names: readonly NameRecord[]): (NamedObject | undefined)[] {
  const paths = new GfidPaths(root);
  return names.map(({ parent, name }) => {
    const directory = paths.directory(parent);
    if (directory === undefined) return undefined;
    const path = `${root.path}/${directory === '' ? '' : `${directory}/`}${name}`;
    return withDescriptor(Buffer.from(path, 'latin1'), O_PATH | O_NOFOLLOW, (fd) => {
      const gfid = ownGfid(fd);
      return gfid === undefined ? undefined : { gfid, type: typeOf(fs.fstatSync(fd)) };
    });
  });
}

/**
 * Symlinks in directories, which no heal index names: replicate marks files and directories that it makes while a brick is away,
 * and not symlinks (measured on 11.1), so that of these only their directory waits.
 *
 * @param limit the others are left out
 * @throws AgentError `BrickIo`
 */
export function readSymlinks(root: DirectoryHandle, directories: readonly Gfid[], limit: number): Gfid[] {
  const paths = new GfidPaths(root);
  const found: Gfid[] = [];
  for (const gfid of directories) {
    const path = paths.directory(gfid);
    if (path === undefined) continue;
    const full = Buffer.from(path === '' ? root.path : `${root.path}/${path}`, 'latin1');
    withDescriptor(full, O_PATH | O_DIRECTORY | (path === '' ? 0 : O_NOFOLLOW), (fd) => {
      if (ownGfid(fd) === gfid) collectSymlinks(descriptorPath(fd), limit, found);
      return undefined;
    });
  }
  return found;
}

function collectSymlinks(directory: string, limit: number, found: Gfid[]): void {
  const listing = fs.opendirSync(directory, { encoding: 'latin1' });
  try {
    for (let listed = 0; listed < MAX_LISTED && found.length < limit; listed += 1) {
      const entry = listing.readSync();
      if (entry === null) return;
      if (!entry.isSymbolicLink()) continue;
      const path = Buffer.from(`${directory}/${entry.name}`, 'latin1');
      const gfid = withDescriptor(path, O_PATH | O_NOFOLLOW, ownGfid);
      if (gfid !== undefined) found.push(gfid);
    }
  } finally {
    listing.closeSync();
  }
}

function readCopy(root: DirectoryHandle, paths: GfidPaths, gfid: Gfid): BrickCopy | MissingObject {
  const handle = `${root.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`;
  // A directory's handle is a symlink without another name.
  const found =
    gfid === ROOT_GFID
      ? 'directory'
      : withDescriptor(handle, O_PATH | O_NOFOLLOW, (fd) => {
          const stat = fs.fstatSync(fd);
          return stat.isSymbolicLink() && stat.nlink === 1 ? 'directory' : describe(fd, stat);
        });
  if (found !== 'directory') return found ?? 'gone';
  const path = paths.directory(gfid);
  if (path === undefined) return 'unresolved';
  const full = Buffer.from(path === '' ? root.path : `${root.path}/${path}`, 'latin1');
  const directory = withDescriptor(full, O_PATH | O_DIRECTORY | (path === '' ? 0 : O_NOFOLLOW), (fd) =>
    ownGfid(fd) === gfid ? describe(fd, fs.fstatSync(fd)) : undefined,
  );
  const link = paths.link(gfid);
  return directory === undefined ? 'unresolved' : { ...directory, names: link === undefined ? [] : [link] };
}

function describe(fd: number, stat: fs.Stats): BrickCopy {
  const at = descriptorPath(fd);
  const keys = listAttributesSync(at);
  const records = keys.filter((key) => key.startsWith(GFID2PATH)).slice(0, MAX_NAMES);
  const { size, mtimeMs: modifiedAt, mode, uid, gid } = stat;
  const counters = countersOf(at, keys);
  return { type: typeOf(stat), size, modifiedAt, mode, uid, gid, counters, names: [...recordsOf(at, records)] };
}

function ownGfid(fd: number): Gfid | undefined {
  const value = getAttributeSync(descriptorPath(fd), 'trusted.gfid');
  return value.length === 16 ? gfidFromBytes(value) : undefined;
}
