/** What the main thread may ask of a brick worker, and what comes back; both sides are typed by this table. */
import type { ErrorCode } from '../../lib/errors.ts';
import type { Gfid } from '../../lib/gfid.ts';
import type { Blame } from '../afr-blame.ts';
import type { BrickCopy, NamedObject } from '../copies.ts';
import type { BrickFacts } from '../facts.ts';
import type { GfidPlace, NameRecord } from '../gfid-path.ts';
import type { HealObject, HealPage, MissingObject } from '../heal-entries.ts';
import type { HealIndexCounts } from '../heal-index.ts';
import type { GfidIndex } from '../heal-window.ts';
import type { PvDirectory } from '../pv-directories.ts';
import type { Inventory } from '../pv-inventory.ts';
import type { BackendChange, BackendClaim, BackendRead, BackendWrite } from '../quota-xattrs.ts';

export interface BrickOps {
  facts: { input: Record<string, never>; output: BrickFacts };
  healIndex: { input: { processKey: string | undefined }; output: HealIndexCounts & { isEmptyBrick: boolean } };
  /** Undefined: there is no such index. A position is the last gfid of the page before. */
  healPage: { input: { index: GfidIndex; after: Gfid | undefined; limit: number }; output: HealPage | undefined };
  /** Paths are relative to the brick's root in latin1. Undefined: nothing at that path. */
  healObject: {
    input: { gfid: Gfid } | { path: string };
    output: { gfid: Gfid; object: HealObject | MissingObject; waitsIn: GfidIndex[] } | undefined;
  };
  /** Both in the order of what was asked. */
  copies: {
    input: { gfids: readonly Gfid[]; names: readonly NameRecord[] };
    output: { copies: (BrickCopy | MissingObject)[]; named: (NamedObject | undefined)[] };
  };
  /** Those in directories, at most so many. */
  symlinks: { input: { directories: readonly Gfid[]; limit: number }; output: Gfid[] };
  inventory: {
    input: { readKadalu: boolean; known: number | undefined };
    output: { version: number; inventory: Inventory | undefined; unwatched: string | undefined };
  };
  /** In the order of the gfids. */
  locate: { input: { gfids: readonly Gfid[] }; output: GfidPlace[] };
  /** In the order of the paths. */
  blames: { input: { paths: readonly string[] }; output: Blame[][] };
  /** Refused like `writeQuotas`. Whether the namespace was removed. */
  freeNamespace: { input: { place: string; path: string; own: string }; output: boolean };
  /** Bytes in files of the brick that are open and deleted; undefined: too many to tell. */
  heldBytes: { input: Record<string, never>; output: number | undefined };
  /** Undefined: too many, or no such PV. Refused like `writeQuotas`, as it removes what was left. */
  pvDirectories: { input: { place: string; path: string }; output: PvDirectory[] | undefined };
  /** Gives a file, by its path in latin1, a second name in its directory, or takes that away. Refused like `writeQuotas`. */
  secondName: { input: { place: string; path: string; name: string; add: boolean }; output: boolean };
  withoutHandle: { input: { gfids: readonly Gfid[] }; output: Gfid[] };
  /** Which of them, by their place in the list, may have other attributes than `readQuotas` told last. */
  touched: { input: { paths: readonly string[] }; output: number[] };
  /** Free blocks and inodes of the brick's file system: while they are the same, nothing was allocated or freed. */
  freeSpace: { input: Record<string, never>; output: string };
  readQuotas: { input: { paths: readonly string[]; closely: boolean }; output: BackendRead[] };
  /** Refused like `writeQuotas`. */
  readOrWriteQuotas: {
    input: { place: string; claims: readonly BackendClaim[]; closely: boolean };
    output: BackendRead[];
  };
  /** Refused with `BrickFenced` when the brick's `device:inode` is not `place`: another file system is there now. */
  writeQuotas: {
    input: { place: string; changes: readonly BackendChange[]; closely: boolean };
    output: BackendWrite[];
  };
}

export type BrickOp = keyof BrickOps;

export type BrickRequest = { [K in BrickOp]: { id: number; op: K; input: BrickOps[K]['input'] } }[BrickOp];

export type BrickResponse =
  | { id: number; ok: true; output: BrickOps[BrickOp]['output'] }
  | { id: number; ok: false; code: ErrorCode; message: string };

/** The first message to a thread. */
export interface BrickWorkerStart {
  brickPath: string;
}
