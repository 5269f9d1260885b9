/** The xattrs that make a PV directory a quota, as simple-quota of 11.1 keeps them, and our own record beside them. */
import { errorMessage } from '../lib/errors.ts';
import { faultPoint } from '../lib/fault-point.ts';
import { gfidFromBytes, type Gfid } from '../lib/gfid.ts';
import { openBelow, type DirectoryHandle } from './handle.ts';
import { getParentXattr, getXattr, listXattrs, removeXattr, setXattr } from './xattr.ts';

export const NAMESPACE_XATTR = 'trusted.glusterfs.namespace';
export const LIMIT_XATTR = 'trusted.gfs.squota.limit';
export const SIZE_XATTR = 'trusted.gfs.squota.size';
/**
 * Our record of what the API asked for. Replicate heals it with the directory's other metadata (measured on 11.1: a difference
 * alone starts no heal, but when one comes the source's text replaces the sink's), so its text must not differ by brick.
 */
export const QUOTA_RECORD_XATTR = 'trusted.brick-agent.quota';

/** On a PV whose adoption by the running bricks was begun and is not known to have ended. */
export const ADOPTION_XATTR = 'trusted.brick-agent.adopt';

/** What stands on a directory that somebody has begun to make a quota. */
const OF_QUOTAS = new Set([NAMESPACE_XATTR, LIMIT_XATTR, SIZE_XATTR, QUOTA_RECORD_XATTR, ADOPTION_XATTR]);

/** A record is some 50 bytes; anything much larger is not ours. */
const MAX_RECORD_BYTES = 1024;

/** What the backend says of one PV directory. */
export interface BackendQuota {
  path: string;
  gfid: Gfid | undefined;
  namespace: boolean;
  /** trusted.gfs.squota.limit in bytes of this brick; `Malformed` when it is not a decimal number. */
  limitBytes: bigint | 'Malformed' | undefined;
  /** trusted.gfs.squota.size in bytes, as of the brick's last flush. */
  sizeBytes: bigint | 'Malformed' | undefined;
  /** Its adoption by the running bricks was begun. */
  adopting: boolean;
  /** Our record, undecoded. */
  record: string | undefined;
  /** Undefined: not looked at, as that costs more than all the rest. */
  hasEntries: boolean | undefined;
  /** Of the directory above, which counts for no PV; undefined: not looked at. */
  parentGfid: Gfid | undefined;
}

/** One PV's answer: a bad one never stops the others. `written`: as `readOrWriteQuotas` found nothing there. */
export type BackendRead =
  | { path: string; kind: 'present'; quota: BackendQuota; written?: true }
  | { path: string; kind: 'missing' }
  | { path: string; kind: 'failed'; message: string };

/** What is to be written on one PV directory; what is not named stays as it is. */
export interface BackendChange {
  path: string;
  namespace?: true;
  /** Bytes on this brick; null removes the xattr. */
  limitBytes?: bigint | null;
  /** Bytes that the brick takes as used at its next start. */
  sizeBytes?: bigint;
  /** Whether an adoption is under way. */
  adopting?: boolean;
  /** Text of our record; null removes it. */
  record?: string | null;
}

/** What makes a quota of a directory that carries nothing of one. */
export interface BackendClaim {
  path: string;
  namespace: true;
  /** Bytes on this brick. */
  limitBytes: bigint;
}

/** `written` with what the disk says afterwards. */
export type BackendWrite =
  { path: string; kind: 'written'; quota: BackendQuota } | { path: string; kind: 'failed'; message: string };

/** @param closely whether to look for entries and at the directory above, too */
export function readQuotas(root: DirectoryHandle, paths: readonly string[], closely: boolean): BackendRead[] {
  return paths.map((path) =>
    readHeld(root, path, (directory) => ({ path, kind: 'present', quota: readQuota(directory, path, closely) })),
  );
}

/**
 * As `readQuotas`, but where nothing of a quota stands on the directory, the claim is written and read back while it is held: to find and
 * open each one of 10,000 twice takes as long as to write them.
 */
export function readOrWriteQuotas(
  root: DirectoryHandle,
  claims: readonly BackendClaim[],
  closely: boolean,
): BackendRead[] {
  return claims.map((claim) => {
    const { path } = claim;
    return readHeld(root, path, (directory) => {
      const names = listXattrs(directory);
      const isBare = !names.some((name) => OF_QUOTAS.has(name));
      if (!isBare) return { path, kind: 'present', quota: readQuota(directory, path, closely, names) };
      writeQuota(directory, claim);
      // What was there is there still. To ask for what was written takes less than to list all again; the limit's value is read anyway.
      names.push(LIMIT_XATTR);
      if (getXattr(directory, NAMESPACE_XATTR) !== undefined) names.push(NAMESPACE_XATTR);
      return { path, kind: 'present', quota: readQuota(directory, path, closely, names), written: true };
    });
  });
}

