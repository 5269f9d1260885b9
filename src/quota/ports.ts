/**
 * What quota needs of the world, so that its logic is tested without bricks. `agent/` connects these to the brick worker and
 * to the wire client.
 */
import type { Gfid } from '../lib/gfid.ts';
import type { Inventory } from '../brick/pv-inventory.ts';
import type { BackendChange, BackendClaim, BackendRead, BackendWrite } from '../brick/quota-xattrs.ts';
import type { QuotaStatfs } from './live-limit.ts';

/** The brick's directory, by way of the worker thread. Every call throws AgentError `BrickHung`, `Timeout` or `Aborted`. */
export interface QuotaBackend {
  /** Cheap when nothing changed since the last call. */
  inventory(signal: AbortSignal): Promise<Inventory>;
  /** In the order of `paths`. `closely`: also whether the directories are empty and what is above them, for twice the cost. */
  read(paths: readonly string[], signal: AbortSignal, closely?: boolean): Promise<BackendRead[]>;
  /** As `read`, in the order of `claims`; where nothing of a quota stands on the directory, the claim is written first. */
  readOrWrite(claims: readonly BackendClaim[], signal: AbortSignal, closely?: boolean): Promise<BackendRead[]>;
  /** Which of the paths, by their place in the list, may say something else than `read` told last. */
  touched(paths: readonly string[], signal: AbortSignal): Promise<number[]>;
  /** In the order of `changes`, each read back; `closely` as for `read`. */
  write(changes: readonly BackendChange[], signal: AbortSignal, closely?: boolean): Promise<BackendWrite[]>;
}

/** The running brick process, by way of its port. Every call throws AgentError `RpcDisconnected`, `Timeout` or `GlusterError`. */
export interface QuotaBrick {
  readonly isUp: boolean;
  /** Counts handshakes. After each one the brick may be a new process: every directory must be looked up again. */
  readonly generation: number;
  /** False on 10.x, which has no simple-quota; undefined while the version is not known. */
  readonly hasSimpleQuota: boolean | undefined;
  /** Named LOOKUP of one entry; undefined when there is none. */
  lookup(parent: Gfid, name: string, signal: AbortSignal): Promise<Gfid | undefined>;
  /** STATFS as the quota helper, which also makes the brick write its counter to disk. */
  statfs(gfid: Gfid, signal: AbortSignal): Promise<QuotaStatfs>;
  /** The same of many, in the order of the gfids; undefined: the brick refused that one. `width`: how many are asked for at a time. */
  statfsEach(gfids: readonly Gfid[], width: number, signal: AbortSignal): Promise<(QuotaStatfs | undefined)[]>;
  makeNamespace(gfid: Gfid, signal: AbortSignal): Promise<void>;
  setLimit(gfid: Gfid, limitBytes: bigint, signal: AbortSignal): Promise<void>;
}

/** When the running brick refused writes for want of quota, as far as anything tells. */
export interface RefusedWriteSource {
  /** Since when every such write would be known, in wall-clock milliseconds; undefined: nothing tells. */
  readonly since: number | undefined;
  /** The last one in a PV, in wall-clock milliseconds. */
  lastOf(pv: string): number | undefined;
}

/** PVs to work on. With 10,000 of them, all are not looked through for each. */
export interface Targets<T> {
  /** The same list again while nothing has changed. */
  all: () => readonly T[];
  get: (pv: string) => T | undefined;
}

/** Whether this brick may be written to: only when it is proven ours. */
export type Fence = { open: true } | { open: false; reason: string };
