/**
 * The directories of a PV with their gfids, and the short-lived second names by which a running brick is made to count a file
 * for its PV. Names are latin1 strings, one character a byte; no symlink is followed.
 */
import fs from 'node:fs';
import { getAttributeSync } from 'fs-xattr';
import { AgentError, errnoOf } from '../lib/errors.ts';
import { gfidFromBytes, type Gfid } from '../lib/gfid.ts';
import { brickIo, openBelow, type DirectoryHandle } from './handle.ts';
import { HELPER_PREFIX, ScanDirectory } from './scan/directory.ts';

/** More are not moved at once: their directories are locked while they are, for about 0.4 ms each. */
export const MAX_DIRECTORIES = 2_000;
/** Entries that are looked at for directories, in one call to the worker; some 1 µs each. */
const MAX_ENTRIES = 1_000_000;
/** `.kq-a-` and 16 hexadecimal digits. */
const TEMPORARY = /^\.kq-a-[0-9a-f]{16}$/;
/** A handle, the real name and ours. */
const NAMES_WITH_TEMPORARY = 3;

export interface PvDirectory {
  gfid: Gfid;
  parent: Gfid;
  name: string;
  /** 1: in the PV's own directory. */
  depth: number;
}

/**
 * All directories below a PV's, parents first. Second names that a killed agent has left are removed on the way.
 *
 * @returns undefined when there are too many, or no such PV. @throws AgentError `BrickIo`
 */
export function listDirectories(root: DirectoryHandle, path: string): PvDirectory[] | undefined {
  using top = openBelow(root, path);
  if (top === undefined) return undefined;
  using own = ScanDirectory.at(top.path);
  const found: PvDirectory[] = [];
  let level = [{ path: own.path, gfid: gfidOf(own) }];
  let entries = 0;
  for (let depth = 1; level.length > 0; depth += 1) {
    const next: { path: string; gfid: Gfid }[] = [];
    for (const parent of level) {
      using directory = ScanDirectory.open(parent.path);
      if (directory === undefined || parent.gfid === undefined) continue;
      for (const entry of fs.readdirSync(directory.handlePath, { encoding: 'latin1', withFileTypes: true })) {
        entries += 1;
        if (!entry.isDirectory()) {
          if (entry.name.startsWith(HELPER_PREFIX)) sweep(directory, entry.name);
          continue;
        }
        const childPath = `${parent.path}/${entry.name}`;
        using child = ScanDirectory.open(childPath);
        const gfid = child === undefined ? undefined : gfidOf(child);
        if (gfid === undefined) continue;
        found.push({ gfid, parent: parent.gfid, name: entry.name, depth });
        next.push({ path: childPath, gfid });
      }
      if (found.length > MAX_DIRECTORIES || entries > MAX_ENTRIES) return undefined;
    }
    level = next;
  }
  return found;
}

/** Gives a regular file a second name in its own directory. @returns false when it is no file or is gone */
export function addName(root: DirectoryHandle, path: string, temporary: string): boolean {
  const { directory, name } = split(path);
  using handle = ScanDirectory.open(`${root.realPath() ?? ''}/${directory}`);
  if (handle === undefined || !TEMPORARY.test(temporary)) return false;
  const from = Buffer.from(`${handle.handlePath}/${name}`, 'latin1');
  try {
    if (fs.lstatSync(from, { throwIfNoEntry: false })?.isFile() !== true) return false;
    fs.linkSync(from, `${handle.handlePath}/${temporary}`);
    return true;
  } catch (cause) {
    if (['EPERM', 'EACCES'].includes(errnoOf(cause) ?? '')) {
      throw new AgentError('BrickIo', 'a second name for a file needs the capabilities DAC_OVERRIDE and FOWNER', {
        cause,
      });
    }
    throw brickIo('linking a file', cause);
  }
}

/** Takes it away again. */
export function removeName(root: DirectoryHandle, path: string, temporary: string): void {
  using handle = ScanDirectory.open(`${root.realPath() ?? ''}/${split(path).directory}`);
  if (handle !== undefined) sweep(handle, temporary);
}

/** Those that have no handle: a directory without one is not found by its gfid. */
export function withoutHandle(root: DirectoryHandle, gfids: readonly Gfid[]): Gfid[] {
  return gfids.filter((gfid) => {
    const handle = `${root.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`;
    return fs.lstatSync(handle, { throwIfNoEntry: false }) === undefined;
  });
}

/** A tenant's file of such a name has no third one, and stays. */
function sweep(directory: ScanDirectory, name: string): void {
  if (!TEMPORARY.test(name)) return;
  const path = `${directory.handlePath}/${name}`;
  const stats = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true && stats.nlink >= NAMES_WITH_TEMPORARY) fs.unlinkSync(path);
}

function gfidOf(directory: ScanDirectory): Gfid | undefined {
  try {
    const value = getAttributeSync(directory.handlePath, 'trusted.gfid');
    return value.length === 16 ? gfidFromBytes(value) : undefined;
  } catch {
    // A directory that the brick has not finished making.
    return undefined;
  }
}

function split(path: string): { directory: string; name: string } {
  const at = path.lastIndexOf('/');
  return { directory: path.slice(0, Math.max(at, 0)), name: path.slice(at + 1) };
}
