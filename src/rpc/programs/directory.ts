/** MKDIR, RMDIR, and reading a directory by gfid: OPENDIR, READDIR, RELEASEDIR. */
import { AgentError } from '../../lib/errors.ts';
import type { Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import type { XdrReader } from '../xdr.ts';
import { FOP_PROGRAM, glusterError, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface MkdirInput {
  parent: Gfid;
  name: string;
  /** Permission bits. */
  mode: number;
  /** The new directory's; every replica must be given the same one. */
  gfid: Gfid;
}

/**
 * ```
 * request: opaque pargfid[16]; uint32 mode, umask; string bname<>; gfx_dict xdata (gfid-req)
 * reply:   op_ret; op_errno; gfx_dict xdata; iatt; iatt preparent, postparent
 * ```
 */
export const mkdir: Procedure<MkdirInput, Iatt> = {
  ...FOP_PROGRAM,
  procedure: 4,
  name: 'FOP.MKDIR',
  encode: (writer, { parent, name, mode, gfid }) => {
    writer.gfid(parent);
    writer.uint32(mode);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer, new Map([['gfid-req', { type: 'GFUUID', value: gfid }]]));
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return readIatt(reader);
    });
    return valueOf(mkdir, answer);
  },
};

/**
 * `opaque pargfid[16]; int xflags; string bname<>; gfx_dict xdata`, answered by `op_ret; op_errno; ...`.
 *
 * False: there was no such name.
 */
export const rmdir: Procedure<{ parent: Gfid; name: string }, boolean> = {
  ...FOP_PROGRAM,
  procedure: 6,
  name: 'FOP.RMDIR',
  encode: (writer, { parent, name }) => {
    writer.gfid(parent);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => true);
    return valueOf(rmdir, answer, [ERRNO.ENOENT, ERRNO.ESTALE]) ?? false;
  },
};

/** `opaque gfid[16]; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict xdata; int64 fd`. */
export const opendir: Procedure<Gfid, bigint> = {
  ...FOP_PROGRAM,
  procedure: 20,
  name: 'FOP.OPENDIR',
  encode: (writer, gfid) => {
    writer.gfid(gfid);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return reader.int64();
    });
    return valueOf(opendir, answer);
  },
};

export interface DirectoryEntry {
  /** Bytes; they need not be UTF-8. `.` and `..` are entries as well. */
  name: Buffer;
  ino: bigint;
  /** Where to go on after this entry. */
  offset: bigint;
}

export interface ReaddirInput {
  gfid: Gfid;
  fd: bigint;
  /** 0, or that of the last entry. */
  offset: bigint;
  /** Bytes of entries that the brick may collect. */
  size: number;
}

export interface ReaddirPage {
  entries: DirectoryEntry[];
  /** Nothing comes after this page. */
  isLast: boolean;
}

/**
 * ```
 * request: opaque gfid[16]; int64 fd; uint64 offset; uint32 size; gfx_dict xdata
 * reply:   op_ret (entries); op_errno (2: end); gfx_dict xdata;
 *          { 1; uint64 ino, off; uint32 namelen, type; string name<> } ... 0
 * ```
 */
export const readdir: Procedure<ReaddirInput, ReaddirPage> = {
  ...FOP_PROGRAM,
  procedure: 28,
  name: 'FOP.READDIR',
  encode: (writer, { gfid, fd, offset, size }) => {
    writer.gfid(gfid);
    writer.int64(fd);
    writer.uint64(offset);
    writer.uint32(size);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const [opRet, errno] = [reader.int32(), reader.int32()];
    if (opRet < 0) throw glusterError('FOP.READDIR', errno);
    readGfxDict(reader);
    const entries = readEntries(reader);
    if (entries.length !== opRet) {
      throw new AgentError('RpcProtocol', `FOP.READDIR: ${opRet} entries announced, ${entries.length} sent`);
    }
    return { entries, isLast: errno === ERRNO.ENOENT || entries.length === 0 };
  },
};

/** `opaque gfid[16]; int64 fd; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict xdata`. */
export const releasedir: Procedure<{ gfid: Gfid; fd: bigint }, void> = {
  ...FOP_PROGRAM,
  procedure: 42,
  name: 'FOP.RELEASEDIR',
  encode: (writer, { gfid, fd }) => {
    writer.gfid(gfid);
    writer.int64(fd);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(releasedir, answer);
  },
};

function readEntries(reader: XdrReader): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  while (reader.uint32() !== 0) {
    const [ino, offset] = [reader.uint64(), reader.uint64()];
    // Length of the name and type of the entry; the name has a length of its own, and the type is always 0 (measured).
    reader.skip(8);
    entries.push({ name: reader.opaque(), ino, offset });
  }
  return entries;
}
