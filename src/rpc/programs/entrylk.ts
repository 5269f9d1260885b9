import type { Gfid } from '../../lib/gfid.ts';
import { writeGfxDict } from '../gfx-dict.ts';
import { FOP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

const COMMANDS = { lock: 0, unlock: 1 } as const;
const WRITE_LOCK = 1;

export interface EntrylkInput {
  /** The directory. */
  gfid: Gfid;
  /** Who respects the lock: the name of the cluster/replicate volume in the clients' graph. */
  domain: string;
  command: keyof typeof COMMANDS;
}

/**
 * All names of a directory, for writing. Blocks until it is free; several are taken in ascending gfid order, as replicate
 * clients do, or two holders wait for each other. The credential's lock owner names the holder, and the end of the connection
 * releases its locks.
 *
 * ```
 * request: opaque gfid[16]; uint32 cmd, type; uint64 namelen (0: all names); string name<>, volume<>; gfx_dict xdata
 * reply:   op_ret; op_errno; gfx_dict xdata
 * ```
 */
export const entrylk: Procedure<EntrylkInput, void> = {
  ...FOP_PROGRAM,
  procedure: 31,
  name: 'FOP.ENTRYLK',
  encode: (writer, { gfid, domain, command }) => {
    writer.gfid(gfid);
    writer.uint32(COMMANDS[command]);
    writer.uint32(WRITE_LOCK);
    writer.uint64(0n);
    writer.opaque('');
    writer.opaque(domain);
    writeGfxDict(writer);
  },
  decode: (reader) => {
    const answer = readOutcome(reader, () => undefined);
    return valueOf(entrylk, answer);
  },
};
