import fs from 'node:fs';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';
import { descriptorPath } from './descriptor-path.ts';

/** open(2)'s O_PATH on Linux (asm-generic); Node does not name it. Such a descriptor opens nothing and cannot block on a FIFO. */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
/** One block of ext4, or what XFS keeps in one or in the inode: a few hundred names at the most. */
const SMALL_DIRECTORY_BYTES = 4096n;
export const NOT_ASCII = /[^\0-\u{7f}]/u;

/**
 * A directory held by descriptor, so that what is done to it cannot end up elsewhere when a name is swapped for a symlink in
 * the meantime. Synchronous: for worker threads only.
 */
export class DirectoryHandle implements Disposable {
  /** A path that means this very directory for as long as the handle is open. */
  readonly path: string;
  readonly #fd: number;
  #realPath: string | undefined;
  #readPath: string | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
    this.path = descriptorPath(fd);
  }

  /**
   * @returns undefined when there is no such entry
   * @throws AgentError `BrickIo` for anything that is not a directory (a symlink is not one) or cannot be opened
   */
  static open(path: string): DirectoryHandle | undefined {
    try {
      return new DirectoryHandle(fs.openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    } catch (cause) {
      const errno = errnoOf(cause);
      if (errno === 'ENOENT') return undefined;
      if (errno === 'ENOTDIR' || errno === 'ELOOP') {
        throw new AgentError('BrickIo', `${path}: not a directory`, { cause, details: { errno } });
      }
      throw brickIo(path, cause);
    }
  }

  /** As `open`; undefined for whatever reason it cannot be opened. */
  static tryOpen(path: string): DirectoryHandle | undefined {
    try {
      return new DirectoryHandle(fs.openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    } catch {
      return undefined;
    }
  }

  /** Where the kernel says it lies, in latin1 (one character a byte); undefined when it does not say. */
  realPath(): string | undefined {
    try {
      this.#realPath ??= fs.readlinkSync(this.path, 'latin1');
    } catch {
      // Without /proc nothing below works either.
    }
    return this.#realPath;
  }

  /** Whether the kernel says that it lies there. @param path in ASCII, as which the kernel's answer is decoded in no time */
  liesAt(path: string): boolean {
    try {
      return fs.readlinkSync(this.path) === path;
    } catch {
      return false;
    }
  }

  /** As `realPath`, for those who may be led elsewhere by it; undefined also when it cannot be written in ASCII. */
  asciiPath(): string | undefined {
    const path = this.realPath();
    return path === undefined || NOT_ASCII.test(path) ? undefined : path;
  }

  /**
   * Where to read much below it: the plain path as long as that leads to this very directory, since each look-up by way of
   * /proc costs twice as much (measured); otherwise `path`. For reading only, and what was read counts when `isAtReadPath` says
   * so afterwards: a mount may come in between.
   */
  readPath(): string {
    if (this.#readPath === undefined) {
      this.#readPath = this.asciiPath() ?? this.path;
      if (!this.isAtReadPath()) this.#readPath = this.path;
    }
    return this.#readPath;
  }

  isAtReadPath(): boolean {
    const path = this.#readPath;
    if (path === undefined || path === this.path) return true;
    try {
      const { dev, ino } = fs.lstatSync(path, { bigint: true });
      const own = this.stat();
      return own.dev === dev && own.ino === ino;
    } catch {
      // Renamed, unmounted, or out of reach of this process's root; the descriptor still leads there.
      return false;
    }
  }

  /** The entry of that name, if it is a directory; see `open`. The name must be a single component. */
  child(name: string): DirectoryHandle | undefined {
    assertComponent(name);
    return DirectoryHandle.open(`${this.path}/${name}`);
  }

  stat(): fs.BigIntStats {
    return fs.fstatSync(this.#fd, { bigint: true });
  }

  /** Whether there is any entry besides `.` and `..`. */
  hasEntries(): boolean {
    // Every sub-directory is a link to its parent, so a directory with more than two links needs no look inside.
    const { nlink, size } = this.stat();
    if (nlink > 2n) return true;
    // To open a directory for reading it piece by piece costs three times as much as to read a small one.
    if (size <= SMALL_DIRECTORY_BYTES) return fs.readdirSync(this.path, 'latin1').length > 0;
    const directory = fs.opendirSync(this.path, { bufferSize: 1 });
    try {
      return directory.readSync() !== null;
    } finally {
      directory.closeSync();
    }
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a directory below the root, following no symlink and never leaving the root.
 *
 * @param path relative, e.g. `subvol/ab/cd/pvc-1`
 * @returns undefined when a component does not exist
 * @throws AgentError `BadRequest` for a path that is not of plain components or that enters `.glusterfs`, `BrickIo`
 */
export function openBelow(root: DirectoryHandle, path: string): DirectoryHandle | undefined {
  if (path === '.glusterfs' || path.startsWith('.glusterfs/')) {
    throw new AgentError('BadRequest', `${path}: .glusterfs is not for quotas`);
  }
  return openAtOnce(root, path) ?? openStepwise(root, path.split('/'));
}

/**
 * One system call in place of seven: what the kernel says was opened must be that very path, so no component of it was a
 * symlink, empty, `.` or `..`. Whatever is odd is left to the slow way.
 */
function openAtOnce(root: DirectoryHandle, path: string): DirectoryHandle | undefined {
  const rootPath = root.asciiPath();
  if (rootPath === undefined || NOT_ASCII.test(path)) return undefined;
  const handle = DirectoryHandle.tryOpen(`${root.path}/${path}`);
  if (handle === undefined || handle.liesAt(`${rootPath}/${path}`)) return handle;
  handle.close();
  return undefined;
}

function openStepwise(root: DirectoryHandle, names: readonly string[]): DirectoryHandle | undefined {
  let current = root;
  for (const name of names) {
    let next: DirectoryHandle | undefined;
    try {
      next = current.child(name);
    } finally {
      if (current !== root) current.close();
    }
    if (next === undefined) return undefined;
    current = next;
  }
  return current;
}

function isComponent(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

/** A name that a path may be made of. @throws AgentError `BadRequest` */
function assertComponent(name: string): void {
  if (!isComponent(name)) {
    throw new AgentError('BadRequest', `"${name}" cannot be part of a path on the brick`);
  }
}

export function brickIo(what: string, cause: unknown): AgentError {
  const errno = errnoOf(cause) ?? errorMessage(cause);
  return new AgentError('BrickIo', `${what}: ${errno}`, { cause, details: { errno } });
}
