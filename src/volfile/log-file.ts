/** Reads the log of a Gluster process: what it has written lately, and what it writes after a moment. */
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { withDeadline } from '../lib/deadline.ts';
import { errnoOf } from '../lib/errors.ts';

/** The log may lie on a disk that hangs; a reload does not wait for it. In milliseconds. */
export const LOG_DEADLINE_MS = 2000;

/** The end of a log that is searched for the start of the process; a quiet brick's whole log. In bytes. */
export const LOG_END_BYTES = 4 * 1024 * 1024;

/** A reload writes some lines for each option; more than this between two looks is cut. In bytes. */
const MAX_NEW_BYTES = 1024 * 1024;

/** Files that one reload's evidence may be spread over. */
const MAX_ROTATIONS = 3;

/** The last bytes of the log; undefined when it cannot be read. */
export async function readLogEnd(path: string, maxBytes: number = LOG_END_BYTES): Promise<string | undefined> {
  try {
    return await withDeadline(LOG_DEADLINE_MS, `reading ${path}`, async () => {
      const handle = await openLog(path);
      try {
        const { size } = await handle.stat();
        return await readFrom(handle, Math.max(0, size - maxBytes), maxBytes);
      } finally {
        await handle.close();
      }
    });
  } catch {
    // A log is evidence, never a need: without it the outcome says so.
    return undefined;
  }
}

/** What is appended after the tail was opened, over a rotation too: SIGHUP makes the process open its log anew. */
export class LogTail {
  readonly #path: string;
  readonly #handles: { handle: FileHandle; ino: number; offset: number }[];

  private constructor(path: string, handle: FileHandle, ino: number, offset: number) {
    this.#path = path;
    this.#handles = [{ handle, ino, offset }];
  }

  /** `undefined` when the log cannot be read. */
  static async open(path: string): Promise<LogTail | undefined> {
    try {
      return await withDeadline(LOG_DEADLINE_MS, `opening ${path}`, async () => {
        const handle = await openLog(path);
        const { ino, size } = await handle.stat();
        return new LogTail(path, handle, ino, size);
      });
    } catch {
      return undefined;
    }
  }

  /** What was appended since the last call; empty when nothing was, or when it cannot be read now. */
  async readNew(): Promise<string> {
    try {
      return await withDeadline(LOG_DEADLINE_MS, `reading ${this.#path}`, async () => {
        await this.#followRotation();
        let text = '';
        for (const file of this.#handles) {
          // Cut by a rotation that copies: what is there now is new.
          if ((await file.handle.stat()).size < file.offset) file.offset = 0;
          const part = await readBytes(file.handle, file.offset, MAX_NEW_BYTES);
          file.offset += part.length;
          text += part.toString('utf8');
        }
        return text;
      });
    } catch {
      return '';
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#handles.map(async ({ handle }) => await handle.close()));
  }

  async #followRotation(): Promise<void> {
    const ino = await inodeOf(this.#path);
    if (ino === undefined || this.#handles.some((file) => file.ino === ino)) return;
    if (this.#handles.length < MAX_ROTATIONS) {
      this.#handles.push({ handle: await openLog(this.#path), ino, offset: 0 });
    }
  }
}

/** `undefined` while the log is moved away: the process makes a new one with its next line. */
async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws where it is no regular file, or cannot be opened */
export async function openLog(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new TypeError(`${path} is not a regular file`);
}

async function readFrom(handle: FileHandle, offset: number, maxBytes: number): Promise<string> {
  return (await readBytes(handle, offset, maxBytes)).toString('utf8');
}

/** What there is from an offset on, at most so much. */
export async function readBytes(handle: FileHandle, offset: number, maxBytes: number): Promise<Buffer> {
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(Math.min(maxBytes, Math.max(0, size - offset)));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
  return buffer.subarray(0, bytesRead);
}
