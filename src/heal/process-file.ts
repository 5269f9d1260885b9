/**
 * Reads a file as another process sees it: below its root, with every symbolic link resolved there. Opening
 * `/proc/<pid>/root/...` as it is would follow an absolute link into our own file system.
 */
import { constants } from 'node:fs';
import { lstat, open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../lib/errors.ts';

export interface ProcessPath {
  /** In our own view. */
  path: string;
  /** Wall-clock milliseconds of the latest change of a link on the way; 0 when there was none. */
  linksChangedAt: number;
}

export interface ProcessFile {
  bytes: Uint8Array;
  /** Wall-clock milliseconds of the latest change of the content or of what the name leads to. */
  changedAt: number;
}

/** The kernel's own bound. */
const MAX_LINKS = 40;

/**
 * @param root of the process, e.g. `/proc/7/root`
 * @param path absolute, as the process would write it
 * @throws a system error: ENOENT, EACCES...; ELOOP for too many links
 */
export async function resolveBelow(root: string, path: string): Promise<ProcessPath> {
  const pending = path.split('/').reverse();
  const done: string[] = [];
  let linksChangedAt = 0;
  let links = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = join(root, ...done, part);
    const stats = await lstat(here);
    if (!stats.isSymbolicLink()) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw Object.assign(new Error(`ELOOP: too many links, '${path}'`), { code: 'ELOOP' });
    // A swap of links changes the time of the link (rename), not that of the file behind it.
    linksChangedAt = Math.max(linksChangedAt, stats.ctimeMs);
    const target = await readlink(here);
    if (target.startsWith('/')) done.length = 0;
    pending.push(...target.split('/').reverse());
  }
  return { path: join(root, ...done), linksChangedAt };
}

/**
 * @param maxBytes a larger file is refused
 * @returns undefined when it is not a regular file, or too large
 * @throws a system error, as `resolveBelow`
 */
export async function readBelow(root: string, path: string, maxBytes: number): Promise<ProcessFile | undefined> {
  const resolved = await resolveBelow(root, path);
  // Without O_NONBLOCK a FIFO would hold the thread until somebody writes to it.
  const handle = await open(resolved.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > maxBytes) return undefined;
    const bytes = await readUpTo(handle, stats.size + 1);
    if (bytes.length > stats.size) return undefined;
    return { bytes, changedAt: Math.max(resolved.linksChangedAt, stats.mtimeMs, stats.ctimeMs) };
  } finally {
    await handle.close();
  }
}

/** Whether two names lead to one file: the same inode of the same file system, whatever the mounts are. */
export async function isSameSocket(ours: string, root: string, theirs: string): Promise<boolean> {
  try {
    const [a, b] = [await lstatThrough(ours), await lstat((await resolveBelow(root, theirs)).path, { bigint: true })];
    return a.isSocket() && b.isSocket() && a.dev === b.dev && a.ino === b.ino;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

async function lstatThrough(path: string) {
  return await lstat((await resolveBelow('/', path)).path, { bigint: true });
}

async function readUpTo(handle: FileHandle, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === length) return Uint8Array.from(buffer.subarray(0, filled));
  }
}
