import type { PvPlace, Refusal } from '../brick/pv-inventory.ts';
import type { QuotaFileContent, QuotaFileEntry } from './quota-file.ts';

/** Which entry of the quota file belongs to which PV; what belongs to none is refused. */
export class FileWishes {
  readonly #file: QuotaFileContent | undefined;
  /** By path where the entry names one, else by the PV's name. */
  readonly #entries: ReadonlyMap<string, QuotaFileEntry>;
  readonly #unmatched: Set<string>;

  constructor(file: QuotaFileContent | undefined) {
    this.#file = file;
    this.#entries = new Map((file?.entries ?? []).map((entry) => [entry.path ?? entry.pv ?? '', entry]));
    this.#unmatched = new Set(this.#entries.keys());
  }

  take({ path, pv }: Pick<PvPlace, 'path' | 'pv'>): QuotaFileEntry | undefined {
    const key = this.#entries.has(path) ? path : pv;
    this.#unmatched.delete(key);
    return this.#entries.get(key);
  }

  /** Wrong entries, and those that no PV has taken. */
  refusals(): Refusal[] {
    const file = (line: number | undefined): string => `quotaFile line ${line}`;
    return [
      ...(this.#file?.refusals ?? []).map(({ line, reason }) => ({ file: file(line), reason })),
      ...[...this.#unmatched].map((key) => ({
        file: file(this.#entries.get(key)?.line),
        reason: `no PV "${key}" on this brick`,
      })),
    ];
  }
}
