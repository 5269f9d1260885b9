/**
 * Counts each inode once per scan. Every file on a brick has its gfid handle below `.glusterfs`, so a link count of 2 means one
 * name and costs nothing here; only inodes with more names are remembered, and only until the last name was seen.
 */
export class LinkSet {
  readonly #left = new Map<number, number>();

  /** Inodes of which names are still to come. */
  get size(): number {
    return this.#left.size;
  }

  /**
   * Whether the inode was not seen before. Not to be asked for inodes with a link count of 2 or less.
   *
   * @param nlink link count, the gfid handle included
   */
  isFirst(ino: number, nlink: number): boolean {
    const left = this.#left.get(ino);
    if (left === undefined) {
      // This name and the handle are two of them.
      this.#left.set(ino, nlink - 2);
      return true;
    }
    if (left > 1) this.#left.set(ino, left - 1);
    else this.#left.delete(ino);
    return false;
  }
}
