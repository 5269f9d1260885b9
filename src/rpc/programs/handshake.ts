/** GlusterFS Handshake: binding a connection to a brick, and the ping of the brick's port. */
import { AgentError } from '../../lib/errors.ts';
import { decodeDict, dictText, encodeDict } from '../dict.ts';
import { ERRNO, errnoName } from '../errno.ts';
import type { ProcedureId } from '../message.ts';
import { FOP_PROGRAM, glusterError, HANDSHAKE_PROGRAM, type Procedure } from './procedure.ts';

/** The op-version that we claim; STATUS shows it, and some features look at it. */
const OP_VERSION = 100_000;

export interface SetVolumeInput {
  /** Name of the volume directly below protocol/server: the brick path, mostly. */
  brickName: string;
  /**
   * Never used before by anybody: a server that meets one again while it tears the old connection down dies (measured on 10.3
   * and 11.1).
   */
  processUuid: string;
  processName: string;
  username?: string | undefined;
  password?: string | undefined;
}

/** Request `opaque dict<>`; reply `op_ret; op_errno; opaque dict<>`. op_errno is 22 also on success: only op_ret counts. */
export const setVolume: Procedure<SetVolumeInput, void> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 1,
  name: 'HNDSK.SETVOLUME',
  encode: (writer, input) => {
    const entries = new Map<string, string | number>([
      ['remote-subvolume', input.brickName],
      ['process-uuid', input.processUuid],
      ['process-name', input.processName],
      // 10.3 insists on it.
      ['fops-version', FOP_PROGRAM.program],
      ['opversion', OP_VERSION],
    ]);
    if (input.username !== undefined) entries.set('username', input.username);
    if (input.password !== undefined) entries.set('password', input.password);
    writer.opaque(encodeDict(entries));
  },
  decode: (reader) => {
    const opRet = reader.int32();
    const errno = reader.int32();
    if (opRet >= 0) return;
    const why = dictText(decodeDict(reader.opaqueView()), 'ERROR') ?? errnoName(errno);
    throw new AgentError('GlusterError', `HNDSK.SETVOLUME: ${why}`, {
      details: { errno, errnoName: errnoName(errno), procedure: 'HNDSK.SETVOLUME' },
    });
  },
};

/** No arguments; reply `op_ret; op_errno; opaque<>`. The brick port's event loop answers, no disk is touched. */
export const ping: Procedure<void, void> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 3,
  name: 'HNDSK.PING',
  urgent: true,
  encode: () => undefined,
  decode: (reader) => reader.skip(8),
};

/**
 * ```
 * request: uint32 flags; string key<>; opaque xdata<> (classic)
 * reply:   op_ret (size in bytes); op_errno; string spec<>; opaque xdata<>
 * ```
 * The text of `<volspec-directory>/<key>.vol` of the brick; 11.1 only, without a login. undefined: it has no such file.
 *
 * 11.1 does not end its text: behind op_ret bytes some of its own memory may follow. It answers `../` with op_ret above 0 and an
 * excuse for a text, and op_errno is stale when op_ret is not negative (all measured); so such a key is not sent at all.
 *
 * @throws AgentError `BadRequest` for a key with `../`
 */
export const getSpec: Procedure<string, string | undefined> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 2,
  name: 'HNDSK.GETSPEC',
  encode: (writer, key) => {
    if (key.includes('../')) throw new AgentError('BadRequest', `"${key}" is no key of a volfile`);
    writer.uint32(0);
    writer.opaque(key);
    writer.opaque(encodeDict([]));
  },
  decode: (reader) => {
    const opRet = reader.int32();
    const errno = reader.int32();
    const spec = reader.opaqueView();
    if (opRet > spec.length) {
      throw new AgentError('RpcProtocol', `HNDSK.GETSPEC: ${opRet} bytes announced, ${spec.length} sent`);
    }
    if (opRet >= 0) return spec.toString('utf8', 0, opRet);
    if (errno === ERRNO.ENOENT) return undefined;
    throw glusterError('HNDSK.GETSPEC', errno);
  },
};

const CALLBACK_PROGRAM = 52_743_234;
const FETCHSPEC = 1;

/** The brick wants its clients to fetch their volfile again: it got SIGHUP. */
export function isFetchSpec({ program, procedure }: ProcedureId): boolean {
  return program === CALLBACK_PROGRAM && procedure === FETCHSPEC;
}
