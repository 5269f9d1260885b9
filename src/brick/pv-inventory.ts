/**
 * Which PVs are on this brick, and what Kadalu wants for them: `subvol/xx/yy/<pv>/` and `info/subvol/xx/yy/<pv>.json`.
 *
 * Looked at every few seconds, so what has not changed costs one stat for each directory and each info file and nothing else, and an
 * unchanged whole is not sent again.
 */
import fs from 'node:fs';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';
import { MAX_BYTES } from '../lib/units.ts';
import { DirectoryCache } from './directory-cache.ts';
import { isSameStamp, isStill, lookAt, type FileStamp } from './file-stamp.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';

/** A PV directory that exists on the brick or that Kadalu describes. */
export interface PvPlace {
  pv: string;
  /** Relative to the brick root, e.g. `subvol/ab/cd/pvc-1`. */
  path: string;
  /** Limit in Kadalu's info file in bytes; undefined: no info file, or not readable on this brick. */
  kadaluBytes: bigint | undefined;
}

/** An entry that was refused, with the reason; the others are not touched by it. */
export interface Refusal {
  file: string;
  reason: string;
}

export interface Inventory {
  places: PvPlace[];
  refusals: Refusal[];
}

/** Kadalu's files hold two members; one that is larger is not Kadalu's. */
const MAX_INFO_BYTES = 4096;
const HASH_PART = /^[0-9a-f]{2}$/;
/** Control characters in a PV name would reach logs and terminals; no CSI driver makes any. */
const CONTROL = /\p{Cc}/u;

/**
 * Each so many looks also at the directories of the info files themselves. In between, a file that is known is looked at by its path, and
 * so is the place where that of a PV without one would be; what is missed is a file without a PV's directory, for half a minute.
 */
const ALL_EVERY = 15;
const INFO_LEAF = /^info\/subvol\/..\/..$/;

interface CachedInfo {
  stamp: FileStamp;
  result: { kadaluBytes: bigint } | { reason: string };
}

export class PvInventory {
  readonly #directories = new DirectoryCache();
  #infos = new Map<string, CachedInfo>();
  #version = 0;
  #last: Inventory | undefined;
  /** What the last inventory was made of, by path below the root; undefined: there was none. */
  #seen: { often: Map<string, FileStamp | undefined>; seldom: Map<string, FileStamp | undefined> } | undefined;
  #looks = 0;

  /**
   * @param known version that the caller has; when nothing changed since, only the version comes back
   * @param readKadalu whether Kadalu's info files count
   */
  take(
    root: DirectoryHandle,
    readKadalu: boolean,
    known: number | undefined,
  ): { version: number; inventory: Inventory | undefined } {
    // By its name, which the kernel finds in two thirds of the time: at worst another directory is there now, and looks different.
    if (this.#isUnchanged(root.asciiPath() ?? root.path))
      return { version: this.#version, inventory: this.#unlessKnown(known) };
    this.#seen = undefined;
    const inventory = this.#scan(root.path, readKadalu);
    this.#seen = this.#sort(this.#directories.sweep(), readKadalu ? inventory.places : []);
    if (this.#last === undefined || !isSame(this.#last, inventory)) {
      this.#last = inventory;
      this.#version += 1;
    }
    return { version: this.#version, inventory: this.#unlessKnown(known) };
  }

  #unlessKnown(known: number | undefined): Inventory | undefined {
    return known === this.#version ? undefined : this.#last;
  }

  #isUnchanged(root: string): boolean {
    if (this.#seen === undefined) return false;
    this.#looks += 1;
    const { often, seldom } = this.#seen;
    return areStill(root, often) && (this.#looks % ALL_EVERY !== 0 || areStill(root, seldom));
  }

  #sort(directories: ReadonlyMap<string, FileStamp | undefined>, places: readonly PvPlace[]) {
    const often = new Map<string, FileStamp | undefined>();
    const seldom = new Map<string, FileStamp | undefined>();
    for (const [path, stamp] of directories) (INFO_LEAF.test(path) ? seldom : often).set(path, stamp);
    for (const { path } of places) often.set(`info/${path}.json`, undefined);
    for (const [file, { stamp }] of this.#infos) often.set(file, stamp);
    return { often, seldom };
  }

  #scan(root: string, readKadalu: boolean): Inventory {
    const places = new Map<string, PvPlace>();
    const refusals: Refusal[] = [];
    for (const { path, name, entry } of this.#leaves(root, 'subvol')) {
      if (!entry.isDirectory()) continue;
      const refusal = refuseName(name) ?? duplicate(places, name, path);
      if (refusal === undefined) places.set(name, { pv: name, path, kadaluBytes: undefined });
      else refusals.push({ file: path, reason: refusal });
    }
    if (readKadalu) this.#addKadalu(root, places, refusals);
    return { places: [...places.values()], refusals };
  }

  #addKadalu(root: string, places: Map<string, PvPlace>, refusals: Refusal[]): void {
    const infos = new Map<string, CachedInfo>();
    for (const { path: file, name } of this.#leaves(root, 'info/subvol')) {
      if (!name.endsWith('.json')) continue;
      const info = this.#info(root, file);
      if (info === undefined) continue;
      infos.set(file, info);
      const pv = name.slice(0, -'.json'.length);
      const path = `${file.slice('info/'.length, -name.length)}${pv}`;
      const refusal = 'reason' in info.result ? info.result.reason : (refuseName(pv) ?? elsewhere(places, pv, path));
      if (refusal !== undefined) refusals.push({ file, reason: refusal });
      else if ('kadaluBytes' in info.result) places.set(pv, { pv, path, kadaluBytes: info.result.kadaluBytes });
    }
    this.#infos = infos;
  }

  /** Entries of `<base>/xx/yy/`, by way of real directories only. */
  *#leaves(root: string, base: string): Generator<{ path: string; name: string; entry: fs.Dirent }> {
    for (const first of this.#subdirectories(root, base)) {
      for (const second of this.#subdirectories(root, first)) {
        for (const entry of this.#directories.list(root, second) ?? []) {
          yield { path: `${second}/${entry.name}`, name: entry.name, entry };
        }
      }
    }
  }

