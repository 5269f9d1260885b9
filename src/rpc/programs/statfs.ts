import type { Gfid } from '../../lib/gfid.ts';
import { gfxIntegerOf, readGfxDict, writeGfxDict } from '../gfx-dict.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface Statfs {
  /** Bytes. */
  blockSize: bigint;
  /** In units of `blockSize`, as are the next two. */
  blocks: bigint;
  free: bigint;
  available: bigint;
  inodes: bigint;
  inodesFree: bigint;
  /** The answer is a quota's, not the file system's. */
  simpleQuota: boolean;
}

/**
 * ```
 * request: opaque gfid[16]; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata;
 *          uint64 bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax
 * ```
 * From the quota helper's pid it also makes simple-quota write the namespace's counter to disk (measured on 11.1).
 */
export const statfs: Procedure<Gfid, Statfs> = {
  ...FOP_PROGRAM,
  procedure: 14,
  name: 'FOP.STATFS',
  encode: (writer, gfid) => {
    writer.gfid(gfid);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => {
      const simpleQuota = gfxIntegerOf(readGfxDict(reader)?.get('simple-quota')) === 1n;
      const blockSize = reader.uint64();
      reader.skip(8);
      const [blocks, free, available] = [reader.uint64(), reader.uint64(), reader.uint64()];
      const [inodes, inodesFree] = [reader.uint64(), reader.uint64()];
      return { blockSize, blocks, free, available, inodes, inodesFree, simpleQuota };
    });
    return valueOf(statfs, answer);
  },
};
