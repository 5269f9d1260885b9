import type { Gfid } from '../../lib/gfid.ts';
import { ERRNO } from '../errno.ts';
import { readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

/**
 * ```
 * request: opaque gfid[16]; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata; iatt
 * ```
 * undefined: no object of that gfid.
 */
export const stat: Procedure<Gfid, Iatt | undefined> = {
  ...FOP_PROGRAM,
  procedure: 1,
  name: 'FOP.STAT',
  encode: (writer, gfid) => {
    writer.gfid(gfid);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      readGfxDict(reader);
      return readIatt(reader);
    });
    return valueOf(stat, answer, [ERRNO.ENOENT, ERRNO.ESTALE]);
  },
};
