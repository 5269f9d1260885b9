/**
 * What heal needs of the world, so that its logic is tested without bricks. `agent/` connects these to the brick worker; the
 * self-heal daemon's side is `shd-daemon.ts`.
 */

import type { HealObject, HealPage, MissingObject } from '../brick/heal-entries.ts';
import type { GfidIndex } from '../brick/heal-window.ts';
import type { Gfid } from '../lib/gfid.ts';

export interface IndexCount {
  /** Undefined: there is no such index, or it could not be read. */
  entries: number | undefined;
  /** False: `entries` is a lower bound. */
  complete: boolean;
}

/** The heal indices of this brick. */
export interface HealCounts {
  /** One entry for each gfid with pending operations: what glfsheal lists. */
  xattrop: IndexCount;
  /** One entry for each gfid with a write in flight or interrupted; disperse has no such index. */
  dirty: IndexCount;
  /** One entry for each changed name below a directory whose gfid is in `xattrop`. */
  entryChanges: IndexCount;
  /** The brick holds nothing of any client; undefined: not looked at. */
  isEmptyBrick?: boolean;
}

/** The brick's directory, by way of the worker thread. */
export interface BacklogSource {
  /** @throws AgentError `BrickHung`, `BrickIo`, `Timeout` or `Aborted` */
  counts(signal: AbortSignal): Promise<HealCounts>;
}

/** The entries of the indices, by way of a thread of its own: a long listing must not hold up the other looks at the brick. */
export interface EntrySource {
  /** Undefined: there is no such index. @throws AgentError `BrickHung`, `BrickIo`, `Timeout` or `Aborted` */
  page(
    request: { index: GfidIndex; after: Gfid | undefined; limit: number },
    signal: AbortSignal,
  ): Promise<HealPage | undefined>;
  /** Undefined: nothing at that path. Paths are relative to the brick's root in latin1. @throws as `page` */
  object(wanted: { gfid: Gfid } | { path: string }, signal: AbortSignal): Promise<FoundObject | undefined>;
}

export interface FoundObject {
  gfid: Gfid;
  object: HealObject | MissingObject;
  /** The indices in which it stands. */
  waitsIn: GfidIndex[];
}

export const HEAL_KINDS = ['index', 'full'] as const;
export type HealKind = (typeof HEAL_KINDS)[number];

/** What the daemon said of one brick of one replica or disperse set, in its own words. */
export interface ChildStatus {
  xlator: string;
  /** Position in the set, from 0. */
  child: number;
  status: string;
}

/** The newest crawl of one kind over one brick that the daemon considers local. */
export interface ChildCrawl {
  xlator: string;
  child: number;
  kind: HealKind;
  inProgress: boolean;
  /** The daemon's text for the start, whole seconds in its own time zone: good for telling two crawls apart only. */
  startedText: string;
  /** How many crawls of this kind over this brick the daemon remembers; it forgets the oldest of more than 50. */
  remembered: number;
  healed: number;
  /** Attempts that failed; one that waits for its parent directory to be healed counts and is tried again. */
  failed: number;
  splitBrain: number;
}

/** One brick of a set in the daemon's own graph. */
export interface DaemonChild {
  xlator: string;
  /** Position in the set, from 0. */
  child: number;
  /** The translator below the set, e.g. `pool1-client-0`. */
  name: string;
  /** Under which others blame it; undefined with disperse. */
  pendingName: string | undefined;
  /** Undefined: the daemon did not say, and it has a TCP connection to it or that cannot be seen. */
  isConnected: boolean | undefined;
  /** Whether it has a TCP connection to it, where it did not say; undefined: that cannot be seen. */
  isReached?: boolean | undefined;
  /** Bricks of the set that must be there for anything to be healed; undefined: not known. */
  needed?: number | undefined;
}

/** Which process answered; another one knows nothing of what this one was told. */
export interface DaemonIdentity {
  /** Different for every process. */
  key: string;
  /** Wall-clock milliseconds. */
  startedAt: number;
}

export interface HealStart {
  daemon: DaemonIdentity;
  /** Empty: the daemon did nothing. */
  children: ChildStatus[];
}

export interface CrawlReport {
  daemon: DaemonIdentity;
  /** One for each local brick that has been crawled; undefined: the daemon keeps no statistics (disperse). */
  crawls: ChildCrawl[] | undefined;
}

/** The self-heal daemon of this pod, proven before each call. */
export interface HealDaemon {
  /** @throws AgentError `ProcessUnproven`, `RpcDisconnected`, `Timeout` (it may have started), `Conflict` (its process is stopped), `Aborted`, `RpcProtocol` */
  start(kind: HealKind, signal: AbortSignal): Promise<HealStart>;
  /** The newest crawls of that kind; undefined: of each. @throws as `start` */
  crawls(kind: HealKind | undefined, signal: AbortSignal): Promise<CrawlReport>;
}
