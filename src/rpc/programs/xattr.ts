/** Extended attributes by gfid, and the arithmetic of AFR's changelogs. */
import type { Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict, type GfxDict } from '../gfx-dict.ts';
import type { XdrReader } from '../xdr.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

const EMPTY: GfxDict = new Map();

export interface XattrName {
  gfid: Gfid;
  name: string;
}

/**
 * ```
 * request: opaque gfid[16]; uint32 namelen; string name<>; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata; gfx_dict result; iatt, iatt (unused)
 * ```
 * An empty name asks for all; `trusted.gfid` and `trusted.glusterfs.volume-id` are never among them (measured).
 *
 * undefined: the xattr is not there.
 */
export const getXattr: Procedure<XattrName, GfxDict | undefined> = {
  ...FOP_PROGRAM,
  procedure: 18,
  name: 'FOP.GETXATTR',
  encode: (writer, { gfid, name }) => {
    writer.gfid(gfid);
    writer.uint32(Buffer.byteLength(name));
    writer.opaque(name);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, readResult);
    return valueOf(getXattr, answer, [ERRNO.ENODATA]);
  },
};

/** `create`: EEXIST when it is there already; `replace`: ENODATA when it is not. */
const SETXATTR_FLAGS = { set: 0, create: 1, replace: 2 } as const;

export interface SetXattrInput {
  gfid: Gfid;
  values: GfxDict;
  mode?: keyof typeof SETXATTR_FLAGS;
}

/** `opaque gfid[16]; uint32 flags; gfx_dict values; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict`. */
export const setXattr: Procedure<SetXattrInput, void> = {
  ...FOP_PROGRAM,
  procedure: 17,
  name: 'FOP.SETXATTR',
  encode: (writer, { gfid, values, mode = 'set' }) => {
    writer.gfid(gfid);
    writer.uint32(SETXATTR_FLAGS[mode]);
    writeGfxDict(writer, values);
    writeGfxDict(writer);
  },
  decode: (reader) =>
    valueOf(
      setXattr,
      readOutcome(reader, () => undefined),
    ),
};

/** `opaque gfid[16]; string name<>; gfx_dict xdata`. Removing what is not there is fine. */
export const removeXattr: Procedure<XattrName, void> = {
  ...FOP_PROGRAM,
  procedure: 19,
  name: 'FOP.REMOVEXATTR',
  encode: (writer, { gfid, name }) => {
    writer.gfid(gfid);
    writer.opaque(name);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    valueOf(
      removeXattr,
      readOutcome(reader, () => undefined),
      [ERRNO.ENODATA],
    );
  },
};

const XATTROP_KINDS = { add: 0, getAndSet: 4 } as const;

export interface XattropInput {
  gfid: Gfid;
  /** `add`: arrays of big-endian int32 are added up, as AFR's changelogs are; `getAndSet`: replaces. */
  kind: keyof typeof XATTROP_KINDS;
  values: GfxDict;
}

/**
 * `opaque gfid[16]; uint32 op; gfx_dict values; gfx_dict xdata`, answered as GETXATTR with the resulting values. It goes through
 * the index translator, so that index entries come and go with it.
 */
export const xattrop: Procedure<XattropInput, GfxDict> = {
  ...FOP_PROGRAM,
  procedure: 33,
  name: 'FOP.XATTROP',
  encode: (writer, { gfid, kind, values }) => {
    writer.gfid(gfid);
    writer.uint32(XATTROP_KINDS[kind]);
    writeGfxDict(writer, values);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, readResult);
    return valueOf(xattrop, answer);
  },
};

function readResult(reader: XdrReader): GfxDict {
  readGfxDict(reader);
  return readGfxDict(reader) ?? EMPTY;
}
