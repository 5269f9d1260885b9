/**
 * Names and contents of files by gfid: CREATE, MKNOD, OPEN, UNLINK, RENAME, FTRUNCATE, RELEASE. Straight on one brick they bypass
 * replication: no changelog is written and no heal repeats them elsewhere.
 */
import type { Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface CreateInput {
  parent: Gfid;
  name: string;
  /** As in open(2); O_CREAT is implied. */
  flags: number;
  /** Permission bits. */
  mode: number;
  /** The new file's. */
  gfid: Gfid;
}

/**
 * ```
 * request: opaque pargfid[16]; uint32 flags, mode, umask; string bname<>; gfx_dict xdata (gfid-req)
 * reply:   op_ret; op_errno; gfx_dict xdata; iatt; uint64 fd; iatt preparent, postparent
 * ```
 */
export const create: Procedure<CreateInput, { iatt: Iatt; fd: bigint }> = {
  ...FOP_PROGRAM,
  procedure: 23,
  name: 'FOP.CREATE',
  encode: (writer, { parent, name, flags, mode, gfid }) => {
    writer.gfid(parent);
    writer.uint32(flags);
    writer.uint32(mode);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer, new Map([['gfid-req', { type: 'GFUUID', value: gfid }]]));
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return { iatt: readIatt(reader), fd: BigInt.asIntN(64, reader.uint64()) };
    });
    return valueOf(create, answer);
  },
};

/** S_IFREG of mknod(2). */
const REGULAR = 0o100000;

/**
 * A regular file without a descriptor. simple-quota neither checks nor counts it (measured on 11.1), where CREATE needs room for
 * 4096 bytes.
 *
 * ```
 * request: opaque pargfid[16]; uint64 dev; uint32 mode, umask; string bname<>; gfx_dict xdata (gfid-req)
 * reply:   op_ret; op_errno; gfx_dict xdata; iatt; iatt preparent, postparent
 * ```
 */
export const mknod: Procedure<Omit<CreateInput, 'flags'>, Iatt> = {
  ...FOP_PROGRAM,
  procedure: 3,
  name: 'FOP.MKNOD',
  encode: (writer, { parent, name, mode, gfid }) => {
    writer.gfid(parent);
    writer.uint64(0n);
    writer.uint32(REGULAR | mode);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer, new Map([['gfid-req', { type: 'GFUUID', value: gfid }]]));
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return readIatt(reader);
    });
    return valueOf(mknod, answer);
  },
};

/** `opaque gfid[16]; uint32 flags; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict xdata; int64 fd`. */
export const open: Procedure<{ gfid: Gfid; flags: number }, bigint> = {
  ...FOP_PROGRAM,
  procedure: 11,
  name: 'FOP.OPEN',
  encode: (writer, { gfid, flags }) => {
    writer.gfid(gfid);
    writer.uint32(flags);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return reader.int64();
    });
    return valueOf(open, answer);
  },
};

/**
 * `opaque pargfid[16]; string bname<>; uint32 flags; gfx_dict xdata`, answered by `op_ret; op_errno; ...`.
 *
 * False: there was no such name.
 */
export const unlink: Procedure<{ parent: Gfid; name: string | Uint8Array }, boolean> = {
  ...FOP_PROGRAM,
  procedure: 5,
  name: 'FOP.UNLINK',
  encode: (writer, { parent, name }) => {
    writer.gfid(parent);
    writer.opaque(name);
    writer.uint32(0);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => true);
    return valueOf(unlink, answer, [ERRNO.ENOENT, ERRNO.ESTALE]) ?? false;
  },
};

export interface RenameInput {
  parent: Gfid;
  name: string | Uint8Array;
  newParent: Gfid;
  newName: string | Uint8Array;
}

/**
 * `opaque oldgfid[16], newgfid[16]; string oldbname<>, newbname<>; gfx_dict xdata`, where the gfids are the parents'; answered by
 * `op_ret; op_errno; ...`.
 *
 * False: there was no such name. Never rename a regular file onto itself: the brick then removes its gfid handle (measured on
 * 11.1); with a directory it is harmless.
 */
export const rename: Procedure<RenameInput, boolean> = {
  ...FOP_PROGRAM,
  procedure: 8,
  name: 'FOP.RENAME',
  encode: (writer, { parent, name, newParent, newName }) => {
    writer.gfid(parent);
    writer.gfid(newParent);
    writer.opaque(name);
    writer.opaque(newName);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => true);
    return valueOf(rename, answer, [ERRNO.ENOENT, ERRNO.ESTALE]) ?? false;
  },
};

/** `opaque gfid[16]; int64 fd; uint64 offset; gfx_dict xdata`, answered by `op_ret; op_errno; ...`. */
export const ftruncate: Procedure<{ gfid: Gfid; fd: bigint; size: bigint }, void> = {
  ...FOP_PROGRAM,
  procedure: 24,
  name: 'FOP.FTRUNCATE',
  encode: (writer, { gfid, fd, size }) => {
    writer.gfid(gfid);
    writer.int64(fd);
    writer.uint64(size);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(ftruncate, answer);
  },
};

/** `opaque gfid[16]; int64 fd; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict xdata`. */
export const release: Procedure<{ gfid: Gfid; fd: bigint }, void> = {
  ...FOP_PROGRAM,
  procedure: 41,
  name: 'FOP.RELEASE',
  encode: (writer, { gfid, fd }) => {
    writer.gfid(gfid);
    writer.int64(fd);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(release, answer);
  },
};
