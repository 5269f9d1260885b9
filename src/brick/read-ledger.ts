/** An object that stands for one watch: it is no other's, also when the same path is watched again. */
type Watch = object;

/**
 * Which entries of watched directories were read, and had no event since: their attributes are what they were. A watch reports those of what is
 * in the directory, whoever changes them and by whatever path (measured on 11.1: a brick names a directory by its gfid handle, which
 * leads to the very same entry).
 *
 * An event that this thread has not had the time to read is not known yet: whoever asks again and again is told a moment later.
 */
export class ReadLedger {
  readonly #watchOf: (directory: string) => Watch | undefined;
  /** By path below the root, with the watch that it was read under. */
  readonly #read = new Map<string, Watch>();

  /** @param watchOf the watch of a directory that can be relied on now */
  constructor(watchOf: (directory: string) => Watch | undefined) {
    this.#watchOf = watchOf;
  }

  /** To be called right before it is read: what changes from then on is an event. */
  note(path: string): void {
    const watch = this.#watchOf(directoryOf(path));
    if (watch === undefined) this.#read.delete(path);
    else this.#read.set(path, watch);
  }

  isStill(path: string): boolean {
    const watch = this.#read.get(path);
    return watch !== undefined && watch === this.#watchOf(directoryOf(path));
  }

  forget(path: string): void {
    this.#read.delete(path);
  }

  /** Events were lost. */
  clear(): void {
    this.#read.clear();
  }

  /** Drops what was read under watches that have ended. */
  prune(): void {
    for (const path of this.#read.keys()) if (!this.isStill(path)) this.#read.delete(path);
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
