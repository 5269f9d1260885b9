import type { BackendQuota } from '../brick/quota-xattrs.ts';
import type { PvClaim } from './claim.ts';
import { volumeBytes, type QuotaLayout } from './layout.ts';
import { decodeRecord, recordedClaim } from './record.ts';

/** Where a limit comes from. `Peer` is the agent of another brick, `File` is the mounted quota file. `Disk`: nobody asked, but the brick carries one; it is adopted and shown as such. */
export type LimitSource = 'Api' | 'Peer' | 'File' | 'Kadalu' | 'Disk';

/** A limit that the agent of another brick has at first hand, and from whom. */
export interface PeerLimit {
  source: 'Api' | 'File' | 'Kadalu';
  /** Bytes of the volume. */
  limitBytes: bigint;
  /** Absent where none is told, as of most PVs. */
  claim?: PvClaim;
}

/** What the agents of the other bricks want of one PV. `Removed`: one was told through its API that there is to be no limit, and none wants any. */
export type PeerWish = PeerLimit | { source: 'Removed'; limitBytes: undefined };

/** Whose word a peer's wish is. */
export interface PeerWord {
  /** Where these agents have it from. */
  source: PeerLimit['source'];
  limitBytes: bigint;
  agents: PeerAgent[];
}

export interface PeerAgent {
  /** `host:port` of its API. */
  address: string;
  /** Why it did not answer when it was asked last; undefined: it did. */
  error: string | undefined;
}

/** What others than the API want for one PV. */
export interface Wishes {
  /** Limit in the mounted quota file, in bytes of the volume. */
  fileBytes: bigint | undefined;
  /** Part of the limit from which on to warn; from the quota file. */
  softRatio: number | undefined;
  /** From the quota file; absent where it has none. */
  fileClaim?: PvClaim;
  /** Limit in Kadalu's info file, in bytes of the volume. */
  kadaluBytes: bigint | undefined;
  peer: PeerWish | undefined;
}

/** What is wanted for one PV on this brick. */
export interface Desired {
  /** In bytes of the volume; undefined: no limit. */
  limitBytes: bigint | undefined;
  source: LimitSource | undefined;
  /** The API removed the limit and nobody else asks for one. */
  removed: boolean;
  /** Something on disk could not be understood and was passed over. */
  warning: string | undefined;
}

/**
 * Merges the sources of one PV's limit: our own API, a peer's API, the quota file, Kadalu, what peers have of the last two, and what
 * stands on disk. A peer's API outweighs our file and our Kadalu, since somebody asked for it by hand; the rest of a peer counts only
 * where this brick cannot see it for itself.
 *
 * A removal through the API, ours or a peer's, outweighs what stands on disk (else the limit would adopt itself again), but not
 * anybody's wish.
 */
export function desiredQuota(backend: BackendQuota, wishes: Wishes, layout: QuotaLayout): Desired {
  const desired = merged(backend, wishes, layout);
  if (!isSameDesire(recent, desired)) recent = desired;
  return recent;
}

/** As last made: one object for all PVs of which the same is wanted, which are looked at one after the other. */
let recent: Desired = { limitBytes: undefined, source: undefined, removed: false, warning: undefined };

function isSameDesire(a: Desired, b: Desired): boolean {
  return a.limitBytes === b.limitBytes && a.source === b.source && a.removed === b.removed && a.warning === b.warning;
}

function merged(backend: BackendQuota, wishes: Wishes, layout: QuotaLayout): Desired {
  const record = backend.record === undefined ? undefined : decodeRecord(backend.record);
  const warning =
    backend.record !== undefined && record === undefined
      ? 'the quota record on the directory is not one of this version and is left alone'
      : undefined;
  const none: Desired = { limitBytes: undefined, source: undefined, removed: false, warning };
  if (record?.kind === 'limit') return { ...none, limitBytes: record.limitBytes, source: 'Api' };
  const { fileBytes, kadaluBytes, peer } = wishes;
  if (peer?.source === 'Api') return { ...none, limitBytes: peer.limitBytes, source: 'Peer' };
  if (fileBytes !== undefined) return { ...none, limitBytes: fileBytes, source: 'File' };
  if (kadaluBytes !== undefined) return { ...none, limitBytes: kadaluBytes, source: 'Kadalu' };
  if (peer?.limitBytes !== undefined) return { ...none, limitBytes: peer.limitBytes, source: 'Peer' };
  if (record?.kind === 'removed' || peer?.source === 'Removed') return { ...none, removed: true };
  if (typeof backend.limitBytes === 'bigint' && backend.limitBytes > 0n) {
    return { ...none, limitBytes: volumeBytes(backend.limitBytes, layout), source: 'Disk' };
  }
  return none;
}

/** The claim that this agent knows at first hand, from its own API or its own file. @param record of the API, as it stands on the directory */
export function ownClaim(record: string | undefined, { fileClaim }: Wishes): PvClaim | undefined {
  return recordedClaim(record) ?? fileClaim;
}

/** In the order in which limits count, whoever has the limit: a source without a claim has no opinion of it. @param record as for `ownClaim` */
export function knownClaim(record: string | undefined, wishes: Wishes): PvClaim | undefined {
  const { peer, fileClaim } = wishes;
  const told = peerClaim(wishes);
  return recordedClaim(record) ?? (peer?.source === 'Api' ? told : undefined) ?? fileClaim ?? told;
}

export function peerClaim({ peer }: Wishes): PvClaim | undefined {
  return peer === undefined || peer.source === 'Removed' ? undefined : peer.claim;
}
