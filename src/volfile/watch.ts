/**
 * Watches the directory of volfiles; the only file that knows chokidar.
 *
 * The directory is watched, not a file and not what `..data` leads to: both miss the kubelet's swap (measured). Any event means
 * "look again", and the look is repeated slowly without events too: an event may be lost, and a node may have no watches left.
 */
import { basename } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Loop, type LoopStats } from '../lib/loop.ts';
import { readVolfileSet, type VolfileSet } from './read-set.ts';

/** The kubelet's swap is a handful of events within a few milliseconds. In milliseconds. */
export const DEBOUNCE_MS = 100;

/** Events are the fast path; this only bounds how long a lost one can go unnoticed. In milliseconds. */
export const REHASH_MS = 60_000;

/** Without a watch (no inotify instances left on the node) the re-read is the only path. In milliseconds. */
export const UNWATCHED_REHASH_MS = 5000;

/** The kubelet's own, one for each swap (`..2026_11_24_12_00_00.123456789`): what is in it shows when `..data` leads there. */
function isDataDirectory(path: string): boolean {
  const name = basename(path);
  return name.startsWith('..') && !name.startsWith('..data');
}

export interface VolfileWatchOptions {
  dir: string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  /** See `VolfileManagerOptions`. */
  begin?: Promise<void> | undefined;
  /** Called with the first set and with every one that differs from the one before. */
  onChange: (set: VolfileSet) => void;
}

export class VolfileWatch {
  readonly #options: VolfileWatchOptions;
  readonly #loop: Loop;
  #watcher: FSWatcher | undefined;
  #intervalMs = REHASH_MS;
  #debouncing = false;
  #hash: string | undefined;

  /** Ends with the signal. */
  constructor(options: VolfileWatchOptions) {
    this.#options = options;
    const { begin, clock, log, signal } = options;
    const interval = (): number => this.#intervalMs;
    this.#loop = new Loop({
      name: 'volfile-watch',
      get intervalMs() {
        return interval();
      },
      clock,
      log,
      signal,
      begin,
      pass: async () => {
        // Before the first look: what comes after it is told.
        this.#watcher ??= this.#watchDirectory();
        await this.read();
      },
    });
  }

  get stats(): LoopStats {
    return this.#loop.stats;
  }

  /** Reads the directory now. */
  async read(): Promise<VolfileSet> {
    const set = await readVolfileSet(this.#options.dir);
    if (set.hash !== this.#hash && !this.#options.signal.aborted) {
      this.#hash = set.hash;
      this.#options.onChange(set);
    }
    return set;
  }

  /** Resolves when the signal has fired and nothing is left running. */
  async stopped(): Promise<void> {
    await this.#loop.stopped();
    await this.#watcher?.close();
  }

  #watchDirectory(): FSWatcher {
    const options = { depth: 0, followSymlinks: false, ignoreInitial: true, ignored: isDataDirectory };
    const watcher = watch(this.#options.dir, options);
    watcher.on('all', () => void this.#onEvent());
    watcher.on('error', (error) => this.#onError(error));
    return watcher;
  }

  async #onEvent(): Promise<void> {
    if (this.#debouncing) return;
    this.#debouncing = true;
    try {
      await this.#options.clock.sleep(DEBOUNCE_MS, this.#options.signal);
      this.#loop.wake();
    } catch (error) {
      if (!isAgentError(error, 'Aborted')) throw error;
    } finally {
      this.#debouncing = false;
    }
  }

  #onError(error: unknown): void {
    if (this.#intervalMs === UNWATCHED_REHASH_MS) return;
    this.#intervalMs = UNWATCHED_REHASH_MS;
    const { dir, log } = this.#options;
    log.warn(
      { dir, reason: errorMessage(error) },
      'the volfile directory cannot be watched; it is read again and again',
    );
    this.#loop.wake();
  }
}
