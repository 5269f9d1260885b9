/**
 * The unix socket of a brick or self-heal daemon. No handshake and no login: a connection is made when it is needed, kept while
 * it answers, and made anew when the process was restarted.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { Connection, type CallOptions, type RpcObserver } from './connection.ts';
import { dictBigInt, type Dict, type DictEntries } from './dict.ts';
import { healRequest, readHealReply, type HealReply, type HealXlator } from './heal-reply.ts';
import { readProfile, type BrickProfile } from './profile-reply.ts';
import {
  barrier,
  brickNull,
  nodeStatus,
  status,
  terminate,
  xlatorInfo,
  xlatorOp,
  type BrickOperationInput,
  type BrickOperationReply,
} from './programs/brick-operations.ts';
import { dumpPing, dumpPrograms, type ServedProgram } from './programs/dump.ts';
import type { Procedure } from './programs/procedure.ts';
import { checkShdProof, type ShdProof } from './shd-proof.ts';
import {
  readCalls,
  readClients,
  readInodes,
  readMemory,
  STATUS_COMMANDS,
  type StatusCalls,
  type StatusClient,
  type StatusInodes,
  type StatusMemory,
} from './status-reply.ts';

/** The handlers answer from memory; what takes longer is stuck. A bad request gets no answer at all. */
const MANAGEMENT_TIMEOUT_MS = 5000;
/** Heal operations ask every child brick in turn: with one frozen, 44.7 s were measured (its ping time-out of 42 s and more). */
const HEAL_TIMEOUT_MS = 60_000;
/** Marks a NODE_STATUS command. */
const NODE_STATUS_FLAG = 0x1000;
/** XLATOR_INFO: cumulative and interval figures. */
const INFO_ALL = 1;
const CUMULATIVE = -1n;

export interface ManagementClientOptions {
  socketPath: string;
  clock: Clock;
  observer?: RpcObserver | undefined;
  /** Milliseconds. */
  timeoutMs?: number | undefined;
}

export interface XlatorOpOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds. */
  timeoutMs?: number | undefined;
}

/** A proof is wanted for all but `count`, which is safe to send to any process. */
export type XlatorOpRequest =
  | { op: 'count'; xlators: readonly HealXlator[] }
  | { op: 'index-heal' | 'full-heal' | 'statistics'; xlators: readonly HealXlator[]; proof: ShdProof };

