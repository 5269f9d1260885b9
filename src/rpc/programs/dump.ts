/** GF-DUMP: which programs a listener serves, and a ping that every process of Gluster answers. */
import { AgentError } from '../../lib/errors.ts';
import { DUMP_PROGRAM, glusterError, type Procedure } from './procedure.ts';

/** Twice as many as any process has; the list is linked, so without a bound a peer could make it as long as a record. */
const MAX_PROGRAMS = 64;

export interface ServedProgram {
  name: string;
  number: bigint;
  version: bigint;
}

/**
 * ```
 * request: hyper id
 * reply:   hyper id (0); op_ret; op_errno; then { 1; string name; hyper number, version } ... 0
 * ```
 */
export const DUMP: Procedure<void, ServedProgram[]> = {
  ...DUMP_PROGRAM,
  procedure: 1,
  name: 'DUMP.DUMP',
  encode: (writer) => writer.uint64(0n),
  decode: (reader) => {
    reader.uint64();
    const [opRet, errno] = [reader.int32(), reader.int32()];
    if (opRet < 0) throw glusterError('DUMP.DUMP', errno);
    const programs: ServedProgram[] = [];
    while (reader.uint32() !== 0) {
      if (programs.length === MAX_PROGRAMS) throw new AgentError('RpcProtocol', 'DUMP: too many programs');
      programs.push({ name: reader.string(), number: reader.uint64(), version: reader.uint64() });
    }
    return programs;
  },
};

/** No arguments. Answered by the event loop of the process: proves that it is alive, and nothing about disks. */
export const DUMP_PING: Procedure<void, void> = {
  ...DUMP_PROGRAM,
  procedure: 2,
  name: 'DUMP.PING',
  urgent: true,
  encode: () => undefined,
  decode: () => undefined,
};
