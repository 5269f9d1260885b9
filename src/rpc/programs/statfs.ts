import type { Gfid } from '../../lib/gfid.ts';
import { gfxIntegerOf, readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { FOP_PROGRAM, readOutcome, type Outcome, type Procedure } from './procedure.ts';

export interface Statfs {
  /** Bytes; the unit of `blocks`, `free` and `available`. */
  blockSize: bigint;
  fragmentSize: bigint;
  blocks: bigint;
  free: bigint;
  available: bigint;
  files: bigint;
  filesFree: bigint;
  filesAvailable: bigint;
  fsid: bigint;
  flags: bigint;
  nameMax: bigint;
  /** The numbers are a quota's and not the file system's: simple-quota (11.x) has a limit in force on this directory. */
  simpleQuota: boolean;
}

/**
 * With pid -14 simple-quota also writes the directory's counter to disk.
 *
 * ```
 * request: opaque gfid[16]; dict xdata
 * reply:   op_ret; op_errno; dict xdata;
 *          uint64 bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax
 * ```
 */
export const STATFS: Procedure<{ gfid: Gfid }, Outcome<Statfs>> = {
  ...FOP_PROGRAM,
  procedure: 14,
  name: 'FOP.STATFS',
  encode: (writer, { gfid }) => {
    writer.gfid(gfid);
    writeGfxDict(writer);
  },
  decode: (reader) =>
    readOutcome(reader, () => {
      const xdata = readGfxDict(reader);
      return {
        simpleQuota: gfxIntegerOf(xdata?.get('simple-quota')) === 1n,
        blockSize: reader.uint64(),
        fragmentSize: reader.uint64(),
        blocks: reader.uint64(),
        free: reader.uint64(),
        available: reader.uint64(),
        files: reader.uint64(),
        filesFree: reader.uint64(),
        filesAvailable: reader.uint64(),
        fsid: reader.uint64(),
        flags: reader.uint64(),
        nameMax: reader.uint64(),
      };
    }),
};
