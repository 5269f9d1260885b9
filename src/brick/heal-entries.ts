/**
 * What this brick knows of the objects that wait for heal: what and where each is, and the raw counters by which it blames
 * bricks. What the counters mean is judged in `heal/`.
 *
 * A file is looked at by its handle, which is a link of it. A directory's handle is a symlink, so it is looked at by its path and
 * its gfid compared, because somebody may put something else there at any moment.
 */
import fs from 'node:fs';
import { getAttributeSync, listAttributesSync } from 'fs-xattr';
import { AgentError, errnoOf, isAgentError } from '../lib/errors.ts';
import { gfidFromBytes, ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { descriptorPath } from './descriptor-path.ts';
import { GFID2PATH, GfidPaths, MAX_NAMES, parseGfid2Path, type NameRecord } from './gfid-path.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';
import { GFID_INDICES, type GfidIndex, type HealWindow } from './heal-window.ts';
import type { HealAttributes, SettledAttributes, SettledObject } from './settled-attributes.ts';

/** O_PATH on Linux (asm-generic): opens nothing, follows nothing, cannot block. */
export const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
/** Replicate keeps a counter for each of its bricks, disperse two attributes; a longer list is not theirs. */
const MAX_COUNTERS = 64;
/** The longest is 16 bytes. */
const MAX_COUNTER_BYTES = 64;
const COUNTER = /^trusted\.(afr\.[\x21-\x7e]{1,240}|ec\.(dirty|version))$/;
const NAMESPACE = 'trusted.glusterfs.namespace';

export type ObjectType = 'file' | 'directory' | 'symlink' | 'special';

/**
 * `gone`: this brick has no object of that gfid, so the index entry is stale. `unresolved`: a directory whose handle leads
 * nowhere, or to something else, as an interrupted rename leaves it.
 */
export type MissingObject = 'gone' | 'unresolved';

export interface HealEntry {
  gfid: Gfid;
  object: HealObject | MissingObject;
}

export interface HealObject {
  type: ObjectType;
  /** Relative to the brick's root in latin1, one character a byte; the root itself is the empty one. */
  paths: string[];
  /** Names it has beyond those in `paths`: without a usable record. */
  unknownNames: number;
  /** Last change of the object or its attributes, in wall-clock milliseconds: it waits since then, or longer. */
  changedAt: number;
  /** A quota directory of simple-quota. */
  isNamespace: boolean;
  /** `trusted.afr.*`, `trusted.ec.dirty` and `trusted.ec.version`, their bytes in hex. */
  counters: Readonly<Record<string, string>>;
}

export interface HealPage {
  entries: HealEntry[];
  /** Where the next page goes on; undefined at the end. */
  next: Gfid | undefined;
}

/**
 * @param known what need not be read again; it learns what is read
 * @returns undefined when the brick has no such index
 * @throws AgentError `BrickIo`
 */
export function readHealPage(
  root: DirectoryHandle,
  window: HealWindow,
  { index, after, limit }: { index: GfidIndex; after: Gfid | undefined; limit: number },
  known?: SettledAttributes,
): HealPage | undefined {
  const page = window.page(root, index, after, limit);
  if (page === undefined) return undefined;
  known?.look(after === undefined);
  const paths = new GfidPaths(root);
  const directory = `${root.readPath()}/.glusterfs/indices/${index}`;
  const entries: HealEntry[] = [];
  for (const gfid of page.names) {
    const object = readHealObject(root, paths, gfid, known);
    // It may have been healed or removed since the listing.
    if (!isBlaming(object) && fs.lstatSync(`${directory}/${gfid}`, { throwIfNoEntry: false }) === undefined) continue;
    entries.push({ gfid, object });
  }
  // Else what was not there was not looked for in the right place.
  if (!root.isAtReadPath()) throw new AgentError('BrickIo', 'the brick was moved, or mounted over, while it was read');
  return { entries, next: page.more ? page.names.at(-1) : undefined };
}

/** @throws AgentError `BrickIo` */
function readHealObject(
  root: DirectoryHandle,
  paths: GfidPaths,
  gfid: Gfid,
  known?: SettledAttributes,
): HealObject | MissingObject {
  if (gfid === ROOT_GFID) return readDirectory(root, paths, gfid) ?? 'unresolved';
  const base = root.readPath();
  const handle = `${base}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`;
  const found = readHandle(paths, handle, gfid, known);
  if (found === 'directory') return readDirectory(root, paths, gfid) ?? 'unresolved';
  if (found !== undefined) return found;
  // Deleted while somebody has it open, the handle moves.
  const open = readHandle(paths, `${base}/.glusterfs/unlink/${gfid}`, gfid, undefined);
  return open === undefined || open === 'directory' ? 'gone' : open;
}

/**
 * @param path relative to the brick's root in latin1; empty for the root
 * @returns undefined when there is nothing, or nothing of Gluster's
 * @throws AgentError `BrickIo`
 */
function gfidAt(root: DirectoryHandle, path: string): Gfid | undefined {
  if (path === '') return ROOT_GFID;
  // A symlink on the way may lead out of the brick, where nothing has a gfid.
  return withDescriptor(Buffer.from(`${root.path}/${path}`, 'latin1'), O_PATH | O_NOFOLLOW, (fd) => {
    const value = getAttributeSync(descriptorPath(fd), 'trusted.gfid');
    return value.length === 16 ? gfidFromBytes(value) : undefined;
  });
}

/** An object by its gfid or path, and the indices in which it stands. @throws AgentError `BrickIo` */
export function findHealObject(
  root: DirectoryHandle,
  wanted: { gfid: Gfid } | { path: string },
): { gfid: Gfid; object: HealObject | MissingObject; waitsIn: GfidIndex[] } | undefined {
  const gfid = 'gfid' in wanted ? wanted.gfid : gfidAt(root, wanted.path);
  if (gfid === undefined) return undefined;
  const waitsIn = GFID_INDICES.filter((index) => {
    const entry = `${root.readPath()}/.glusterfs/indices/${index}/${gfid}`;
    return fs.lstatSync(entry, { throwIfNoEntry: false }) !== undefined;
  });
  return { gfid, object: readHealObject(root, new GfidPaths(root), gfid), waitsIn };
}

function readDirectory(root: DirectoryHandle, paths: GfidPaths, gfid: Gfid): HealObject | undefined {
  const path = paths.directory(gfid);
  if (path === undefined) return undefined;
  const base = root.readPath();
  const full = Buffer.from(path === '' ? base : `${base}/${path}`, 'latin1');
  // The root's path may be a link to what we hold, the only one to follow.
  return withDescriptor(full, O_PATH | O_DIRECTORY | (path === '' ? 0 : O_NOFOLLOW), (fd) => {
    const at = descriptorPath(fd);
    const keys = listAttributesSync(at);
    const ownGfid = keys.includes('trusted.gfid') ? getAttributeSync(at, 'trusted.gfid') : undefined;
    if (ownGfid?.length !== 16 || gfidFromBytes(ownGfid) !== gfid) return undefined;
    const changedAt = fs.fstatSync(fd).ctimeMs;
    return { type: 'directory', paths: [path], unknownNames: 0, changedAt, ...attributesOf(at, keys) };
  });
}

/**
 * Not by a descriptor, which costs as much as all the rest: no client reaches the handles, and a brick does not put another object
 * in place of one. Symlinks alone are held, since fs-xattr follows them, and a client says where they lead.
 *
 * @param handle the one link to it that is no name; a symlink without another name stands for a directory
 */
function readHandle(
  paths: GfidPaths,
  handle: string,
  gfid: Gfid,
  known: SettledAttributes | undefined,
): HealObject | 'directory' | undefined {
  return unlessGone(handle, () => {
    const stat = fs.lstatSync(handle, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (!stat.isSymbolicLink()) {
      const settled = known?.get(gfid, stat);
      if (settled !== undefined) return describeObject(paths, stat, settled.attributes, settled.seenIn);
      const read = readAttributes(handle, known);
      return describeObject(paths, stat, read, known?.keep(gfid, stat, read)?.seenIn);
    }
    if (stat.nlink === 1) return 'directory';
    return withDescriptor(handle, O_PATH | O_NOFOLLOW, (fd) =>
      describeObject(paths, fs.fstatSync(fd), readAttributes(descriptorPath(fd), known)),
    );
  });
}

function describeObject(
  paths: GfidPaths,
  stat: fs.Stats,
  { names, counters, isNamespace }: HealAttributes,
  seenIn?: SettledObject['seenIn'],
): HealObject {
  const found = paths.names(names, stat, seenIn);
  const unknownNames = Math.max(0, stat.nlink - 1 - found.length);
  return { type: typeOf(stat), paths: found, unknownNames, changedAt: stat.ctimeMs, isNamespace, counters };
}

function readAttributes(at: string, known: SettledAttributes | undefined): HealAttributes {
  const keys = listAttributesSync(at);
  const records = keys.filter((key) => key.startsWith(GFID2PATH)).slice(0, MAX_NAMES);
  const { isNamespace, counters } = attributesOf(at, keys);
  return { names: [...recordsOf(at, records)], counters: known?.share(counters) ?? counters, isNamespace };
}

export function* recordsOf(at: string, keys: readonly string[]): Generator<NameRecord> {
  for (const key of keys) {
    const record = parseGfid2Path(getAttributeSync(at, key));
    if (record !== undefined) yield record;
  }
}

function attributesOf(at: string, keys: readonly string[]): Pick<HealObject, 'isNamespace' | 'counters'> {
  return { isNamespace: keys.includes(NAMESPACE), counters: countersOf(at, keys) };
}

/** @param at the object */
export function countersOf(at: string, keys: readonly string[]): Record<string, string> {
  const counters: Record<string, string> = {};
  for (const key of keys.filter((key) => COUNTER.test(key)).slice(0, MAX_COUNTERS)) {
    const value = getAttributeSync(at, key);
    if (value.length <= MAX_COUNTER_BYTES) counters[key] = value.toString('hex');
  }
  return counters;
}

/** Of counters that many objects share. */
const blaming = new WeakMap<HealObject['counters'], boolean>();

/** With a counter above zero it surely waits; a version says nothing by itself. */
function isBlaming(object: HealObject | MissingObject): boolean {
  if (typeof object === 'string') return false;
  const { counters } = object;
  let known = blaming.get(counters);
  if (known === undefined) {
    known = Object.entries(counters).some(([key, hex]) => key !== 'trusted.ec.version' && /[1-9a-f]/.test(hex));
    blaming.set(counters, known);
  }
  return known;
}

export function typeOf(stat: fs.Stats): ObjectType {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'special';
}

/** Vanished before or under our hands: ENOENT, ENODATA (61, an attribute between list and get); a swapped type: ENOTDIR, ELOOP. */
const GONE = new Set(['ENOENT', 'ENODATA', 'ENOTDIR', 'ELOOP', 'ESTALE', 'ENAMETOOLONG']);

export function withDescriptor<T>(
  path: string | Buffer,
  flags: number,
  read: (fd: number) => T | undefined,
): T | undefined {
  return unlessGone(path, () => {
    const fd = fs.openSync(path, flags);
    try {
      return read(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

function unlessGone<T>(path: string | Buffer, read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (cause) {
    if (isAgentError(cause)) throw cause;
    if (GONE.has(errnoOf(cause) ?? '') || errnoNumberOf(cause) === ENODATA) return undefined;
    throw brickIo(String(path), cause);
  }
}

/** fs-xattr's `code` is not reliable for every errno. */
const ENODATA = 61;

function errnoNumberOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return Math.abs(error.errno);
}