  #subdirectories(root: string, path: string): string[] {
    const entries = this.#directories.list(root, path) ?? [];
    return entries
      .filter((entry) => entry.isDirectory() && HASH_PART.test(entry.name))
      .map((entry) => `${path}/${entry.name}`);
  }

  /** @returns undefined when the file vanished */
  #info(root: string, file: string): CachedInfo | undefined {
    const stamp = lookAt(`${root}/${file}`);
    if (stamp === undefined) return undefined;
    const known = this.#infos.get(file);
    // A file that is being written has a size before it has its content; ctime tells the two apart.
    if (known !== undefined && isSameStamp(stamp, known.stamp)) return known;
    if (stamp.kind !== 'file') return { stamp, result: { reason: 'is not a regular file' } };
    try {
      return { stamp, result: parseInfo(readBounded(`${root}/${file}`), file) };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      if (error instanceof AgentError) return { stamp, result: { reason: error.message } };
      throw brickIo(file, error);
    }
  }
}

function areStill(root: string, seen: ReadonlyMap<string, FileStamp | undefined>): boolean {
  for (const [path, stamp] of seen) if (!isStill(`${root}/${path}`, stamp)) return false;
  return true;
}

function isSame(a: Inventory, b: Inventory): boolean {
  return (
    a.places.length === b.places.length &&
    a.refusals.length === b.refusals.length &&
    a.places.every(({ path, kadaluBytes }, index) => {
      const other = b.places[index];
      return other?.path === path && other.kadaluBytes === kadaluBytes;
    }) &&
    a.refusals.every(({ file, reason }, index) => {
      const other = b.refusals[index];
      return other?.file === file && other.reason === reason;
    })
  );
}

function readBounded(path: string): string {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(MAX_INFO_BYTES + 1);
    const bytes = fs.readSync(fd, buffer, 0, buffer.length, 0);
    if (bytes > MAX_INFO_BYTES) throw new AgentError('BadRequest', `is larger than ${MAX_INFO_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytes);
  } finally {
    fs.closeSync(fd);
  }
}

/** The content of one info file, e.g. `{"size": 1073741824, "path_prefix": "subvol/ab/cd"}`. */
export function parseInfo(text: string, file: string): CachedInfo['result'] {
  if (text === '') return { reason: 'is empty, as files on an arbiter brick are' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { reason: `is not JSON (${errorMessage(error)}); on a disperse brick it is a fragment` };
  }
  if (typeof value !== 'object' || value === null || !('size' in value)) return { reason: 'has no "size"' };
  const size = wholeBytes(value.size);
  if (size === undefined)
    return { reason: `"size" is ${JSON.stringify(value.size)}, not a whole number of bytes from 1 to 2^63-1` };
  const prefix = file.split('/').slice(1, 4).join('/');
  if ('path_prefix' in value && value.path_prefix !== prefix) {
    return { reason: `"path_prefix" is ${JSON.stringify(value.path_prefix)}, but the file lies under ${prefix}` };
  }
  return { kadaluBytes: size };
}

function wholeBytes(value: unknown): bigint | undefined {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  if (!isNumber && !(typeof value === 'string' && /^\d{1,19}$/.test(value))) return undefined;
  const bytes = BigInt(value);
  return bytes > 0n && bytes <= MAX_BYTES ? bytes : undefined;
}

function refuseName(name: string): string | undefined {
  if (Buffer.byteLength(name) > 255) return 'the name is longer than 255 bytes';
  // Bytes that are not UTF-8 arrive as replacement characters: the name could not be found again.
  if (CONTROL.test(name) || name.includes('\u{fffd}')) return 'the name has control characters or is not UTF-8';
  return undefined;
}

function duplicate(places: ReadonlyMap<string, PvPlace>, pv: string, path: string): string | undefined {
  const other = places.get(pv);
  return other === undefined ? undefined : `a PV of that name is at ${other.path} already; ${path} is not managed`;
}

function elsewhere(places: ReadonlyMap<string, PvPlace>, pv: string, path: string): string | undefined {
  const place = places.get(pv);
  return place === undefined || place.path === path ? undefined : `the PV's directory is at ${place.path}`;
}
