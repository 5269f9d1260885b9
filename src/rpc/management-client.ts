import type { Clock } from '../lib/clock.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { Connection, type RpcObserver } from './connection.ts';
import { dictNumber, dictText, type Dict } from './dict.ts';
import { brickNull, status, xlatorInfo, xlatorOp, type BrickOperationReply } from './programs/brick-operations.ts';
import { dumpPrograms, type ServedProgram } from './programs/dump.ts';
import type { Procedure } from './programs/procedure.ts';
import type { ShdProof } from './shd-proof.ts';

/** Connecting to a unix socket is instant unless the process is frozen, in milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Bad requests are often never answered, so every call needs this, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;
/** Heal commands ask every brick in turn; a frozen one holds them up for its ping-timeout of 42 s (measured), in milliseconds. */
const HEAL_TIMEOUT_MS = 60_000;

/** `cmd` of STATUS. */
const STATUS_CLIENTS = 2;

export interface ConnectedClient {
  /** `address:port`. */
  address: string;
  /** The process-name it gave, e.g. `fuse` or `glustershd`. */
  name: string;
  bytesRead: number | undefined;
  bytesWritten: number | undefined;
}

/** `xl-op` of XLATOR_OP. */
const HEAL_OPERATIONS = { 'index-heal': 1, 'full-heal': 2, statistics: 7, count: 8 } as const;
export type HealOperation = Exclude<keyof typeof HEAL_OPERATIONS, 'count'>;

/** What a heal command says of one brick of one replica or disperse set. */
export interface HealChild {
  xlator: string;
  /** Position in the set. */
  child: number;
  /** e.g. `Started self-heal`, `Brick is remote`, `Brick is not connected`. */
  status: string | undefined;
  /** Pending entries, answered to `count`. */
  pending: number | undefined;
}

export interface HealReply {
  /** -1 as soon as one brick is down although the others started: judge by `children`. */
  opRet: number;
  errorText: string;
  children: HealChild[];
  output: Dict;
}

/**
 * Asks a brick or a self-heal daemon over its `-S` socket. Connects for a call and keeps the connection for the next ones; a
 * restarted process is simply connected to again.
 */
export class ManagementClient {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #observer: RpcObserver | undefined;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: { socketPath: string; clock: Clock; observer?: RpcObserver }) {
    this.#path = options.socketPath;
    this.#clock = options.clock;
    this.#observer = options.observer;
  }

  /** Whether the process answers at all. @throws AgentError as every method: `RpcDisconnected`, `Timeout`, `Aborted`, `RpcRejected` */
  async null(signal?: AbortSignal): Promise<void> {
    await this.#call(brickNull, undefined, CALL_TIMEOUT_MS, signal);
  }

  async programs(signal?: AbortSignal): Promise<ServedProgram[]> {
    return await this.#call(dumpPrograms, undefined, CALL_TIMEOUT_MS, signal);
  }

  /** @param brickName name of the brick's top volume, mostly the brick path */
  async clients(brickName: string, signal?: AbortSignal): Promise<ConnectedClient[]> {
    const input = new Map<string, string | number>([
      ['cmd', STATUS_CLIENTS],
      ['brick-name', brickName],
    ]);
    const { output } = await this.#call(status, { name: brickName, input }, CALL_TIMEOUT_MS, signal);
    // With no client bound the answer is op_ret -1 and an empty dict: none, not an error.
    const count = dictNumber(output, 'clientcount') ?? 0;
    return Array.from({ length: Math.min(count, output.size) }, (_, index) => ({
      address: dictText(output, `client${index}.hostname`) ?? '',
      name: dictText(output, `client${index}.name`) ?? '',
      bytesRead: dictNumber(output, `client${index}.bytesread`),
      bytesWritten: dictNumber(output, `client${index}.byteswrite`),
    }));
  }

  /** The brick's profile; see gluster's io-stats for the keys. @throws also `GlusterError` when there is no such brick */
  async profile(brickName: string, signal?: AbortSignal): Promise<Dict> {
    const input = new Map([
      ['info-op', '1'],
      // Without it everybody's interval counters start anew.
      ['peek', 'on'],
    ]);
    const reply = await this.#call(xlatorInfo, { name: brickName, input }, CALL_TIMEOUT_MS, signal);
    if (reply.opRet < 0) throw new AgentError('GlusterError', `XLATOR_INFO ${brickName}: ${reply.errorText}`);
    return reply.output;
  }

  /** Pending entries of every brick that the daemon is connected to; safe to send to any process. */
  async healCount(xlators: readonly string[], signal?: AbortSignal): Promise<HealReply> {
    return await this.#healOperation('count', xlators, signal);
  }

  /** Starts a heal or asks for crawl statistics. @throws also `ProcessUnproven` when the proof is for another socket */
  async heal(operation: HealOperation, proof: ShdProof, signal?: AbortSignal): Promise<HealReply> {
    if (proof.socketPath !== this.#path) {
      throw new AgentError('ProcessUnproven', `${this.#path}: the proof is for ${proof.socketPath}`);
    }
    return await this.#healOperation(operation, proof.xlators, signal);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  /** All xlators must exist in the process: one that does not makes it drop the whole request without a word. */
  async #healOperation(
    operation: keyof typeof HEAL_OPERATIONS,
    xlators: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<HealReply> {
    const input = new Map<string, string | number>([
      ['xl-op', HEAL_OPERATIONS[operation]],
      ['count', xlators.length],
    ]);
    for (const [index, xlator] of xlators.entries()) input.set(`xl-${index}`, xlator).set(xlator, index);
    return healReply(await this.#call(xlatorOp, { name: '', input }, HEAL_TIMEOUT_MS, signal), xlators);
  }

  async #call<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Output> {
    const connection = await this.#connected();
    try {
      return await connection.call(procedure, input, { timeoutMs, signal });
    } catch (error) {
      // A peer that does not answer may be frozen for good: the next call finds out with a new connection.
      if (isAgentError(error, 'Timeout')) connection.close();
      throw error;
    }
  }

  async #connected(): Promise<Connection> {
    if (this.#closed) throw new AgentError('RpcDisconnected', `${this.#path}: closed by us`);
    if (this.#connection !== undefined && this.#connection.closed === undefined) return this.#connection;
    this.#connecting ??= Connection.open({
      address: { path: this.#path },
      clock: this.#clock,
      observer: this.#observer,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    }).finally(() => {
      this.#connecting = undefined;
    });
    this.#connection = await this.#connecting;
    return this.#connection;
  }
}

/** Keys are `<id>-<child>-status` and `<id>-<child>-hardlinks`; the id is the xlator's place in our request. */
function healReply(reply: BrickOperationReply, xlators: readonly string[]): HealReply {
  const children = new Map<string, HealChild>();
  for (const key of reply.output.keys()) {
    const match = /^(\d{1,6})-(\d{1,6})-(status|hardlinks)$/.exec(key);
    const xlator = xlators[Number(match?.[1])];
    if (match === null || xlator === undefined) continue;
    const id = `${match[1]}-${match[2]}`;
    const child = children.get(id) ?? { xlator, child: Number(match[2]), status: undefined, pending: undefined };
    if (match[3] === 'status') child.status = dictText(reply.output, key);
    else child.pending = dictNumber(reply.output, key);
    children.set(id, child);
  }
  const inOrder = [...children.values()].toSorted(
    (a, b) => xlators.indexOf(a.xlator) - xlators.indexOf(b.xlator) || a.child - b.child,
  );
  return { opRet: reply.opRet, errorText: reply.errorText, children: inOrder, output: reply.output };
}
