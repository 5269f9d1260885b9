/**
 * One directory of a scan: opened so that no symlink can lead out of the PV, and measured on its own, so that a later feed of
 * changed directories can measure one again without its neighbours.
 *
 * Names are bytes: they are carried as latin1 strings, one character a byte, which is exact and needs no decoding.
 */
import fs, { type Stats } from 'node:fs';
import { errnoOf } from '../../lib/errors.ts';
import { descriptorPath } from '../descriptor-path.ts';
import { brickIo } from '../handle.ts';
import { counterBytes, diskBytes, isDirectory } from './count.ts';

/** open(2)'s O_PATH on Linux (asm-generic); Node does not name it. */
const O_PATH = 0o10000000;
const OPEN_FLAGS = O_PATH | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
/** Entries per system call. Streaming keeps a directory of millions of entries out of memory; larger batches were no faster. */
const READ_AHEAD = 64;
const NO_THROW = { throwIfNoEntry: false } as const;
const NOT_ASCII = /[^\0-\u{7f}]/u;

/** Names of the agent's own short-lived helper files: never a tenant's data. */
export const HELPER_PREFIX = '.kq-';
/** Gluster's own directory; only at the root of a brick, where no PV is, but never to be entered whatever is asked. */
const INTERNAL = '.glusterfs';

/** An inode with more than one name; whoever adds up directories counts it once (see LinkSet). */
export interface MultiLink {
  ino: number;
  nlink: number;
  diskBytes: number;
  counterBytes: number;
}

export interface DirectoryMeasure {
  /** The directory's own blocks and those of its entries that are not directories, without `links`; see count.ts. */
  diskBytes: number;
  counterBytes: number;
  /** Everything but directories, `links` included. */
  files: number;
  links: MultiLink[];
  /** Names of the directories in it, latin1. */
  subdirectories: string[];
}

export class ScanDirectory implements Disposable {
  /** As the kernel shows it, latin1. */
  readonly path: string;
  readonly stats: Stats;
  readonly #fd: number;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.path = path;
    this.stats = fs.fstatSync(fd);
  }

  /**
   * @param path of a directory that is trusted, or of one whose real path is known to be `path`
   * @returns undefined when there is no such directory (any more), or when a symlink was put in its way: what the kernel says
   *   was opened must be `path` itself
   * @throws AgentError `BrickIo`
   */
  static open(path: string): ScanDirectory | undefined {
    let fd: number | undefined;
    try {
      fd = fs.openSync(toPath(path), OPEN_FLAGS);
      if (realPath(fd) === path) return new ScanDirectory(fd, path);
      fs.closeSync(fd);
      return undefined;
    } catch (cause) {
      if (fd !== undefined) fs.closeSync(fd);
      const errno = errnoOf(cause);
      if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined;
      throw brickIo('opening a directory', cause);
    }
  }

  /** An already opened directory, e.g. a DirectoryHandle's path. @throws AgentError `BrickIo` */
  static at(handlePath: string): ScanDirectory {
    let fd: number | undefined;
    try {
      fd = fs.openSync(`${handlePath}/.`, OPEN_FLAGS);
      return new ScanDirectory(fd, realPath(fd));
    } catch (cause) {
      if (fd !== undefined) fs.closeSync(fd);
      throw brickIo('opening a directory', cause);
    }
  }

  /** Through which the entries can be listed without a path. */
  get handlePath(): string {
    return descriptorPath(this.#fd);
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.#fd);
  }
}

/**
 * Measures one directory without its sub-directories. Entries that vanish meanwhile count nothing; those on another file system
 * are left out.
 *
 * @param tick called for every entry; may sleep, and throws to give up
 * @throws AgentError `BrickIo`, and what `tick` throws
 */
export function measureDirectory(directory: ScanDirectory, tick: () => void): DirectoryMeasure {
  const { dev } = directory.stats;
  const measure: DirectoryMeasure = {
    diskBytes: diskBytes(directory.stats),
    counterBytes: 0,
    files: 0,
    links: [],
    subdirectories: [],
  };
  const prefix = `${directory.path}/`;
  const isAsciiPrefix = !NOT_ASCII.test(prefix);
  using entries = new Entries(directory);
  for (let entry = entries.next(); entry !== null; entry = entries.next()) {
    tick();
    const { name } = entry;
    if (entry.isDirectory()) {
      if (name !== INTERNAL) measure.subdirectories.push(name);
      continue;
    }
    if (name.startsWith(HELPER_PREFIX)) continue;
    const path = prefix + name;
    const stats = statOf(isAsciiPrefix && !NOT_ASCII.test(name) ? path : Buffer.from(path, 'latin1'));
    // Another device: a path component was swapped under us, or something is mounted here. Neither is the PV's.
    if (stats === undefined || stats.dev !== dev || isDirectory(stats)) continue;
    measure.files += 1;
    if (stats.nlink > 2) {
      const { ino, nlink } = stats;
      measure.links.push({ ino, nlink, diskBytes: diskBytes(stats), counterBytes: counterBytes(stats) });
    } else {
      measure.diskBytes += diskBytes(stats);
      measure.counterBytes += counterBytes(stats);
    }
  }
  return measure;
}

/** Entries one by one, read ahead in small batches. */
class Entries implements Disposable {
  readonly #stream: fs.Dir;

  constructor(directory: ScanDirectory) {
    try {
      this.#stream = fs.opendirSync(directory.handlePath, { encoding: 'latin1', bufferSize: READ_AHEAD });
    } catch (cause) {
      throw brickIo('listing a directory', cause);
    }
  }

  next(): fs.Dirent | null {
    try {
      return this.#stream.readSync();
    } catch (cause) {
      throw brickIo('listing a directory', cause);
    }
  }

  [Symbol.dispose](): void {
    this.#stream.closeSync();
  }
}

/** @returns undefined when it vanished */
function statOf(path: string | Buffer): Stats | undefined {
  try {
    return fs.lstatSync(path, NO_THROW);
  } catch (cause) {
    throw brickIo('looking at a file', cause);
  }
}

function realPath(fd: number): string {
  return fs.readlinkSync(descriptorPath(fd), 'latin1');
}

/** Node writes strings as UTF-8; bytes beyond ASCII must go as bytes. */
function toPath(latin1: string): string | Buffer {
  return NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1') : latin1;
}
