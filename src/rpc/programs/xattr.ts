/** GETXATTR, SETXATTR and REMOVEXATTR. */
import type { Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict, type GfxDict, type GfxValue } from '../gfx-dict.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface GetXattrInput {
  gfid: Gfid;
  name: string;
}

/**
 * ```
 * request: opaque gfid[16]; uint32 namelen; string name<>; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata; gfx_dict result; iatt, iatt (unused)
 * ```
 * undefined: the xattr is not there.
 */
export const getXattr: Procedure<GetXattrInput, GfxValue | undefined> = {
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
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return readGfxDict(reader)?.values().next().value;
    });
    return valueOf(getXattr, answer, [ERRNO.ENODATA]);
  },
};

export interface SetXattrInput {
  gfid: Gfid;
  values: GfxDict;
  /** Refuse with EEXIST when it is there already. */
  createOnly?: boolean;
}

/** `opaque gfid[16]; uint32 flags (1: create only); gfx_dict values; gfx_dict xdata`, answered by `op_ret; op_errno; gfx_dict`. */
export const setXattr: Procedure<SetXattrInput, void> = {
  ...FOP_PROGRAM,
  procedure: 17,
  name: 'FOP.SETXATTR',
  encode: (writer, { gfid, values, createOnly = false }) => {
    writer.gfid(gfid);
    writer.uint32(createOnly ? 1 : 0);
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
export const removeXattr: Procedure<GetXattrInput, void> = {
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
