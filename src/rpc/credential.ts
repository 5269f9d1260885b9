/**
 * Who a call claims to be: AUTH_GLUSTERFS_v3, the only flavour that both 10.3 and 11.1 honour in full (measured: 11.1 takes
 * v1 and v2 for AUTH_NULL). The server does not verify any of it.
 */
import { AgentError } from '../lib/errors.ts';
import type { XdrWriter } from './xdr.ts';

const AUTH_GLUSTERFS_V3 = 390_040;

/** Fixed words of the body: pid, uid, gid, flags, nanoseconds, seconds (two words), number of groups, lock owner's length. */
const FIXED_BYTES = 36;
/** Groups and bytes of the lock owner together; beyond it the server cuts groups or rejects the call. */
const MAX_VARIABLE_ITEMS = 91;

/**
 * Process ids with a meaning of their own. A negative one bypasses POSIX ACL checks and, on 11.1, may make a directory a
 * namespace.
 */
export const PID = {
  /** An ordinary client. */
  client: 0,
  /** Heal-type writes; not squashed. */
  selfHeal: -6,
  /** Readers of heal information: may look up files in split-brain. */
  healInfo: -7,
  /** simple-quota's helper (11.1): a STATFS of it makes the brick write its counter to disk. */
  quotaHelper: -14,
} as const;

export interface Credential {
  pid: number;
  uid?: number;
  gid?: number;
  groups?: readonly number[];
  /** Names the holder of a lock; only lock fops look at it. */
  lockOwner?: Uint8Array;
}

/**
 * Time of a call; the utime translator takes it for the time of the operation. It also keeps the credentials of two connections
 * apart, which the server merges when they are equal.
 */
export interface CallTime {
  seconds: bigint;
  nanoseconds: number;
}

/** @param ms wall-clock milliseconds since the epoch */
export function callTime(ms: number): CallTime {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanoseconds: Math.floor((ms - seconds * 1000) * 1_000_000) };
}

/**
 * Flavour, length and body:
 *
 * ```
 * int32 pid; uint32 uid, gid, flags, ctime_nsec; uint64 ctime_sec; uint32 gids<>; opaque lk_owner<>
 * ```
 */
export function writeCredential(writer: XdrWriter, credential: Credential, time: CallTime): void {
  const { pid, uid = 0, gid = 0, groups = NO_GROUPS, lockOwner = NO_OWNER } = credential;
  if (groups.length + lockOwner.length > MAX_VARIABLE_ITEMS) {
    throw new AgentError(
      'BadRequest',
      `a credential carries at most ${MAX_VARIABLE_ITEMS} groups and bytes of lock owner`,
    );
  }
  writer.uint32(AUTH_GLUSTERFS_V3);
  writer.uint32(FIXED_BYTES + 4 * groups.length + 4 * Math.ceil(lockOwner.length / 4));
  writer.int32(pid);
  writer.uint32(uid);
  writer.uint32(gid);
  writer.uint32(0);
  writer.uint32(time.nanoseconds);
  writer.uint64(time.seconds);
  writer.uint32(groups.length);
  for (const group of groups) writer.uint32(group);
  writer.opaque(lockOwner);
}

const NO_GROUPS: readonly number[] = [];
const NO_OWNER = new Uint8Array();
