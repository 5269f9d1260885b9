/** Extended attributes by gfid, and the AFR changelog arithmetic. */
import type { Gfid } from '../../lib/gfid.ts';
import { readGfxDict, writeGfxDict, type GfxDict } from '../gfx-dict.ts';
import type { XdrReader } from '../xdr.ts';
import { FOP_PROGRAM, readOutcome, type Outcome, type Procedure } from './procedure.ts';

const EMPTY: GfxDict = new Map();

/**
 * All of them when no name is given; `trusted.gfid` and `trusted.glusterfs.volume-id` are never listed. Missing: ENODATA.
 *
 * ```
 * request: opaque gfid[16]; uint32 namelen (without NUL); string name; dict xdata
 * reply:   op_ret; op_errno; dict xdata; dict result; iatt, iatt (unused)
 * ```
 */
export const GETXATTR: Procedure<{ gfid: Gfid; name?: string }, Outcome<GfxDict>> = {
  ...FOP_PROGRAM,
  procedure: 18,
  name: 'FOP.GETXATTR',
  encode: (writer, { gfid, name = '' }) => {
    writer.gfid(gfid);
    writer.uint32(Buffer.byteLength(name));
    writer.opaque(name);
    writeGfxDict(writer);
  },
  decode: (reader) => readOutcome(reader, readResult),
};

/** `create`: EEXIST when it is there; `replace`: ENODATA when it is not. */
export const SETXATTR_FLAGS = { set: 0, create: 1, replace: 2 } as const;
export type SetXattrMode = keyof typeof SETXATTR_FLAGS;

/**
 * ```
 * request: opaque gfid[16]; uint32 flags; dict values; dict xdata
 * reply:   op_ret; op_errno; dict xdata
 * ```
 */
export const SETXATTR: Procedure<{ gfid: Gfid; mode?: SetXattrMode; values: GfxDict }, Outcome<void>> = {
  ...FOP_PROGRAM,
  procedure: 17,
  name: 'FOP.SETXATTR',
  encode: (writer, { gfid, mode = 'set', values }) => {
    writer.gfid(gfid);
    writer.uint32(SETXATTR_FLAGS[mode]);
    writeGfxDict(writer, values);
    writeGfxDict(writer);
  },
  decode: (reader) => readOutcome(reader, () => undefined),
};

/**
 * ```
 * request: opaque gfid[16]; string name; dict xdata
 * reply:   op_ret; op_errno; dict xdata
 * ```
 */
export const REMOVEXATTR: Procedure<{ gfid: Gfid; name: string }, Outcome<void>> = {
  ...FOP_PROGRAM,
  procedure: 19,
  name: 'FOP.REMOVEXATTR',
  encode: (writer, { gfid, name }) => {
    writer.gfid(gfid);
    writer.opaque(name);
    writeGfxDict(writer);
  },
  decode: (reader) => readOutcome(reader, () => undefined),
};

/** `add`: arrays of big-endian int32 are added up, as AFR's changelogs are; `getAndSet` replaces and returns the old. */
const XATTROP_OPS = { add: 0, getAndSet: 4 } as const;
export type XattropKind = keyof typeof XATTROP_OPS;

/**
 * Goes through the index translator, so index entries come and go with it. Answers the resulting values.
 *
 * ```
 * request: opaque gfid[16]; uint32 op; dict values; dict xdata
 * reply:   as GETXATTR
 * ```
 */
export const XATTROP: Procedure<{ gfid: Gfid; kind: XattropKind; values: GfxDict }, Outcome<GfxDict>> = {
  ...FOP_PROGRAM,
  procedure: 33,
  name: 'FOP.XATTROP',
  encode: (writer, { gfid, kind, values }) => {
    writer.gfid(gfid);
    writer.uint32(XATTROP_OPS[kind]);
    writeGfxDict(writer, values);
    writeGfxDict(writer);
  },
  decode: (reader) => readOutcome(reader, readResult),
};

function readResult(reader: XdrReader): GfxDict {
  readGfxDict(reader);
  return readGfxDict(reader) ?? EMPTY;
}
