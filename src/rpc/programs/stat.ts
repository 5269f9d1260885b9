import type { Gfid } from '../../lib/gfid.ts';
import { readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { readIatt, type Iatt } from '../iatt.ts';
import { FOP_PROGRAM, readOutcome, type Outcome, type Procedure } from './procedure.ts';

/**
 * ```
 * request: opaque gfid[16]; dict xdata
 * reply:   op_ret; op_errno; dict xdata; iatt stat
 * ```
 */
export const STAT: Procedure<{ gfid: Gfid }, Outcome<Iatt>> = {
  ...FOP_PROGRAM,
  procedure: 1,
  name: 'FOP.STAT',
  encode: (writer, { gfid }) => {
    writer.gfid(gfid);
    writeGfxDict(writer);
  },
  decode: (reader) =>
    readOutcome(reader, () => {
      readGfxDict(reader);
      return readIatt(reader);
    }),
};
