import { stat } from 'node:fs/promises';
import { withDeadline } from '../lib/deadline.ts';
import { LOG_DEADLINE_MS, openLog, readBytes } from './log-file.ts';

/** Read in one look; more between two looks is passed over up to the newest. In bytes, some 600 lines of refused writes. */
const MAX_LOOK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export interface LogNews {
  /** Whole lines. */
  text: string;
  /** Lines before these were not read: it is the first look, the log was rotated, or there was too much. */
  isGap: boolean;
}

/** Reads a log as it grows, look by look, and holds no descriptor in between. A look at one that has not grown is one stat. */
export class LogFollower {
  readonly #path: string;
  readonly #maxBytes: number;
  #at: { ino: number; offset: number } | undefined;

  /** @param maxBytes another is for tests */
  constructor(path: string, maxBytes: number = MAX_LOOK_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  get path(): string {
    return this.#path;
  }

  /** @returns undefined when it cannot be read now; what it has then is read later */
  async readNew(): Promise<LogNews | undefined> {
    try {
      return await withDeadline(LOG_DEADLINE_MS, `reading ${this.#path}`, async () => await this.#read());
    } catch {
      return undefined;
    }
  }

  async #read(): Promise<LogNews> {
    const { ino, size } = await stat(this.#path);
    const known = this.#at?.ino === ino && this.#at.offset <= size ? this.#at : undefined;
    if (known?.offset === size) return { text: '', isGap: false };
    const from = Math.max(known?.offset ?? 0, size - this.#maxBytes);
    const isCut = from > (known?.offset ?? 0);
    const handle = await openLog(this.#path);
    try {
      const bytes = await readBytes(handle, from, this.#maxBytes);
      // A line that is not all there is read at the next look; one of more than a look is given up.
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      const begin = isCut ? bytes.indexOf(NEWLINE) + 1 : 0;
      const isOversized = end === 0 && bytes.length === this.#maxBytes;
      this.#at = { ino, offset: from + (isOversized ? bytes.length : end) };
      return {
        text: bytes.toString('utf8', Math.min(begin, end), end),
        isGap: known === undefined || isCut || isOversized,
      };
    } finally {
      await handle.close();
    }
  }
}
