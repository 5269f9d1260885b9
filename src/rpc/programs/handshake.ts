/** GlusterFS Handshake: binding a connection to a brick, its ping, and volfiles served by a brick. */
import { dictText, decodeDict, encodeDict } from '../dict.ts';
import { FOP_PROGRAM, glusterError, HANDSHAKE_PROGRAM, type Outcome, type Procedure } from './procedure.ts';

/** Shown by STATUS clients; features that ask for an op-version get the highest of this generation. */
const OP_VERSION = 100_000;
/** op_errno of a GETSPEC that was refused although op_ret is positive (measured on 11.1: a key with `../`). */
const EINVAL = 22;

export interface SetVolumeInput {
  /** Name of the volume directly below protocol/server. */
  brickName: string;
  /**
   * Never used before by anybody. Reusing one while the server still tears the old connection down segfaults the brick
   * (measured on 10.3 and 11.1).
   */
  processUuid: string;
  /** Shown by STATUS clients. */
  processName: string;
  username?: string | undefined;
  password?: string | undefined;
}

/** Accepted, or why not, in the brick's words. */
export type SetVolumeResult = { ok: true } | { ok: false; errno: number; why: string };

/**
 * ```
 * request: opaque dict<>                      (classic)
 * reply:   op_ret; op_errno; opaque dict<>    (op_errno is 22 even on success)
 * ```
 */
export const SETVOLUME: Procedure<SetVolumeInput, SetVolumeResult> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 1,
  name: 'HNDSK.SETVOLUME',
  encode: (writer, { brickName, processUuid, processName, username, password }) => {
    const entries: [string, string | number][] = [
      ['remote-subvolume', brickName],
      ['process-uuid', processUuid],
      ['fops-version', FOP_PROGRAM.program],
      ['process-name', processName],
      ['opversion', OP_VERSION],
    ];
    if (username !== undefined) entries.push(['username', username]);
    if (password !== undefined) entries.push(['password', password]);
    writer.opaque(encodeDict(entries));
  },
  decode: (reader) => {
    const [opRet, errno] = [reader.int32(), reader.int32()];
    const dict = decodeDict(reader.opaqueView());
    return opRet < 0 ? { ok: false, errno, why: dictText(dict, 'ERROR') ?? '' } : { ok: true };
  },
};

/** No arguments, no SETVOLUME needed. Proves that the event loop of the brick's port is alive. */
export const PING: Procedure<void, void> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 3,
  name: 'HNDSK.PING',
  urgent: true,
  encode: () => undefined,
  decode: (reader) => {
    const [opRet, errno] = [reader.int32(), reader.int32()];
    if (opRet < 0) throw glusterError('HNDSK.PING', errno);
  },
};

/**
 * The text of `<volspec-directory>/<key>.vol`; 11.1 only, without login.
 *
 * ```
 * request: uint32 flags; string key; opaque xdata<>
 * reply:   op_ret (size); op_errno; string spec; opaque xdata<>
 * ```
 */
export const GETSPEC: Procedure<{ key: string }, Outcome<string>> = {
  ...HANDSHAKE_PROGRAM,
  procedure: 2,
  name: 'HNDSK.GETSPEC',
  encode: (writer, { key }) => {
    writer.uint32(0);
    writer.opaque(key);
    writer.opaque(encodeDict([]));
  },
  decode: (reader) => {
    const [opRet, errno] = [reader.int32(), reader.int32()];
    const spec = reader.string();
    return opRet < 0 || errno === EINVAL ? { ok: false, errno } : { ok: true, value: spec };
  },
};
