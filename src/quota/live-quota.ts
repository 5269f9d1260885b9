import { AgentError, isAgentError } from '../lib/errors.ts';
import { faultPoint } from '../lib/fault-point.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { LIFTED_LIMIT, showsLimit, type QuotaStatfs } from './live-limit.ts';
import type { QuotaBrick } from './ports.ts';

/** What the running brick says of one PV after it was brought in line. */
export type LiveResult =
  | { kind: 'settled'; gfid: Gfid; statfs: QuotaStatfs; madeNamespace: boolean }
  /** The brick accepted everything, but STATFS shows something else. */
  | { kind: 'differs'; gfid: Gfid; statfs: QuotaStatfs; madeNamespace: boolean }
  /** The limit is gone from disk and lifted live; the running brick forgets it only at its next start. */
  | { kind: 'lifted'; gfid: Gfid; statfs: QuotaStatfs }
  /** The brick does not know the directory. */
  | { kind: 'missing' };

/** Directories above PVs that are remembered. In Kadalu's layout 256 of them have many PVs below, and each of the others mostly one. */
const MAX_ABOVE = 1_024;

/** A directory that was no namespace on the disk until now, and is empty: no limit to ask for before it is set, and nothing counted. */
export interface FreshDirectory {
  /** Gfid of the directory above; undefined: not known. */
  parent: Gfid | undefined;
}

/**
 * Brings the running brick in line, PV by PV, over its port.
 *
 * A brick loads limit and namespace of a directory only at a LOOKUP by name, and puts children that it meets by bare gfid into
 * the root namespace; so after every handshake each PV is looked up by name before anything else is asked of it (measured on
 * 11.1). From the root: below a directory that the brick has met by bare gfid, it loads neither, and a limit that is set then
 * begins to count at 0 (measured on 11.1). Only where nothing was counted yet may the directory above be named by its gfid.
 */
export class LiveQuota {
  readonly #brick: QuotaBrick;
  #generation = -1;
  /** PVs looked up since the last handshake, by path. */
  #gfids = new Map<string, Gfid>();
  /** Directories above PVs, by path, the one used last at the end. */
  #above = new Map<string, Gfid>();

  constructor(brick: QuotaBrick) {
    this.#brick = brick;
  }

  /** Forgets a PV that is gone. */
  forget(path: string): void {
    this.#gfids.delete(path);
  }

  /** Whether this PV was looked up in the brick as it is connected now. */
  isKnown(path: string): boolean {
    return this.#generation === this.#brick.generation && this.#gfids.has(path);
  }

  /**
   * @param wanted the limit on this brick in bytes; `lifted`: take the one that is in force out of reach; `observe`: only look
   * @param fresh saves calls; undefined: it is not fresh, or that is not known
   * @throws AgentError `RpcDisconnected`, `Timeout`, `GlusterError`, `Aborted`
   */
  async settle(
    path: string,
    wanted: bigint | 'lifted' | 'observe',
    signal: AbortSignal,
    fresh?: FreshDirectory,
  ): Promise<LiveResult> {
    const isFresh = fresh !== undefined && !this.isKnown(path);
    const gfid = await this.#resolve(path, isFresh ? fresh.parent : undefined, signal);
    if (gfid === undefined) return { kind: 'missing' };
    faultPoint('live-found');
    try {
      if (wanted === 'observe') return observed(gfid, await this.#brick.statfs(gfid, signal));
      return wanted === 'lifted' ? await this.#lift(gfid, signal) : await this.#apply(gfid, wanted, isFresh, signal);
    } catch (error) {
      // The directory was renamed or replaced under us: the next pass looks it up anew.
      if (isAgentError(error, 'GlusterError')) this.forget(path);
      throw error;
    }
  }

  async #apply(gfid: Gfid, wantedBytes: bigint, isFresh: boolean, signal: AbortSignal): Promise<LiveResult> {
    const before = isFresh ? undefined : await this.#brick.statfs(gfid, signal);
    if (before !== undefined && showsLimit(before, wantedBytes)) {
      return { kind: 'settled', gfid, statfs: before, madeNamespace: false };
    }
    // A limit in force proves that the directory is a namespace already; setting it again would be one call in vain.
    const madeNamespace = before?.simpleQuota !== true;
    if (madeNamespace) await this.#brick.makeNamespace(gfid, signal);
    faultPoint('live-namespace');
    await this.#brick.setLimit(gfid, wantedBytes, signal);
    faultPoint('live-limit');
    const after = await this.#brick.statfs(gfid, signal);
    return showsLimit(after, wantedBytes)
      ? { kind: 'settled', gfid, statfs: after, madeNamespace }
      : { kind: 'differs', gfid, statfs: after, madeNamespace };
  }

