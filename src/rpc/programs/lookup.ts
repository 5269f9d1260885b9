import { NULL_GFID, type Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict, type GfxDict, type GfxValue } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface LookupInput {
  /** By name: the parent, and a name of one component. */
  parent?: Gfid;
  name?: string | Buffer;
  /** By gfid. */
  gfid?: Gfid;
  /** Names of xattrs to return. */
  xattrs?: readonly string[];
}

export interface LookupReply {
  iatt: Iatt;
  /** The xattrs that were asked for, as far as they are there. */
  xattrs: GfxDict;
}

const NAME_ONLY: GfxValue = { type: 'INT', value: 0n };

/**
 * ```
 * request: opaque gfid[16], pargfid[16]; uint32 flags; string bname<>; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata; iatt; iatt postparent
 * ```
 * By name: gfid is null. By gfid: bname is empty. Keys of xdata ask for xattrs; their values do not matter.
 *
 * undefined: no entry of that name (ENOENT), or no object of that gfid (ESTALE).
 */
export const lookup: Procedure<LookupInput, LookupReply | undefined> = {
  ...FOP_PROGRAM,
  procedure: 27,
  name: 'FOP.LOOKUP',
  encode: (writer, { gfid = NULL_GFID, parent = NULL_GFID, name = '', xattrs = [] }) => {
    writer.gfid(gfid);
    writer.gfid(parent);
    writer.uint32(0);
    writer.opaque(name);
    writeGfxDict(writer, xattrs.length === 0 ? undefined : new Map(xattrs.map((xattr) => [xattr, NAME_ONLY])));
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      const xattrs = readGfxDict(reader) ?? new Map();
      return { iatt: readIatt(reader), xattrs };
    });
    return valueOf(lookup, answer, [ERRNO.ENOENT, ERRNO.ESTALE]);
  },
};
