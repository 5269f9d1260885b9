/** The 148-byte stat block ("iatt") of the version 4 protocol. */
import type { Gfid } from '../lib/gfid.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

const TYPE_MASK = 0o170_000;
const TYPE_DIRECTORY = 0o040_000;

/** Times are seconds since the epoch with nanoseconds beside them. `btime` was 0 on every brick seen. */
export interface Iatt {
  gfid: Gfid;
  /** Which of the fields are valid. */
  flags: bigint;
  ino: bigint;
  dev: bigint;
  rdev: bigint;
  /** Bytes. */
  size: bigint;
  /** Units of 512 bytes. */
  blocks: bigint;
  attributes: bigint;
  attributesMask: bigint;
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  btime: bigint;
  atimeNsec: number;
  mtimeNsec: number;
  ctimeNsec: number;
  btimeNsec: number;
  nlink: number;
  uid: number;
  gid: number;
  blksize: number;
  /** Type bits and permissions, as in stat(2). */
  mode: number;
}

export function isDirectory(iatt: Iatt): boolean {
  return (iatt.mode & TYPE_MASK) === TYPE_DIRECTORY;
}

/**
 * ```
 * opaque gfid[16]; uint64 flags, ino, dev, rdev, size, blocks, attributes, attributes_mask;
 * int64 atime, mtime, ctime, btime; uint32 their nanoseconds; uint32 nlink, uid, gid, blksize, mode
 * ```
 */
export function readIatt(reader: XdrReader): Iatt {
  return {
    gfid: reader.gfid(),
    flags: reader.uint64(),
    ino: reader.uint64(),
    dev: reader.uint64(),
    rdev: reader.uint64(),
    size: reader.uint64(),
    blocks: reader.uint64(),
    attributes: reader.uint64(),
    attributesMask: reader.uint64(),
    atime: reader.int64(),
    mtime: reader.int64(),
    ctime: reader.int64(),
    btime: reader.int64(),
    atimeNsec: reader.uint32(),
    mtimeNsec: reader.uint32(),
    ctimeNsec: reader.uint32(),
    btimeNsec: reader.uint32(),
    nlink: reader.uint32(),
    uid: reader.uint32(),
    gid: reader.uint32(),
    blksize: reader.uint32(),
    mode: reader.uint32(),
  };
}

/** The inverse, for dict values of type IATT. */
export function writeIatt(writer: XdrWriter, iatt: Iatt): void {
  writer.gfid(iatt.gfid);
  for (const value of [iatt.flags, iatt.ino, iatt.dev, iatt.rdev, iatt.size, iatt.blocks]) writer.uint64(value);
  writer.uint64(iatt.attributes);
  writer.uint64(iatt.attributesMask);
  for (const value of [iatt.atime, iatt.mtime, iatt.ctime, iatt.btime]) writer.int64(value);
  for (const value of [iatt.atimeNsec, iatt.mtimeNsec, iatt.ctimeNsec, iatt.btimeNsec]) writer.uint32(value);
  for (const value of [iatt.nlink, iatt.uid, iatt.gid, iatt.blksize, iatt.mode]) writer.uint32(value);
}
