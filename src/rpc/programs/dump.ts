/** GF-DUMP: which programs a listener serves. Answered by every process that is alive. */
import type { XdrReader } from '../xdr.ts';
import { DUMP_PROGRAM, readOutcome, valueOf, type Procedure } from './procedure.ts';

/** A process serves some ten programs; the list is closed by a 0, which a broken peer may leave out. */
const MAX_PROGRAMS = 256;

export interface ServedProgram {
  name: string;
  program: bigint;
  version: bigint;
}

/** Request `uint64 id`; reply `uint64 id; op_ret; op_errno; { 1; string name; uint64 number, version }…; 0`. */
export const dumpPrograms: Procedure<void, ServedProgram[]> = {
  ...DUMP_PROGRAM,
  procedure: 1,
  name: 'DUMP.DUMP',
  encode: (writer) => writer.uint64(0n),
  decode: (reader) => {
    reader.skip(8);
    return valueOf(dumpPrograms, readOutcome(reader, readList));
  },
};

function readList(reader: XdrReader): ServedProgram[] {
  const programs: ServedProgram[] = [];
  while (programs.length < MAX_PROGRAMS && reader.uint32() === 1) {
    programs.push({ name: reader.string(), program: reader.uint64(), version: reader.uint64() });
  }
  return programs;
}

/** No arguments. Answered by the event loop of every process of Gluster: proves that it is alive, and nothing about disks. */
export const dumpPing: Procedure<void, void> = {
  ...DUMP_PROGRAM,
  procedure: 2,
  name: 'DUMP.PING',
  urgent: true,
  encode: () => undefined,
  decode: (reader) => reader.skip(8),
};
