import { AgentError, isAgentError } from '../lib/errors.ts';
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

/**
 * Brings the running brick in line, PV by PV, over its port.
 *
 * A brick loads limit and namespace of a directory only at a LOOKUP by name, and puts children that it meets by bare gfid into
 * the root namespace; so after every handshake each PV is looked up from the root, one component after the other, before
 * anything else is asked of it (measured on 11.1).
 */
export class LiveQuota {
  readonly #brick: QuotaBrick;
  #generation = -1;
  /** Directories looked up since the last handshake, by path. Bounded by the PVs and their parents. */
  #gfids = new Map<string, Gfid>();

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
   * @throws AgentError `RpcDisconnected`, `Timeout`, `GlusterError`, `Aborted`
   */
  async settle(path: string, wanted: bigint | 'lifted' | 'observe', signal: AbortSignal): Promise<LiveResult> {
    const gfid = await this.#resolve(path, signal);
    if (gfid === undefined) return { kind: 'missing' };
    try {
      if (wanted === 'observe')
        return { kind: 'settled', gfid, statfs: await this.#brick.statfs(gfid, signal), madeNamespace: false };
      return wanted === 'lifted' ? await this.#lift(gfid, signal) : await this.#apply(gfid, wanted, signal);
    } catch (error) {
      // The directory was renamed or replaced under us: the next pass looks it up anew.
      if (isAgentError(error, 'GlusterError')) this.forget(path);
      throw error;
    }
  }

  async #apply(gfid: Gfid, wantedBytes: bigint, signal: AbortSignal): Promise<LiveResult> {
    const before = await this.#brick.statfs(gfid, signal);
    if (showsLimit(before, wantedBytes)) {
      return { kind: 'settled', gfid, statfs: before, madeNamespace: false };
    }
    // A limit in force proves that the directory is a namespace already; setting it again would be one call in vain.
    const madeNamespace = !before.simpleQuota;
    if (madeNamespace) await this.#brick.makeNamespace(gfid, signal);
    await this.#brick.setLimit(gfid, wantedBytes, signal);
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
    return { kind: 'lifted', gfid, statfs: await this.#brick.statfs(gfid, signal) };
  }

  async #resolve(path: string, signal: AbortSignal): Promise<Gfid | undefined> {
    const generation = this.#brick.generation;
    if (generation !== this.#generation) {
      this.#gfids = new Map();
      this.#generation = generation;
    }
    let gfid: Gfid = ROOT_GFID;
    let walked = '';
    for (const name of path.split('/')) {
      walked = walked === '' ? name : `${walked}/${name}`;
      const next = this.#gfids.get(walked) ?? (await this.#brick.lookup(gfid, name, signal));
      if (next === undefined) return undefined;
      if (this.#brick.generation !== generation) {
        throw new AgentError('RpcDisconnected', 'the brick restarted during a look-up');
      }
      this.#gfids.set(walked, next);
      gfid = next;
    }
    return gfid;
  }
}
