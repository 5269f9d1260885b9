/**
 * Tells which of some files and directories of the brick may have changed, by inotify: whoever changes them does so on this very
 * kernel. Only hints: what has changed is looked up by whoever asks, and what has no watch is looked at as if it had always changed.
 *
 * A watch holds no descriptor of the file system, which can be unmounted all the same. Files are watched themselves, not only
 * the directory that they are in: a brick opens a file by its gfid handle, which is another name of it, and what is written that
 * way is not reported to the directory (measured on 11.1).
 */
import fs from 'node:fs';
import { errnoOf, errorMessage } from '../lib/errors.ts';
import { ReadLedger } from './read-ledger.ts';

/**
 * Some 1.5 KB each in this process and 1 KB in the kernel (measured), so 1,000 PVs, with some 2,500 of them, take 4 MB; the kernel
 * lets a user have as many as its memory is worth, 8,192 at least on older ones.
 */
const MAX_WATCHES = 5_000;
/** All processes of a user share that, so those of root on a node with the kubelet: a brick takes this part of it at the most. */
const SHARE = 1 / 20;
/** Where the kernel does not say how many: a twentieth of what older ones allow. */
const FEW_WATCHES = 400;
/** Set up in one call, so that no other waits for long behind it: at some 50 µs each. */
const MAX_AT_ONCE = 200;
/**
 * Between two looks. The kernel keeps 16,384 events by default and drops what comes after, which Node does not tell; and whoever
 * makes so many of them on purpose shall not keep us busy.
 */
const MAX_EVENTS = 4_096;

export interface Reported {
  /** Paths below the root. */
  paths: ReadonlySet<string>;
  /** Others may have changed, too. */
  lost: boolean;
}

export class ChangeWatch {
  readonly #watchers = new Map<string, fs.FSWatcher>();
  #paths = new Set<string>();
  /** Their watch may be that of an object that is no longer there. */
  readonly #stale = new Set<string>();
  /** Other directories may be there now, and what is watched below them may be elsewhere. */
  readonly #moved = new Set<string>();
  readonly #noisy = new Set<string>();
  #events = 0;
  #lost = false;
  #refused: string | undefined;
  #revision = 0;
  readonly #max: number;
  readonly #ledgers: ReadLedger[] = [];

  /** @param max other numbers are for tests */
  constructor(max: number = fairShare()) {
    this.#max = max;
  }

  /** How many there are. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Another one whenever another set of paths is watched. */
  get revision(): number {
    return this.#revision;
  }

  /** Why there are no more watches, though more were wanted; undefined: they are all there. */
  get refused(): string | undefined {
    return this.#refused;
  }

  has(path: string): boolean {
    return this.#watchers.has(path);
  }

  /** For one who reads what is in the directories that are watched. */
  ledger(): ReadLedger {
    const ledger = new ReadLedger((directory) => {
      const isDoubtful = this.#stale.has(directory) || (this.#moved.size > 0 && isBelow(directory, this.#moved));
      return isDoubtful ? undefined : this.#watchers.get(directory);
    });
    this.#ledgers.push(ledger);
    return ledger;
  }

  /** What was reported since the last call, of events that this thread has had the time to read. */
  take(): Reported {
    const paths = this.#paths;
    const lost = this.#lost;
    if (this.#moved.size > 0) {
      for (const path of this.#watchers.keys()) if (isBelow(path, this.#moved)) this.#stale.add(path);
    }
    for (const path of this.#stale) {
      paths.add(path);
      this.#end(path);
    }
    this.#paths = new Set();
    this.#moved.clear();
    this.#stale.clear();
    this.#events = 0;
    this.#lost = false;
    return { paths, lost };
  }

  /**
   * Watches some of the paths, from the end, and takes them off the list. They may have changed before: those are to be looked at
   * once more.
   *
   * @returns those that are watched from now on
   */
  add(root: string, paths: string[]): string[] {
    const added: string[] = [];
    for (let count = 0; count < MAX_AT_ONCE && this.#refused === undefined; count += 1) {
      const path = paths.pop();
      if (path === undefined) break;
      if (this.#watchers.size >= this.#max) this.#refused = `more than ${this.#max} files and directories`;
      else if (!this.has(path) && !this.#noisy.has(path) && this.#begin(root, path)) added.push(path);
    }
    return added;
  }

  /** Ends the watches of all other paths. */
  keep(wanted: { has(path: string): boolean }): void {
    for (const path of this.#watchers.keys()) if (!wanted.has(path)) this.#end(path);
    for (const ledger of this.#ledgers) ledger.prune();
  }

  /** From now on what was refused may be tried again. */
  retry(): void {
    this.#noisy.clear();
    this.#refused = undefined;
  }

  close(): void {
    for (const path of this.#watchers.keys()) this.#end(path);
    for (const ledger of this.#ledgers) ledger.clear();
    this.#paths.clear();
    this.#stale.clear();
  }

  #begin(root: string, path: string): boolean {
    try {
      const watcher = fs.watch(`${root}/${path}`, { persistent: false });
      watcher.on('change', (type, name) => this.#changed(path, type, name));
      watcher.on('error', () => this.#stale.add(path));
      this.#watchers.set(path, watcher);
      this.#revision += 1;
      return true;
    } catch (error) {
      // What is gone is looked at by its name, and found gone.
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) this.#refused = refusal(error);
      return false;
    }
  }

  #end(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
    this.#revision += 1;
  }

  #changed(path: string, type: string, name: unknown): void {
    this.#paths.add(path);
    // An event of the object itself comes with its own name.
    const isOwn = typeof name !== 'string' || path.slice(path.lastIndexOf('/') + 1) === name;
    const subject = isOwn ? path : `${path}/${name}`;
    for (const ledger of this.#ledgers) ledger.forget(subject);
    if (type === 'rename') this.#moved.add(subject);
    if (this.has(subject)) {
      this.#paths.add(subject);
      this.#stale.add(subject);
    }
    this.#events += 1;
    if (this.#events < MAX_EVENTS) return;
    this.#events = 0;
    this.#lost = true;
    for (const ledger of this.#ledgers) ledger.clear();
    this.#noisy.add(path);
    this.#end(path);
  }
}

function fairShare(): number {
  try {
    const allowed = Number(fs.readFileSync('/proc/sys/fs/inotify/max_user_watches', 'utf8'));
    return Number.isSafeInteger(allowed) ? Math.min(MAX_WATCHES, Math.floor(allowed * SHARE)) : FEW_WATCHES;
  } catch {
    return FEW_WATCHES;
  }
}

function isBelow(path: string, directories: ReadonlySet<string>): boolean {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (directories.has(path.slice(0, end))) return true;
  }
  return false;
}

function refusal(error: unknown): string {
  const setting = { ENOSPC: 'max_user_watches', EMFILE: 'max_user_instances' }[errnoOf(error) ?? ''];
  return setting === undefined ? errorMessage(error) : `the kernel allows no more of them (fs.inotify.${setting})`;
}
