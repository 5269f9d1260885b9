import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { brickIo } from './handle.ts';

/**
 * What was changed less than this before it was looked at may change again within the same tick of the file system's clock,
 * unseen. In milliseconds; ext4 and XFS tick with the kernel's timer (4 to 10 ms).
 */
const RACY_WINDOW_MS = 1_000;

/** What tells whether a file is the one that was read. Times to a quarter of a microsecond, which is what a number holds. */
export interface FileStamp {
  ino: number;
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  kind: 'directory' | 'file' | 'other';
  /** Whether a later change is certain to make another stamp. */
  settled: boolean;
}

/**
 * At the cost of one system call, and by numbers, which take half as long as bigints.
 *
 * @returns undefined when there is no such file
 * @throws AgentError `BrickIo`
 */
export function lookAt(path: string): FileStamp | undefined {
  const stat = lstat(path);
  return stat === undefined ? undefined : stampOf(stat);
}

/** As `lookAt`, with the number of directories in it, which not every file system tells. */
export function lookInto(path: string): { stamp: FileStamp; subdirectories: number | undefined } | undefined {
  const stat = lstat(path);
  if (stat === undefined) return undefined;
  // Each is a link to it, beside its own two; where they are not counted it has one link (btrfs, and ext4 above 65,000).
  return { stamp: stampOf(stat), subdirectories: stat.nlink < 2 ? undefined : stat.nlink - 2 };
}

function stampOf(stat: fs.Stats): FileStamp {
  const { ino, size, mtimeMs, ctimeMs } = stat;
  const kind = stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other';
  return { ino, size, mtimeMs, ctimeMs, kind, settled: Date.now() - ctimeMs > RACY_WINDOW_MS };
}

/** @throws AgentError `BrickIo` */
export function isStill(path: string, known: FileStamp | undefined): boolean {
  const stat = lstat(path);
  if (stat === undefined || known === undefined) return stat === known;
  return known.settled && isSame(stat, known);
}

/** Whether what was read when it had the stamp `known` is still what is there. */
export function isSameStamp(now: FileStamp, known: FileStamp | undefined): boolean {
  return known?.settled === true && isSame(now, known);
}

type Times = Pick<FileStamp, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>;

function isSame(a: Times, b: Times): boolean {
  return a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.ino === b.ino && a.size === b.size;
}

function lstat(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    if (errnoOf(cause) === 'ENOTDIR') return undefined;
    throw brickIo(path, cause);
  }
}
