/**
 * The one error class of this project.
 *
 * Expected conditions (an absent xattr, a PV that is gone) are typed results, never exceptions. Everything else throws an
 * AgentError, whose `code` is a stable word that logs, metrics and the API share and whose message names the thing and,
 * where there is one, the remedy.
 */

export type ErrorCode =
  /** A configuration value is missing or wrong. */
  | 'ConfigInvalid'
  /** A request of a user is malformed or refused (API, CLI). */
  | 'BadRequest'
  /** The named object does not exist. */
  | 'NotFound'
  /** The request contradicts the current state. */
  | 'Conflict'
  /** A deadline passed; whether the work was done is unknown. */
  | 'Timeout'
  /** The work was given up because its AbortSignal fired (shutdown). */
  | 'Aborted'
  /** The brick's file system does not answer; its worker is stuck in a system call. */
  | 'BrickHung'
  /** The brick is not proven ours: nothing may be written. */
  | 'BrickFenced'
  /** A system call on the brick failed. */
  | 'BrickIo'
  /** No connection to the Gluster process. */
  | 'RpcDisconnected'
  /** The peer sent bytes that are not valid ONC-RPC, XDR or dict. */
  | 'RpcProtocol'
  /** The peer rejected the call at the RPC layer (PROG_UNAVAIL, GARBAGE_ARGS, AUTH_ERROR...). */
  | 'RpcRejected'
  /** The call was accepted, but Gluster answered op_ret < 0. */
  | 'GlusterError'
  /** A volfile is not acceptable. */
  | 'VolfileInvalid'
  /** A process is not proven to be the one meant, so it gets no signal and no dangerous RPC. */
  | 'ProcessUnproven'
  /** Something this version of GlusterFS cannot do. */
  | 'NotSupported'
  /** A bug in this program. */
  | 'Internal';

export interface AgentErrorOptions {
  cause?: unknown;
  /** Structured facts for logs and problem+json; never a secret. */
  details?: Record<string, unknown>;
}

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: AgentErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

export function isAgentError(error: unknown, ...codes: ErrorCode[]): error is AgentError {
  return error instanceof AgentError && (codes.length === 0 || codes.includes(error.code));
}

/** Any thrown value as an AgentError; a foreign one becomes `Internal` with itself as the cause. */
export function toAgentError(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError('Internal', errorMessage(error), { cause: error });
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name (`ENOENT`) of a Node system error, else undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
