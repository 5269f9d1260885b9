import { open, stat } from 'node:fs/promises';
import { withDeadline } from '../lib/deadline.ts';
import { errnoOf, errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { MAX_QUOTA_FILE_BYTES, parseQuotaFile, type QuotaFileContent } from '../quota/quota-file.ts';

/** A mounted ConfigMap is in memory; this is for a network file system in its place. In milliseconds. */
const READ_DEADLINE_MS = 2_000;

/**
 * The mounted quota file, looked at with every pass: one stat while it does not change. When it cannot be read or parsed, the last
 * good one stays in force, and the enforcer says so: a slip in a ConfigMap must not take limits away.
 */
export class QuotaFileSource {
  readonly #path: string;
  readonly #log: Log;
  #key = '';
  #good: QuotaFileContent = { entries: [], refusals: [], error: undefined };
  #error: string | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Why the file as it stands is not in force; undefined when it is. */
  get error(): string | undefined {
    return this.#error;
  }

  async read(signal: AbortSignal): Promise<QuotaFileContent> {
    try {
      await withDeadline(READ_DEADLINE_MS, `reading ${this.#path}`, async () => await this.#refresh(), signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#error = errnoOf(error) ?? errorMessage(error);
      // Whatever it was: read it again, also when its times are the same.
      this.#key = '';
    }
    return this.#good;
  }

  async #refresh(): Promise<void> {
    const { ino, size, mtimeMs, ctimeMs } = await stat(this.#path);
    const key = `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
    if (key === this.#key) return;
    const content = parseQuotaFile(await readBounded(this.#path));
    this.#key = key;
    if (content.error !== undefined) {
      this.#error = content.error;
      return;
    }
    this.#good = content;
    this.#error = undefined;
    this.#log.info(
      { file: this.#path, quotas: content.entries.length, refused: content.refusals.length },
      'quota file read',
    );
  }
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(MAX_QUOTA_FILE_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