  async #lift(gfid: Gfid, signal: AbortSignal): Promise<LiveResult> {
    const before = await this.#brick.statfs(gfid, signal);
    if (!before.simpleQuota) return { kind: 'settled', gfid, statfs: before, madeNamespace: false };
    if (showsLimit(before, LIFTED_LIMIT)) return { kind: 'lifted', gfid, statfs: before };
    await this.#brick.setLimit(gfid, LIFTED_LIMIT, signal);
    faultPoint('live-lifted');
    return { kind: 'lifted', gfid, statfs: await this.#brick.statfs(gfid, signal) };
  }

  async #resolve(path: string, parent: Gfid | undefined, signal: AbortSignal): Promise<Gfid | undefined> {
    const generation = this.#brick.generation;
    if (generation !== this.#generation) {
      this.#gfids = new Map();
      this.#above = new Map();
      this.#generation = generation;
    }
    const known = this.#gfids.get(path) ?? (await this.#below(parent, path, signal));
    if (known !== undefined) return known;
    const names = path.split('/');
    let gfid: Gfid = ROOT_GFID;
    for (const [index, name] of names.slice(0, -1).entries()) {
      const next = await this.#directory(gfid, name, names.slice(0, index + 1).join('/'), signal);
      if (next === undefined) return undefined;
      gfid = next;
    }
    return await this.#lookUp(gfid, names.at(-1) ?? '', path, signal);
  }

  async #directory(parent: Gfid, name: string, path: string, signal: AbortSignal): Promise<Gfid | undefined> {
    const gfid = this.#above.get(path) ?? (await this.#ask(parent, name, signal));
    if (gfid === undefined) return undefined;
    this.#above.delete(path);
    this.#above.set(path, gfid);
    const [longestUnused] = this.#above.keys();
    if (this.#above.size > MAX_ABOVE && longestUnused !== undefined) this.#above.delete(longestUnused);
    return gfid;
  }

  /** Undefined when it is not there, or the brick knows no such parent: then it is looked for from the root. */
  async #below(parent: Gfid | undefined, path: string, signal: AbortSignal): Promise<Gfid | undefined> {
    if (parent === undefined) return undefined;
    try {
      return await this.#lookUp(parent, path.slice(path.lastIndexOf('/') + 1), path, signal);
    } catch (error) {
      if (isAgentError(error, 'GlusterError')) return undefined;
      throw error;
    }
  }

  async #lookUp(parent: Gfid, name: string, path: string, signal: AbortSignal): Promise<Gfid | undefined> {
    const gfid = await this.#ask(parent, name, signal);
    if (gfid !== undefined) this.#gfids.set(path, gfid);
    return gfid;
  }

  async #ask(parent: Gfid, name: string, signal: AbortSignal): Promise<Gfid | undefined> {
    const { generation } = this.#brick;
    const gfid = await this.#brick.lookup(parent, name, signal);
    if (gfid === undefined) return undefined;
    if (this.#brick.generation !== generation || generation !== this.#generation) {
      throw new AgentError('RpcDisconnected', 'the brick restarted during a look-up');
    }
    return gfid;
  }
}

/** A limit out of reach that nobody wants any more is what a removal has left. */
function observed(gfid: Gfid, statfs: QuotaStatfs): LiveResult {
  if (showsLimit(statfs, LIFTED_LIMIT)) return { kind: 'lifted', gfid, statfs };
  return { kind: 'settled', gfid, statfs, madeNamespace: false };
}