/** Every method throws AgentError `RpcDisconnected`, `Timeout`, `Aborted`, `RpcRejected`, `RpcProtocol` or `GlusterError`. */
export class ManagementClient {
  readonly #options: ManagementClientOptions;
  readonly #timeoutMs: number;
  readonly #open = new Set<Connection>();
  #kept: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: ManagementClientOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? MANAGEMENT_TIMEOUT_MS;
  }

  /** The program answers. */
  async null(signal?: AbortSignal): Promise<void> {
    await this.#call(brickNull, undefined, { signal });
  }

  /** The event loop answers. */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.#call(dumpPing, undefined, { signal });
  }

  async programs(signal?: AbortSignal): Promise<ServedProgram[]> {
    return await this.#call(dumpPrograms, undefined, { signal });
  }

  /** Who is connected to this brick; nobody is an empty list (Gluster calls it a failure). */
  async clients(brickName: string, signal?: AbortSignal): Promise<StatusClient[]> {
    const result = await this.#status(brickName, STATUS_COMMANDS.clients, signal);
    return result.output.size === 0 && result.errorText === '' ? [] : readClients(accepted(status, result).output);
  }

  async memory(brickName: string, signal?: AbortSignal): Promise<StatusMemory> {
    return readMemory(accepted(status, await this.#status(brickName, STATUS_COMMANDS.memory, signal)).output);
  }

  async inodes(brickName: string, signal?: AbortSignal): Promise<StatusInodes> {
    return readInodes(accepted(status, await this.#status(brickName, STATUS_COMMANDS.inodes, signal)).output);
  }

  async calls(brickName: string, signal?: AbortSignal): Promise<StatusCalls> {
    return readCalls(accepted(status, await this.#status(brickName, STATUS_COMMANDS.calls, signal)).output);
  }

  /** Memory of a self-heal daemon; 10.3 leaks the reply of each such call, so not to be polled. */
  async nodeMemory(volume: string, signal?: AbortSignal): Promise<StatusMemory> {
    return readMemory(await this.#nodeStatus(volume, STATUS_COMMANDS.memory, signal));
  }

  /** Calls under way in a self-heal daemon; not to be polled either. */
  async nodeCalls(volume: string, signal?: AbortSignal): Promise<StatusCalls> {
    return readCalls(await this.#nodeStatus(volume, STATUS_COMMANDS.calls, signal));
  }

  /** Totals since the brick's start, without touching its interval counters. */
  async xlatorInfo(brickName: string, signal?: AbortSignal): Promise<BrickProfile> {
    const input: DictEntries = [
      ['info-op', INFO_ALL],
      ['peek', 'on'],
    ];
    const result = await this.#call(xlatorInfo, { name: brickName, input }, { signal });
    const { output } = accepted(xlatorInfo, result);
    return readProfile(output, dictBigInt(output, 'cumulative') ?? CUMULATIVE);
  }

  /**
   * Heal control. The answer says what was started, not what was healed; see `HealReply` for how to read it.
   *
   * @throws AgentError also `ProcessUnproven` when the proof does not cover the request
   */
  async xlatorOp(request: XlatorOpRequest, options: XlatorOpOptions = {}): Promise<HealReply> {
    const { op, xlators } = request;
    const { signal, timeoutMs = HEAL_TIMEOUT_MS } = options;
    const input: BrickOperationInput = { name: '', input: healRequest(op, xlators) };
    if (request.op === 'count') {
      return readHealReply(await this.#call(xlatorOp, input, { signal, timeoutMs }), xlators);
    }
    // A connection from before the proof may lead to an older process that has lost its path to the proven one.
    const connection = await this.#connect(signal);
    try {
      const names = xlators.map(({ name }) => name);
      const { socketPath, clock } = this.#options;
      checkShdProof(request.proof, { socketPath, xlators: names, now: clock.now() });
      return readHealReply(await connection.call(xlatorOp, input, { signal, timeoutMs }), xlators);
    } finally {
      connection.close();
    }
  }

  /** Ends this brick, and the process with its last one. An unknown name does nothing. */
  async terminate(brickName: string, signal?: AbortSignal): Promise<void> {
    accepted(terminate, await this.#call(terminate, { name: brickName, input: [] }, { signal }));
  }

  /**
   * The same for several, over one connection that was made for it.
   *
   * @param isMeant asked before and after it is made: when the socket is the same process's both times, nobody else gets this
   * @throws AgentError also `ProcessUnproven` when it is not
   */
  async terminateAll(names: readonly string[], isMeant: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    const { socketPath } = this.#options;
    const check = async (): Promise<void> => {
      if (!(await isMeant()))
        throw new AgentError('ProcessUnproven', `${socketPath}: another process listens there now`);
    };
    await check();
    const connection = await this.#connect(signal);
    try {
      await check();
      for (const name of names) {
        const options = { signal, timeoutMs: this.#timeoutMs };
        accepted(terminate, await connection.call(terminate, { name, input: [] }, options));
      }
    } finally {
      connection.close();
    }
  }

  /** Holds modifying fops back; the brick's graph must contain features/barrier and features/changelog. */
  async barrier(brickName: string, mode: 'enable' | 'disable', signal?: AbortSignal): Promise<void> {
    accepted(barrier, await this.#call(barrier, { name: brickName, input: [['barrier', mode]] }, { signal }));
  }

  /** Ends all calls; later ones throw `RpcDisconnected`. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#open) connection.close();
  }

  async #status(brickName: string, command: number, signal: AbortSignal | undefined): Promise<BrickOperationReply> {
    const input: DictEntries = [
      ['cmd', command],
      ['brick-name', brickName],
    ];
    return await this.#call(status, { name: brickName, input }, { signal });
  }

  async #nodeStatus(volume: string, command: number, signal: AbortSignal | undefined): Promise<Dict> {
    const input: DictEntries = [
      ['cmd', NODE_STATUS_FLAG | command],
      ['volname', volume],
    ];
    return accepted(nodeStatus, await this.#call(nodeStatus, { name: '', input }, { signal })).output;
  }

  async #call<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    options: CallOptions = {},
  ): Promise<Output> {
    const connection = this.#kept ?? (await this.#keep(options.signal));
    try {
      return await connection.call(procedure, input, { timeoutMs: this.#timeoutMs, ...options });
    } catch (error) {
      // What was never answered goes on counting against the connection: the next call starts with a new one.
      if (isAgentError(error, 'Timeout') && this.#kept === connection) this.#kept = undefined;
      throw error;
    } finally {
      if (connection !== this.#kept && connection.waiting === 0) connection.close();
    }
  }

  /** One attempt to connect serves all who ask meanwhile; each of them waits under a deadline of its own. */
  async #keep(signal: AbortSignal | undefined): Promise<Connection> {
    if (signal?.aborted) throw new AgentError('Aborted', `${this.#options.socketPath}: given up`);
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    const opening = this.#opening;
    const what = `connecting to ${this.#options.socketPath}`;
    const connection = await withDeadline(this.#timeoutMs, what, async () => await opening, signal);
    if (connection.closed === undefined) this.#kept ??= connection;
    return connection;
  }

  async #connect(signal?: AbortSignal): Promise<Connection> {
    const { socketPath, clock, observer } = this.#options;
    if (this.#closed) throw closedByUs(socketPath);
    const connection = await Connection.open(
      {
        address: { path: socketPath },
        clock,
        observer,
        connectTimeoutMs: this.#timeoutMs,
        onClose: () => {
          this.#open.delete(connection);
          if (this.#kept === connection) this.#kept = undefined;
        },
      },
      signal,
    );
    this.#open.add(connection);
    // Closed while connecting: the set that close() went through did not have it yet.
    if (this.#closed) {
      connection.close();
      throw closedByUs(socketPath);
    }
    return connection;
  }
}

function closedByUs(socketPath: string): AgentError {
  return new AgentError('RpcDisconnected', `${socketPath}: closed by us`);
}

function accepted(procedure: { name: string }, result: BrickOperationReply): BrickOperationReply {
  if (result.opRet >= 0) return result;
  const why = result.errorText === '' ? `failed with ${result.opRet}` : result.errorText;
  throw new AgentError('GlusterError', `${procedure.name}: ${why}`, { details: { procedure: procedure.name } });
}
