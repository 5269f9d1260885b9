/**
 * Which PVs are on this brick, and what Kadalu wants for them: `subvol/xx/yy/<pv>/` and `info/subvol/xx/yy/<pv>.json`.
 *
 * Asked for every few seconds. What is watched costs nothing until it changes, what is not (yet) one stat for each directory of PVs and
 * each info file, and an unchanged whole is not sent again.
 */
import { AgentError, errnoOf } from '../lib/errors.ts';
import type { ChangeWatch } from './change-watch.ts';
import { DirectoryCache, type Wanted } from './directory-cache.ts';
import { isSameStamp, isStill, lookAt, type FileStamp } from './file-stamp.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';
import type { ReadLedger } from './read-ledger.ts';
import { parseInfo, readInfo, type PvInfo } from './pv-info.ts';

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

const HASH_PART = /^[0-9a-f]{2}$/;
/** Control characters in a PV name would reach logs and terminals; no CSI driver makes any. */
const CONTROL = /\p{Cc}/u;

/**
 * The directories of the info files themselves are looked at by turns, each in so many looks. In between, a file that is known is looked at by its
 * path, and for a PV without one the directory that it would appear in; what is missed is a file without a PV's directory, for 20 s.
 */
const INFO_LEAF_EVERY = 10;
/** Each so many looks also at the directories above those of PVs, watched or not: one may be in the place of another. */
const ABOVE_EVERY = 30;
/** What else is watched and was not reported is looked at by turns, each in so many looks. */
const WATCHED_EVERY = 150;
const ABOVE = /^(?:info\/)?subvol(?:\/..)?$/;

const UNREPORTED = 'a change was not reported: the file system does not tell them, or not all';

interface CachedInfo {
  stamp: FileStamp;
  result: PvInfo;
}

interface Take {
  /** Grows by one with each change. */
  version: number;
  /** Undefined: the caller has it. */
  inventory: Inventory | undefined;
  /** Why what could be watched is not; undefined: it is, or will be soon. */
  unwatched: string | undefined;
}

export class PvInventory {
  readonly #directories = new DirectoryCache();
  /** Those of info files, which are looked at seldom. */
  readonly #infoLeaves = new DirectoryCache();
  #watch: ChangeWatch | undefined;
  #unwatched: string | undefined;
  #infos = new Map<string, CachedInfo>();
  #version = 0;
  #last: Inventory | undefined;
  /** Of the info files' directories those in which that of a known PV would appear. */
  #awaiting = new Set<string>();
  /** What is looked at each time, or watched: the directories of PVs and all above them, the info files, and where one would appear. */
  #paths: string[] = [];
  /** The directories of info files, looked at by turns. */
  #leafPaths: string[] = [];
  /** Those of `#paths` that had no watch in that revision of the watches. */
  #withoutWatch: { revision: number | undefined; paths: readonly string[] } = { revision: undefined, paths: [] };
  /** Whether there is an inventory, and all that it was made of is known. */
  #isSeen = false;
  #looks = 0;
  /** `device:inode` of the brick that the watches are of. */
  #place = '';
  /** Watched, but to be looked at: reported, or changed so lately that another change would not show. */
  #due = new Set<string>();
  /** Whether all is to be looked at, watched or not. */
  #isSweep = false;
  /** Whether that is because events were lost. */
  #isLost = false;
  /** To be watched. */
  #wanted: string[] = [];
  /** Found changed although it is watched and nothing was reported. */
  #suspect: string | undefined;
  readonly #quotas: ReadLedger | undefined;
  readonly #blames: ReadLedger | undefined;

  /** What `#paths` names. */
  readonly #often = {
    has: (path: string): boolean => this.#directories.has(path) || this.#infos.has(path) || this.#awaiting.has(path),
    stampOf: (path: string): FileStamp | undefined =>
      this.#directories.stampOf(path) ??
      this.#infos.get(path)?.stamp ??
      (this.#awaiting.has(path) ? this.#infoLeaves.stampOf(path) : undefined),
  };

  /** @param watch undefined: everything is looked at each time */
  constructor(watch?: ChangeWatch) {
    this.#watch = watch;
    this.#quotas = watch?.ledger();
    this.#blames = watch?.ledger();
  }

