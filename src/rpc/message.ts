/** ONC-RPC (RFC 5531) headers of calls and replies, as Gluster uses them. */
import { AgentError } from '../lib/errors.ts';
import { writeCredential, type CallTime, type Credential } from './credential.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

const CALL = 0;
const REPLY = 1;
const RPC_VERSION = 2;
const MSG_ACCEPTED = 0;
const MSG_DENIED = 1;
/** RFC 5531 bounds the body of a credential or verifier. */
const MAX_AUTH_BYTES = 400;

/** What identifies a procedure on the wire. */
export interface ProcedureId {
  program: number;
  version: number;
  procedure: number;
}

export interface CallHeader extends ProcedureId {
  xid: number;
  credential: Credential;
  time: CallTime;
}

/** Why a peer did not run a call. `EMPTY_REPLY` is Gluster's own: accepted, but its handler failed without an answer. */
export type RejectReason =
  | 'PROG_UNAVAIL'
  | 'PROG_MISMATCH'
  | 'PROC_UNAVAIL'
  | 'GARBAGE_ARGS'
  | 'SYSTEM_ERR'
  | 'RPC_MISMATCH'
  | 'AUTH_ERROR'
  | 'EMPTY_REPLY';

export type Message =
  /** A call of the peer to us (a callback); it wants no answer. */
  | ({ kind: 'call'; xid: number } & ProcedureId)
  /** Results follow. */
  | { kind: 'success'; xid: number }
  | { kind: 'rejected'; xid: number; reason: RejectReason };

const ACCEPT_STATES: readonly (RejectReason | 'SUCCESS')[] = [
  'SUCCESS',
  'PROG_UNAVAIL',
  'PROG_MISMATCH',
  'PROC_UNAVAIL',
  'GARBAGE_ARGS',
  'SYSTEM_ERR',
];
const DENY_STATES: readonly RejectReason[] = ['RPC_MISMATCH', 'AUTH_ERROR'];

const EXPLANATIONS: Partial<Record<RejectReason, string>> = {
  PROG_UNAVAIL: 'this listener does not serve the program: is it the right socket or port?',
  GARBAGE_ARGS: 'the arguments were not accepted, or the connection has no SETVOLUME yet',
  AUTH_ERROR: 'the brick has rpc-auth-allow-insecure off and wants a source port below 1024',
  EMPTY_REPLY: 'its handler failed without an answer, mostly for a name it does not know',
};

/** `xid, CALL, rpcvers 2, prog, vers, proc, credential, verifier (null)`. */
export function writeCallHeader(writer: XdrWriter, header: CallHeader): void {
  writer.uint32(header.xid);
  writer.uint32(CALL);
  writer.uint32(RPC_VERSION);
  writer.uint32(header.program);
  writer.uint32(header.version);
  writer.uint32(header.procedure);
  writeCredential(writer, header.credential, header.time);
  writer.uint32(0);
  writer.uint32(0);
}

/**
 * Reads a header and leaves the reader at the arguments or results.
 *
 * @throws AgentError `RpcProtocol` when it is neither a call nor a reply
 */
export function readMessage(reader: XdrReader): Message {
  const xid = reader.uint32();
  const type = reader.uint32();
  if (type === CALL) return readCall(reader, xid);
  if (type !== REPLY) throw new AgentError('RpcProtocol', `message type ${type} is neither CALL nor REPLY`);
  const state = reader.uint32();
  if (state === MSG_DENIED) return { kind: 'rejected', xid, reason: readState(reader, DENY_STATES, 'reject_stat') };
  if (state !== MSG_ACCEPTED) throw new AgentError('RpcProtocol', `reply_stat ${state} does not exist`);
  skipAuth(reader);
  const reason = readState(reader, ACCEPT_STATES, 'accept_stat');
  return reason === 'SUCCESS' ? { kind: 'success', xid } : { kind: 'rejected', xid, reason };
}

/** @param peer named in the message, e.g. the path of the socket */
export function rejection(procedure: string, peer: string, reason: RejectReason): AgentError {
  const explanation = EXPLANATIONS[reason];
  const message = `${procedure}: refused by ${peer} with ${reason}${explanation === undefined ? '' : ` (${explanation})`}`;
  return new AgentError('RpcRejected', message, { details: { reason, procedure } });
}

function readCall(reader: XdrReader, xid: number): Message {
  const rpcVersion = reader.uint32();
  if (rpcVersion !== RPC_VERSION) throw new AgentError('RpcProtocol', `RPC version ${rpcVersion} in a call`);
  const [program, version, procedure] = [reader.uint32(), reader.uint32(), reader.uint32()];
  skipAuth(reader);
  skipAuth(reader);
  return { kind: 'call', xid, program, version, procedure };
}

function skipAuth(reader: XdrReader): void {
  reader.uint32();
  const size = reader.opaqueView().length;
  if (size > MAX_AUTH_BYTES) throw new AgentError('RpcProtocol', `credential or verifier of ${size} bytes`);
}

function readState<T>(reader: XdrReader, states: readonly T[], what: string): T {
  const number = reader.uint32();
  const state = states[number];
  if (state === undefined) throw new AgentError('RpcProtocol', `${what} ${number} does not exist`);
  return state;
}
