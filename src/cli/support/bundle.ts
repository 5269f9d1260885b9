/** Writes the archive: compressed as it is made, readable by its owner only, and under its name only when it is whole. */
import { open, rename, unlink } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import { tar } from '../../lib/tar.ts';
import type { SupportFile } from './collect.ts';

/** Every part has a deadline of its own; all of them together take no longer than this, in milliseconds. */
const DEADLINE_MS = 180_000;

/** @throws AgentError `BadRequest` when the file cannot be written, `Timeout` */
export async function writeBundle(files: AsyncIterable<SupportFile>, path: string): Promise<void> {
  const unfinished = `${path}.unfinished-${process.pid}`;
  try {
    const handle = await open(unfinished, 'wx', 0o600);
    try {
      await streamBundle(files, handle.createWriteStream({ flush: true }));
    } finally {
      // The stream has closed it, unless it failed.
      await handle.close().catch(() => undefined);
    }
    await rename(unfinished, path);
  } catch (cause) {
    await unlink(unfinished).catch(() => undefined);
    if (cause instanceof AgentError) throw cause;
    throw new AgentError('BadRequest', `${path}: cannot be written (${errnoOf(cause) ?? errorMessage(cause)})`, {
      cause,
    });
  }
}

export async function streamBundle(files: AsyncIterable<SupportFile>, to: Writable): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  try {
    await pipeline(Readable.from(tar(files)), createGzip(), to, { signal });
  } catch (cause) {
    if (signal.aborted) throw new AgentError('Timeout', `no bundle within ${DEADLINE_MS / 1000} s`, { cause });
    throw cause;
  }
}
