/** Ranges of open files by gfid: FALLOCATE, DISCARD, ZEROFILL. What they do to simple-quota's count is told at `CounterBrick`. */
import type { Gfid } from '../../lib/gfid.ts';
import { writeGfxDict } from '../gfx-dict.ts';
import type { XdrWriter } from '../xdr.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

export interface RangeInput {
  gfid: Gfid;
  fd: bigint;
  /** Bytes. */
  offset: bigint;
  size: bigint;
}

/** `opaque gfid[16]; int64 fd; uint32 flags; uint64 offset, size; gfx_dict xdata`, answered by `op_ret; op_errno; ...`. */
export const fallocate: Procedure<RangeInput, void> = {
  ...FOP_PROGRAM,
  procedure: 44,
  name: 'FOP.FALLOCATE',
  encode: (writer, { gfid, fd, offset, size }) => {
    writer.gfid(gfid);
    writer.int64(fd);
    writer.uint32(0);
    writer.uint64(offset);
    writer.uint64(size);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(fallocate, answer);
  },
};

/** `opaque gfid[16]; int64 fd; uint64 offset, size; gfx_dict xdata`, answered by `op_ret; op_errno; ...`. Punches a hole. */
export const discard: Procedure<RangeInput, void> = {
  ...FOP_PROGRAM,
  procedure: 45,
  name: 'FOP.DISCARD',
  encode: writeRange,
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(discard, answer);
  },
};

/** As DISCARD; allocates the range and makes it read as zeros. */
export const zerofill: Procedure<RangeInput, void> = {
  ...FOP_PROGRAM,
  procedure: 46,
  name: 'FOP.ZEROFILL',
  encode: writeRange,
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(zerofill, answer);
  },
};

function writeRange(writer: XdrWriter, { gfid, fd, offset, size }: RangeInput): void {
  writer.gfid(gfid);
  writer.int64(fd);
  writer.uint64(offset);
  writer.uint64(size);
  writeGfxDict(writer);
}
