/**
 * Is everything that a brick has in memory below a PV counted for that PV? The limit read back from a brick says nothing of
 * that: what the brick knew before the directory became a namespace, or met by bare gfid, counts for the root and is not
 * limited (measured on 11.1).
 */
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';

/** A PV whose limit is live, at the moment the audit begins. */
export interface AuditTarget {
  pv: string;
  /** Relative to the brick root. */
  path: string;
  gfid: Gfid;
}

/** What one audit says of one PV. Counts are files and directories in the brick's memory, the PV's own directory included. */
export interface PvAudit {
  /** Wall-clock milliseconds of the dump. */
  at: number;
  /** Until when it counts, as wall-clock milliseconds: a brick that forgets a directory may meet it again by bare gfid. */
  validUntil: number;
  /** Counted for the PV. */
  right: number;
  /** Below the PV, but counted for something else: writes there are not limited. */
  wrong: number;
  /**
   * Counted for no PV, and their place could not be found (open and deleted, or more than one audit looks up): any of them may
   * be below this PV.
   */
  unplaced: number;
  /** Directories below the PV's that are namespaces of their own; undefined: none is. */
  nested?: NestedNamespaces | undefined;
}

/**
 * A directory below a PV's that somebody has made a namespace, as a quota helper's mount or a hand on the backend may (11.1 refuses it to any other
 * client): what is in it counts for it alone, so the PV's limit does not hold there, over restarts too.
 */
export interface NestedNamespaces {
  count: number;
  /** Relative to the PV's directory. */
  first: string;
}

export interface AuditResult {
  audit: PvAudit;
  /** Of what counts for something else; in latin1, one character a byte. */
  wrongPaths: string[];
}

/** Beyond it the rest counts as unplaced; each costs some 30 µs in the worker. */
export const MAX_STRAYS = 20_000;

/**
 * Sorts a brick's inode table: what counts for a PV is right, everything else is kept to be located. What counts for a PV
 * always lies in it, since the brick refuses renames and links between namespaces.
 */
export class AuditTally {
  readonly #right = new Map<Gfid, number>();
  readonly #strays: Gfid[] = [];
  /** Those of the strays that are namespaces themselves, by their place in the list. */
  readonly #namespaces = new Set<number>();
  #dropped = 0;

  constructor(targets: readonly AuditTarget[]) {
    for (const { gfid } of targets) this.#right.set(gfid, 0);
  }

  /** Below the targets or elsewhere, but not counted for any of them; at most MAX_STRAYS. */
  get strays(): readonly Gfid[] {
    return this.#strays;
  }

  take(gfid: Gfid, namespace: Gfid | undefined): void {
    if (gfid === ROOT_GFID) return;
    const right = namespace === undefined ? undefined : this.#right.get(namespace);
    if (namespace !== undefined && right !== undefined) this.#right.set(namespace, right + 1);
    else if (this.#strays.length < MAX_STRAYS) {
      if (namespace === gfid) this.#namespaces.add(this.#strays.length);
      this.#strays.push(gfid);
    } else this.#dropped += 1;
  }

  /**
   * @param places of the strays, in their order: a path in latin1, `undefined` where nothing is there, `null` for what exists
   *   in an unknown place
   * @returns by gfid of the PV's directory, with the strays that were found below it
   */
  judge(
    targets: readonly AuditTarget[],
    places: readonly (string | undefined | null)[],
    times: { at: number; validUntil: number },
  ): Map<Gfid, AuditResult> {
    const results = new Map<Gfid, AuditResult>();
    const byBytes = new Map<string, AuditResult>();
    const unplaced = this.#dropped + places.filter((place) => place === null).length;
    for (const { path, gfid } of targets) {
      const audit: PvAudit = { ...times, right: this.#right.get(gfid) ?? 0, wrong: 0, unplaced };
      const result: AuditResult = { audit, wrongPaths: [] };
      results.set(gfid, result);
      byBytes.set(toBytes(path), result);
    }
    for (const [index, place] of places.entries()) {
      if (typeof place !== 'string') continue;
      const found = enclosing(byBytes, place);
      if (found === undefined) continue;
      const { value: result, key } = found;
      result.audit.wrong += 1;
      result.wrongPaths.push(place);
      if (!this.#namespaces.has(index) || place === key) continue;
      const first = Buffer.from(place.slice(key.length + 1), 'latin1').toString('utf8');
      result.audit.nested = {
        count: (result.audit.nested?.count ?? 0) + 1,
        first: result.audit.nested?.first ?? first,
      };
    }
    return results;
  }
}

/** The entry whose key is `place` or a directory above it. */
function enclosing<T>(byPath: ReadonlyMap<string, T>, place: string): { key: string; value: T } | undefined {
  for (let end = place.length; end > 0; end = place.lastIndexOf('/', end - 1)) {
    const key = place.slice(0, end);
    const value = byPath.get(key);
    if (value !== undefined) return { key, value };
  }
  return undefined;
}

/** One character a byte, as places are written. */
function toBytes(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1');
}
