/**
 * Reads the files of a volfile directory as one consistent set. The kubelet swaps a ConfigMap by renaming a link, so everything
 * is read through one look at that link: never half of the old and half of the new.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, errnoOf, errorMessage, isAgentError } from '../lib/errors.ts';
import { MAX_VOLFILE_BYTES } from './parse.ts';

export type VolfileEntry =
  | {
      ok: true;
      bytes: Uint8Array;
      sha256: string;
      /** Wall-clock milliseconds when the file got this content. */
      changedAt: number;
      /** Mounted with `subPath`: such a mount never follows the ConfigMap. */
      frozen: boolean;
    }
  | { ok: false; problem: string };

export interface VolfileSet {
  /** Over names and contents; changes when and only when one of them does. */
  hash: string;
  /** Where the files were read. */
  dataDir: string;
  kind: 'configmap' | 'plain';
  files: ReadonlyMap<string, VolfileEntry>;
  /** Why the directory could not be read as a whole; then there are no files. */
  problem: string | undefined;
}

/** A ConfigMap of volfiles holds a brick, a daemon and a client file for each of a few volumes. */
export const MAX_FILES = 64;

/** The volfile directory is memory-backed or a local disk; longer means that it hangs. In milliseconds. */
export const READ_DEADLINE_MS = 5000;

/** A swap while we read removes the directory under our hands; the next try sees the new one. */
const ATTEMPTS = 3;

const DATA_LINK = '..data';

/** Never throws for what is wrong with the directory or a file: that is told in the set. */
export async function readVolfileSet(dir: string): Promise<VolfileSet> {
  try {
    return await withDeadline(READ_DEADLINE_MS, `reading ${dir}`, async () => await readWithRetries(dir));
  } catch (error) {
    const reason = isAgentError(error, 'Timeout') ? error.message : `${dir} cannot be read: ${errorMessage(error)}`;
    return assemble(dir, 'plain', new Map(), reason);
  }
}

async function readWithRetries(dir: string): Promise<VolfileSet> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(dir);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function readOnce(dir: string): Promise<VolfileSet> {
  const link = await dataLink(dir);
  const dataDir = link === undefined ? dir : join(dir, link.target);
  const names = (await readdir(dataDir, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('..'))
    .map((entry) => entry.name)
    .sort();
  const frozen = link === undefined ? await mountPoints() : new Set<string>();
  const files = new Map<string, VolfileEntry>();
  for (const name of names.slice(0, MAX_FILES)) {
    files.set(name, await readEntry(join(dataDir, name), link?.changedAt, frozen.has(join(dir, name))));
  }
  for (const name of names.slice(MAX_FILES)) {
    files.set(name, { ok: false, problem: `the directory holds more than ${MAX_FILES} files` });
  }
  return assemble(dataDir, link === undefined ? 'plain' : 'configmap', files, undefined);
}

async function dataLink(dir: string): Promise<{ target: string; changedAt: number } | undefined> {
  const path = join(dir, DATA_LINK);
  try {
    // The kubelet writes a plain name; anything else is kept inside the directory all the same.
    const target = basename(await readlink(path));
    return { target, changedAt: (await lstat(path)).ctimeMs };
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** @param changedAt of the set; undefined: the file's own time counts. @throws ENOENT, for a new try */
async function readEntry(path: string, changedAt: number | undefined, frozen: boolean): Promise<VolfileEntry> {
  try {
    const { bytes, ctimeMs } = await readBounded(path);
    return { ok: true, bytes, sha256: sha256(bytes), changedAt: changedAt ?? ctimeMs, frozen };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw error;
    return { ok: false, problem: errorMessage(error) };
  }
}

/** SHA-256 in hex of a volfile elsewhere, e.g. as another process sees it; undefined when it cannot be read. */
export async function hashVolfile(path: string): Promise<string | undefined> {
  try {
    return sha256(await readVolfile(path));
  } catch {
    // No right to look into the other process's root: expected without SYS_PTRACE.
    return undefined;
  }
}

/** As `hashVolfile`, of what came another way. */
export function hashText(text: string): string {
  return sha256(text);
}

/**
 * A single volfile. @throws AgentError `VolfileInvalid` when it is no regular file of at most MAX_VOLFILE_BYTES, `Timeout`; what
 * the file system says
 */
export async function readVolfile(path: string): Promise<Uint8Array> {
  const read = async (): Promise<Uint8Array> => (await readBounded(path)).bytes;
  return await withDeadline(READ_DEADLINE_MS, `reading ${path}`, read);
}

async function readBounded(path: string): Promise<{ bytes: Uint8Array; ctimeMs: number }> {
  // Without O_NONBLOCK a FIFO would hold the thread until somebody writes to it.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new AgentError('VolfileInvalid', 'it is not a regular file');
    if (info.size > MAX_VOLFILE_BYTES) {
      throw new AgentError('VolfileInvalid', `it is larger than ${MAX_VOLFILE_BYTES} bytes`);
    }
    const buffer = Buffer.alloc(info.size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, length)).bytesRead;
    }
    if (length > info.size) throw new AgentError('VolfileInvalid', 'it grows while it is read');
    return { bytes: Uint8Array.from(buffer.subarray(0, length)), ctimeMs: info.ctimeMs };
  } finally {
    await handle.close();
  }
}

/** Where something is mounted, in this process's view. */
async function mountPoints(): Promise<Set<string>> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return new Set(
    table.split('\n').flatMap((line) => line.split(' ')[4]?.replaceAll(/\\(\d{3})/g, unescapeOctal) ?? []),
  );
}

function unescapeOctal(_whole: string, digits: string): string {
  return String.fromCodePoint(Number.parseInt(digits, 8));
}

function assemble(
  dataDir: string,
  kind: VolfileSet['kind'],
  files: Map<string, VolfileEntry>,
  problem: string | undefined,
): VolfileSet {
  const facts = [...files].map(([name, file]) => [name, file.ok ? file.sha256 : `problem: ${file.problem}`]);
  return { hash: sha256(JSON.stringify([facts, problem ?? null])), dataDir, kind, files, problem };
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}
