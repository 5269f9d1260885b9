/** Beginnings of names, asked again and again whether a name has one of them; however many they are, one look tells. */
export class Beginnings {
  /** In order, and none that begins with another: the last one that is not behind a name is the only one it can begin with. */
  readonly #sorted: string[] = [];

  constructor(beginnings: readonly string[]) {
    for (const next of [...beginnings].sort()) {
      const last = this.#sorted.at(-1);
      if (last === undefined || !next.startsWith(last)) this.#sorted.push(next);
    }
  }

  has(name: string): boolean {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? '') <= name) low = middle + 1;
      else high = middle;
    }
    const candidate = this.#sorted[low - 1];
    return candidate !== undefined && name.startsWith(candidate);
  }
}