  /** Which of the PVs' directories have the attributes that were read last; undefined: nothing is watched. */
  get reads(): { quotas: ReadLedger; blames: ReadLedger } | undefined {
    return this.#watch === undefined || this.#quotas === undefined || this.#blames === undefined
      ? undefined
      : { quotas: this.#quotas, blames: this.#blames };
  }

  /**
   * @param known version that the caller has; when nothing changed since, only the version comes back
   * @param readKadalu whether Kadalu's info files count
   */
  take(root: DirectoryHandle, readKadalu: boolean, known: number | undefined): Take {
    this.#hear(root);
    // By its name, which the kernel finds in two thirds of the time: at worst another directory is there now, and looks different.
    const path = root.asciiPath() ?? root.path;
    const changed = this.#changed(path);
    if (changed !== 'nothing') this.#scanAll(root, readKadalu, changed);
    else if (this.#watch !== undefined) for (const added of this.#watch.add(path, this.#wanted)) this.#due.add(added);
    const inventory = known === this.#version ? undefined : this.#last;
    return { version: this.#version, inventory, unwatched: this.#watch?.refused ?? this.#unwatched };
  }

  #hear(root: DirectoryHandle): void {
    const watch = this.#watch;
    this.#looks += 1;
    this.#isSweep = watch === undefined;
    if (watch === undefined) return;
    const { dev, ino } = root.stat();
    const place = `${dev}:${ino}`;
    if (place !== this.#place) {
      watch.close();
      this.#place = place;
      this.#suspect = undefined;
    }
    const { paths, lost } = watch.take();
    this.#isLost = lost;
    if (lost) this.#isSweep = true;
    // What was changed just before it was looked at may have been reported since.
    if (this.#suspect !== undefined && !paths.has(this.#suspect)) this.#distrust(watch);
    this.#suspect = undefined;
    if (this.#isSeen) for (const path of paths) if (this.#often.has(path)) this.#due.add(path);
    const isTime = this.#looks % ABOVE_EVERY === 0;
    if (isTime || this.#isSweep) watch.retry();
    if (isTime || this.#isSweep || paths.size > 0) this.#want();
  }

  #distrust(watch: ChangeWatch): void {
    watch.close();
    this.#watch = undefined;
    this.#unwatched = UNREPORTED;
    this.#due.clear();
    this.#isSweep = true;
  }

  /** The path of something that is not what it was. */
  #changed(root: string): 'nothing' | 'all' | { path: string } {
    if (!this.#isSeen) return 'all';
    for (const path of this.#toLookAt()) {
      if (!isStill(`${root}/${path}`, this.#often.stampOf(path))) return { path };
      this.#due.delete(path);
    }
    for (const path of everyNth(this.#leafPaths, this.#looks, INFO_LEAF_EVERY)) {
      if (!isStill(`${root}/${path}`, this.#infoLeaves.stampOf(path))) return { path };
    }
    return 'nothing';
  }

  *#toLookAt(): Generator<string> {
    if (this.#isSweep) {
      yield* this.#paths;
      return;
    }
    yield* this.#due;
    yield* this.#notWatched();
    yield* everyNth(this.#paths, this.#looks, WATCHED_EVERY);
    if (this.#looks % ABOVE_EVERY === 0) yield* this.#paths.filter((path) => ABOVE.test(path));
  }

  #notWatched(): readonly string[] {
    const watch = this.#watch;
    if (watch !== undefined && watch.revision !== this.#withoutWatch.revision) {
      this.#withoutWatch = { revision: watch.revision, paths: this.#paths.filter((path) => !watch.has(path)) };
    }
    return this.#withoutWatch.paths;
  }

  #isKnown(path: string): boolean {
    return !this.#isSweep && !this.#due.has(path) && this.#watch?.has(path) === true;
  }

  #scanAll(root: DirectoryHandle, readKadalu: boolean, changed: 'all' | { path: string }): void {
    this.#isSeen = false;
    // Where something else was reported as well, that may be the change; the next sweep will tell.
    const isSilent = !this.#isLost && this.#due.size === 0;
    if (changed !== 'all') this.#due.add(changed.path);
    const inventory = changed === 'all' ? this.#scanFirst(root, readKadalu) : this.#scan(root.path, readKadalu);
    this.#directories.sweep();
    this.#infoLeaves.sweep();
    this.#awaiting = this.#awaited(readKadalu ? inventory.places : []);
    this.#paths = [...this.#directories.paths(), ...this.#infos.keys(), ...this.#awaiting];
    this.#leafPaths = [...this.#infoLeaves.paths()];
    this.#withoutWatch = { revision: undefined, paths: [] };
    this.#isSeen = true;
    if (this.#last === undefined || !isSame(this.#last, inventory)) {
      this.#last = inventory;
      this.#version += 1;
      if (changed !== 'all' && isSilent && this.#watch?.has(changed.path) === true) this.#suspect = changed.path;
    }
    const unsettled = [...this.#due].filter((path) => this.#often.stampOf(path)?.settled === false);
    this.#due = new Set(unsettled);
    this.#watch?.keep(this.#often);
    this.#want();
  }

  /** From the last to the first: what PVs appear in comes before what they consist of. */
  #want(): void {
    const watch = this.#watch;
    this.#wanted = [];
    if (watch === undefined) return;
    // A symbolic link would be followed to what it names.
    const isOne = (stamp: FileStamp | undefined): boolean => stamp !== undefined && stamp.kind !== 'other';
    for (const path of this.#isSeen ? this.#paths : []) {
      if (!watch.has(path) && isOne(this.#often.stampOf(path))) this.#wanted.push(path);
    }
    this.#wanted.reverse();
  }

  /** Where an info file that is not there would appear. */
  #awaited(places: readonly PvPlace[]): Set<string> {
    const leaves = new Set<string>();
    // Where Kadalu keeps none, there is none to look for.
    for (const { path } of this.#infoLeaves.isEmpty ? [] : places) {
      if (this.#infos.has(`info/${path}.json`)) continue;
      // Where there is no such directory, it would appear in one that is looked at anyway.
      const leaf = `info/${path.slice(0, path.lastIndexOf('/'))}`;
      if (this.#infoLeaves.stampOf(leaf)?.kind === 'directory') leaves.add(leaf);
    }
    return leaves;
  }

  /** Each directory of it is read, so the way there counts. */
  #scanFirst(root: DirectoryHandle, readKadalu: boolean): Inventory {
    const inventory = this.#scan(root.readPath(), readKadalu);
    if (root.isAtReadPath()) return inventory;
    // Something was mounted there meanwhile: what was read may be of another directory.
    this.#directories.forget();
    this.#infoLeaves.forget();
    this.#infos.clear();
    return this.#scan(root.path, readKadalu);
  }

  #scan(root: string, readKadalu: boolean): Inventory {
    const places = new Map<string, PvPlace>();
    const refusals: Refusal[] = [];
    for (const { path, name } of this.#leaves(root, 'subvol', DIRECTORIES)) {
      const refusal = refuseName(name) ?? duplicate(places, name, path);
      if (refusal === undefined) places.set(name, { pv: name, path, kadaluBytes: undefined });
      else refusals.push({ file: path, reason: refusal });
    }
    if (readKadalu) this.#addKadalu(root, places, refusals);
    return { places: [...places.values()], refusals };
  }

  #addKadalu(root: string, places: Map<string, PvPlace>, refusals: Refusal[]): void {
    const infos = new Map<string, CachedInfo>();
    for (const { path: file, name } of this.#leaves(root, 'info/subvol', INFOS)) {
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
  *#leaves(root: string, base: string, wanted: Wanted): Generator<{ path: string; name: string }> {
    for (const first of this.#subdirectories(root, base)) {
      for (const second of this.#subdirectories(root, first)) {
        const cache = wanted === INFOS ? this.#infoLeaves : this.#directories;
        for (const name of this.#list(cache, root, second, wanted)) yield { path: `${second}/${name}`, name };
      }
    }
  }

  #subdirectories(root: string, path: string): string[] {
    return this.#list(this.#directories, root, path, HASH_PARTS).map((name) => `${path}/${name}`);
  }

  #list(cache: DirectoryCache, root: string, path: string, wanted: Wanted): readonly string[] {
    return cache.list(root, path, this.#isKnown(path), wanted);
  }

  /** @returns undefined when the file vanished */
  #info(root: string, file: string): CachedInfo | undefined {
    const known = this.#infos.get(file);
    if (known !== undefined && this.#isKnown(file)) return known;
    const stamp = lookAt(`${root}/${file}`);
    if (stamp === undefined) return undefined;
    // A file that is being written has a size before it has its content; ctime tells the two apart.
    if (known !== undefined && isSameStamp(stamp, known.stamp)) return known;
    if (stamp.kind !== 'file') return { stamp, result: { reason: 'is not a regular file' } };
    try {
      return { stamp, result: parseInfo(readInfo(`${root}/${file}`), file) };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      if (error instanceof AgentError) return { stamp, result: { reason: error.message } };
      throw brickIo(file, error);
    }
  }
}

const DIRECTORIES: Wanted = { directories: true, isName: () => true };
const HASH_PARTS: Wanted = { directories: true, isName: (name) => HASH_PART.test(name) };
const INFOS: Wanted = { directories: false, isName: (name) => name.endsWith('.json') };

/** Each of the list once in `of` turns, the last of them first. */
function* everyNth<T>(list: readonly T[], turn: number, of: number): Generator<T> {
  for (let index = of - 1 - (turn % of); index < list.length; index += of) {
    const item = list[index];
    if (item !== undefined) yield item;
  }
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
