import type { PvPlace, Refusal } from '../brick/pv-inventory.ts';
import type { QuotaFileContent, QuotaFileEntry } from './quota-file.ts';

/** Which entry of the quota file belongs to which PV; what belongs to none is refused. */
export class FileWishes {
  readonly #refused: QuotaFileContent['refusals'];
  /** Those that no PV has taken yet, by path where the entry names one, else by the PV's name. */
  readonly #left = new Map<string, QuotaFileEntry>();

  constructor(file: QuotaFileContent | undefined) {
    this.#refused = file?.refusals ?? [];
    for (const entry of file?.entries ?? []) this.#left.set(entry.path ?? entry.pv ?? '', entry);
  }

  /** Each PV's once. */
  take({ path, pv }: Pick<PvPlace, 'path' | 'pv'>): QuotaFileEntry | undefined {
    const byPath = this.#left.get(path);
    const entry = byPath ?? this.#left.get(pv);
    if (entry !== undefined) this.#left.delete(byPath === undefined ? pv : path);
    return entry;
  }

  /** Wrong entries, and those that no PV has taken. */
  refusals(): Refusal[] {
    const file = (line: number): string => `quotaFile line ${line}`;
    return [
      ...this.#refused.map(({ line, reason }) => ({ file: file(line), reason })),
      ...Array.from(this.#left, ([key, { line }]) => ({ file: file(line), reason: `no PV "${key}" on this brick` })),
    ];
  }
}
