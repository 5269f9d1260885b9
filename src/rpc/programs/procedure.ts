/** What a file in this folder says of a procedure: where it lives, how its arguments and results look. */
import { AgentError } from '../../lib/errors.ts';
import { errnoName } from '../errno.ts';
import type { ProcedureId } from '../message.ts';
import type { XdrReader, XdrWriter } from '../xdr.ts';

/** Answers every process that is alive, on its unix socket as on TCP. */
export const DUMP_PROGRAM = { program: 123_451_501, version: 1 } as const;
/** Management, on the unix socket only. */
export const BRICK_PROGRAM = { program: 4_867_634, version: 2 } as const;
/** On TCP only. */
export const HANDSHAKE_PROGRAM = { program: 14_398_633, version: 2 } as const;
/** File operations of 4.0 and later, on TCP after SETVOLUME. */
export const FOP_PROGRAM = { program: 1_298_437, version: 400 } as const;
/** File operations of 3.3: same program number; 10.x still offers it, 11 does not. */
export const OLD_FOP_VERSION = 330;

export interface ProcedureInfo extends ProcedureId {
  /** `FOP.LOOKUP`; the label of metrics and the name in errors. */
  readonly name: string;
  /** The reply has no body at all (NULL procedures); elsewhere that means that the handler failed. */
  readonly bodyless?: boolean;
  /** Liveness probes are let through when all ordinary slots of a connection are taken by calls that hang. */
  readonly urgent?: boolean;
}

export interface Procedure<Input, Output> extends ProcedureInfo {
  encode(writer: XdrWriter, input: Input): void;
  /** Bytes after the results are ignored: a later version may add fields at the end. */
  decode(reader: XdrReader): Output;
}

/** What stands behind op_ret and op_errno. `errno` is set only when op_ret was negative: otherwise it is stale (measured). */
export type Outcome<T> = { ok: true; value: T } | { ok: false; errno: number };

export function readOutcome<T>(reader: XdrReader, readValue: (reader: XdrReader) => T): Outcome<T> {
  const opRet = reader.int32();
  const errno = reader.int32();
  return opRet < 0 ? { ok: false, errno } : { ok: true, value: readValue(reader) };
}

/**
 * @param absent errnos that are an answer and no failure: they give undefined
 * @throws AgentError `GlusterError` with `errno`, `errnoName` and `procedure` when Gluster refused
 */
export function valueOf<T>(procedure: ProcedureInfo, outcome: Outcome<T>): T;
export function valueOf<T>(procedure: ProcedureInfo, outcome: Outcome<T>, absent: readonly number[]): T | undefined;
export function valueOf<T>(
  procedure: ProcedureInfo,
  outcome: Outcome<T>,
  absent: readonly number[] = [],
): T | undefined {
  if (outcome.ok) return outcome.value;
  if (absent.includes(outcome.errno)) return undefined;
  throw glusterError(procedure.name, outcome.errno);
}

/** @param why text of the peer, where it sent one */
export function glusterError(procedure: string, errno: number, why?: string): AgentError {
  const name = errnoName(errno);
  return new AgentError('GlusterError', `${procedure}: ${why === undefined ? name : `${name} (${why})`}`, {
    details: { errno, errnoName: name, procedure },
  });
}
