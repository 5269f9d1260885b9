/**
 * What is counted, defined once; docs/quota.md says it for people.
 *
 * `diskBytes` is what `du` says: st_blocks x 512 of everything in the directory, directories and the PV's own included, each
 * inode once. `counterBytes` is what the brick's own counter would be if it were right: gluster caps a file's blocks at its size
 * rounded up to 512 and simple-quota adds 512 for the file itself; directories, symlinks and special files cost nothing
 * (measured on 11.1; ordinary operations on ext4 follow it to the byte).
 */
import type { Stats } from 'node:fs';

/** Unit of st_blocks in bytes, on every file system. */
const BLOCK = 512;
/** What simple-quota takes for the existence of a file, in bytes. */
const PER_FILE = 512;

const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

export type CountedStats = Pick<Stats, 'mode' | 'blocks' | 'size'>;

export function isDirectory({ mode }: CountedStats): boolean {
  return (mode & TYPE_MASK) === DIRECTORY;
}

export function isRegular({ mode }: CountedStats): boolean {
  return (mode & TYPE_MASK) === REGULAR;
}

export function diskBytes({ blocks }: CountedStats): number {
  return blocks * BLOCK;
}

export function counterBytes(stats: CountedStats): number {
  if (!isRegular(stats)) return 0;
  return Math.min(stats.blocks, Math.ceil(stats.size / BLOCK)) * BLOCK + PER_FILE;
}
