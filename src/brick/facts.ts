/** What can be seen of the brick's directory, its mount and our own rights; judged in `identity.ts`. */
import fs from 'node:fs';
import { errnoOf, errorMessage } from '../lib/errors.ts';
import { gfidFromBytes } from '../lib/gfid.ts';
import { brickIo, DirectoryHandle } from './handle.ts';
import { findMount, type MountEntry } from './mount-info.ts';
import { getXattr } from './xattr.ts';

/** capabilities(7): `trusted.*` xattrs are visible to CAP_SYS_ADMIN only, and only in the initial user namespace. */
const CAP_SYS_ADMIN_BIT = 21n;

export interface BrickCapacity {
  totalBytes: bigint;
  freeBytes: bigint;
  /** Free for everybody but root. */
  availableBytes: bigint;
  inodes: bigint;
  inodesFree: bigint;
}

export interface BrickFacts {
  /** undefined: a directory; else why not. */
  directoryError: string | undefined;
  /** `device:inode` of the directory; changes when another file system is mounted there or taken away. */
  place: string | undefined;
  mount: MountEntry | undefined;
  /** trusted.glusterfs.volume-id as UUID text. */
  volumeId: string | undefined;
  volumeIdError: string | undefined;
  hasSysAdmin: boolean | undefined;
  isInitialUserNamespace: boolean | undefined;
  capacity: BrickCapacity | undefined;
  /** When the brick's own health check last wrote its file, in wall-clock milliseconds; undefined: it did not, or not whole. */
  healthCheckAt: number | undefined;
}

export function readBrickFacts(path: string): BrickFacts {
  const facts: BrickFacts = {
    directoryError: undefined,
    place: undefined,
    mount: attempt(() => findMount(fs.readFileSync('/proc/self/mountinfo', 'utf8'), path)),
    volumeId: undefined,
    volumeIdError: undefined,
    hasSysAdmin: attempt(() => hasSysAdmin(fs.readFileSync('/proc/self/status', 'utf8'))),
    isInitialUserNamespace: attempt(() => isInitialUserNamespace(fs.readFileSync('/proc/self/uid_map', 'utf8'))),
    capacity: undefined,
    healthCheckAt: undefined,
  };
  try {
    using directory = DirectoryHandle.open(path);
    if (directory === undefined) facts.directoryError = 'does not exist';
    else readDirectory(directory, facts);
  } catch (error) {
    facts.directoryError = errorMessage(error);
  }
  return facts;
}

function readDirectory(directory: DirectoryHandle, facts: BrickFacts): void {
  facts.place = placeOf(directory);
  const fsStat = fs.statfsSync(directory.path, { bigint: true });
  facts.capacity = {
    totalBytes: fsStat.blocks * fsStat.bsize,
    freeBytes: fsStat.bfree * fsStat.bsize,
    availableBytes: fsStat.bavail * fsStat.bsize,
    inodes: fsStat.files,
    inodesFree: fsStat.ffree,
  };
  facts.healthCheckAt = attempt(() => healthCheckAt(`${directory.path}/.glusterfs/health_check`));
  try {
    const value = getXattr(directory, 'trusted.glusterfs.volume-id');
    if (value?.length === 16) facts.volumeId = gfidFromBytes(value);
    else if (value !== undefined) facts.volumeIdError = `it has ${value.length} bytes instead of 16`;
  } catch (error) {
    facts.volumeIdError = errorMessage(error);
  }
}

/** Free blocks and inodes, as text to be compared. */
export function freeSpace(directory: DirectoryHandle): string {
  try {
    const { bfree, ffree } = fs.statfsSync(directory.path, { bigint: true });
    return `${bfree}:${ffree}`;
  } catch (cause) {
    throw brickIo('asking for the free space', cause);
  }
}

/**
 * storage/posix empties the file, then writes the time to it. Where the write does not come back, or fails, the file stays empty,
 * with a new mtime, and the brick only logs (11.1). The text itself is no help: 11.1 writes six bytes of it (`2026-1`).
 */
function healthCheckAt(path: string): number | undefined {
  const stat = fs.lstatSync(path);
  return stat.isFile() && stat.size > 0 ? stat.mtimeMs : undefined;
}

/** `device:inode`. */
export function placeOf(directory: DirectoryHandle): string {
  const { dev, ino } = directory.stat();
  return `${dev}:${ino}`;
}

/** @param status content of /proc/self/status */
export function hasSysAdmin(status: string): boolean | undefined {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex === undefined ? undefined : ((BigInt(`0x${hex}`) >> CAP_SYS_ADMIN_BIT) & 1n) === 1n;
}

/** @param uidMap content of /proc/self/uid_map; the initial namespace maps all ids to themselves */
export function isInitialUserNamespace(uidMap: string): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // /proc not mounted or masked: the fact is not known, which the judgement below takes as such.
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
