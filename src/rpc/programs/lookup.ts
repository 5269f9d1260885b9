import { NULL_GFID, type Gfid } from '../../lib/gfid.ts';
import { readGfxDict, writeGfxDict, type GfxDict, type GfxValue } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import { FOP_PROGRAM, readOutcome, type Outcome, type Procedure } from './procedure.ts';

export interface LookupInput {
  /** By gfid: with an empty name. By name: left out. */
  gfid?: Gfid;
  parent?: Gfid;
  /** One component; bytes when it is not UTF-8. A name with `/` is answered with EPERM. */
  name?: string | Uint8Array;
  /** Xattrs to bring along. */
  xattrs?: readonly string[];
}

export interface LookupResult {
  iatt: Iatt;
  /** The xattrs asked for, as far as they exist. */
  xattrs: GfxDict;
}

const NO_XATTRS: GfxDict = new Map();
/** The server looks at the keys only. */
const WANTED: GfxValue = { type: 'INT', value: 0n };

/**
 * ```
 * request: opaque gfid[16], pargfid[16]; uint32 flags; string bname; dict xdata
 * reply:   op_ret; op_errno; dict xdata; iatt stat; iatt postparent
 * ```
 */
export const LOOKUP: Procedure<LookupInput, Outcome<LookupResult>> = {
  ...FOP_PROGRAM,
  procedure: 27,
  name: 'FOP.LOOKUP',
  encode: (writer, { gfid = NULL_GFID, parent = NULL_GFID, name = '', xattrs }) => {
    writer.gfid(gfid);
    writer.gfid(parent);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer, xattrs === undefined ? undefined : new Map(xattrs.map((xattr) => [xattr, WANTED])));
  },
  decode: (reader) =>
    readOutcome(reader, () => {
      const xattrs = readGfxDict(reader) ?? NO_XATTRS;
      return { xattrs, iatt: readIatt(reader) };
    }),
};