function readHeld(root: DirectoryHandle, path: string, read: (directory: DirectoryHandle) => BackendRead): BackendRead {
  let directory: DirectoryHandle | undefined;
  try {
    directory = openBelow(root, path);
    return directory === undefined ? { path, kind: 'missing' } : read(directory);
  } catch (error) {
    return { path, kind: 'failed', message: `${path}: ${errorMessage(error)}` };
  } finally {
    // Not by `using`, which takes a microsecond: one in sixty of what a PV takes (measured).
    directory?.close();
  }
}

/** Each is read back while the directory is held: to find it again would cost as much as to write. @param closely as for `readQuotas` */
export function writeQuotas(
  root: DirectoryHandle,
  changes: readonly BackendChange[],
  closely: boolean,
): BackendWrite[] {
  return changes.map((change) => {
    const { path } = change;
    try {
      using directory = openBelow(root, path);
      if (directory === undefined) return { path, kind: 'failed', message: `${path}: the directory is gone` };
      writeQuota(directory, change);
      return { path, kind: 'written', quota: readQuota(directory, path, closely) };
    } catch (error) {
      return { path, kind: 'failed', message: `${path}: ${errorMessage(error)}` };
    }
  });
}

function readQuota(
  directory: DirectoryHandle,
  path: string,
  closely: boolean,
  names: readonly string[] = listXattrs(directory),
): BackendQuota {
  const get = (name: string): Buffer | undefined => (names.includes(name) ? getXattr(directory, name) : undefined);
  const gfid = get('trusted.gfid');
  const record = get(QUOTA_RECORD_XATTR);
  return {
    path,
    gfid: gfidOrNone(gfid),
    namespace: names.includes(NAMESPACE_XATTR),
    limitBytes: decimal(get(LIMIT_XATTR)),
    sizeBytes: decimal(get(SIZE_XATTR)),
    adopting: names.includes(ADOPTION_XATTR),
    record: record === undefined ? undefined : record.subarray(0, MAX_RECORD_BYTES).toString('utf8'),
    hasEntries: closely ? directory.hasEntries() : undefined,
    parentGfid: closely ? gfidOrNone(getParentXattr(directory, 'trusted.gfid')) : undefined,
  };
}

function gfidOrNone(bytes: Buffer | undefined): Gfid | undefined {
  return bytes?.length === 16 ? gfidFromBytes(bytes) : undefined;
}

/**
 * The order is safe at every cut: the record of the wish first; the size and the limit before the namespace, since a brick
 * that starts in between loads all three with the namespace or none.
 */
function writeQuota(directory: DirectoryHandle, change: BackendChange): void {
  if (change.record !== undefined && change.record !== null) {
    setXattr(directory, QUOTA_RECORD_XATTR, change.record);
    faultPoint('disk-record');
  }
  // The brick writes its size with a NUL and reads it either way; a limit comes without one from replicate (measured on 11.1).
  if (change.sizeBytes !== undefined) setXattr(directory, SIZE_XATTR, `${change.sizeBytes}\0`);
  if (change.limitBytes === null) removeXattr(directory, LIMIT_XATTR);
  else if (change.limitBytes !== undefined) setXattr(directory, LIMIT_XATTR, limitText(change.limitBytes));
  faultPoint('disk-limit');
  if (change.namespace === true) setXattr(directory, NAMESPACE_XATTR, TRUE);
  faultPoint('disk-namespace');
  if (change.adopting === true) setXattr(directory, ADOPTION_XATTR, 'begun');
  if (change.adopting === false) removeXattr(directory, ADOPTION_XATTR);
  if (change.record === null) removeXattr(directory, QUOTA_RECORD_XATTR);
}

const TRUE = Buffer.from('true');
/** The text of the last limit that was written: the next one is often the same. */
let lastLimit = { bytes: 0n, text: Buffer.from('0') };

function limitText(bytes: bigint): Buffer {
  if (lastLimit.bytes !== bytes) lastLimit = { bytes, text: Buffer.from(bytes.toString()) };
  return lastLimit.text;
}

/** Decimal text with or without its NUL: replicate writes none, disperse and the brick itself write one. */
export function decimal(value: Buffer | undefined): bigint | 'Malformed' | undefined {
  if (value === undefined) return undefined;
  const text = value.toString('latin1').replace(/\0$/, '');
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : 'Malformed';
}
