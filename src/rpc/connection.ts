/**
 * One socket to a Gluster process. Calls are pipelined and matched by xid; what is sent in one turn of the event loop leaves in
 * one write. Everything that waits has a time-out, everything that is kept has a bound, and the end of the socket ends every call.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { AgentError, errnoOf, errorMessage, isAgentError, toAgentError } from '../lib/errors.ts';
import { CallBatch, type Call } from './call-batch.ts';
import { callTime, PID, type Credential } from './credential.ts';
import { readMessage, rejection, writeCallHeader, type ProcedureId, type RejectReason } from './message.ts';
import { LAST_FRAGMENT, MAX_RECORD_BYTES, RecordDecoder } from './record.ts';
import type { Procedure } from './programs/procedure.ts';
import { addressName, disconnected, openSocket, type RpcAddress } from './socket.ts';
import { XdrReader, XdrWriter } from './xdr.ts';

/** A local socket answers in 0.1 ms; a listen queue that is full needs time. */
const CONNECT_TIMEOUT_MS = 5000;
/** Fops and management calls without a time-out of their own. */
const CALL_TIMEOUT_MS = 10_000;
/** `rpc.outstanding-rpc-limit` of the server: beyond it the server stops reading, pings included. */
const MAX_OUTSTANDING = 64;
/** Slots that only liveness probes may take, so that a brick whose disk hangs is still seen to be alive. */
const URGENT_SLOTS = 4;
/** Callers limit themselves to tens of calls; more than this waiting is a caller gone wild. */
const MAX_QUEUED = 4096;
const MARK_BYTES = 4;
const DEFAULT_CREDENTIAL: Credential = { pid: PID.client };

/** Told of every call when it ends; `outcome` is `ok` or the code of the error, `ms` the time since it was asked for. */
export interface RpcObserver {
  call(procedure: string, outcome: string, ms: number): void;
}

export interface ConnectionOptions {
  address: RpcAddress;
  clock: Clock;
  observer?: RpcObserver | undefined;
  /** A call of the server to us. It is never answered. */
  onCall?: ((call: ProcedureId) => void) | undefined;
  /** Runs once, when the connection has ended for whatever reason. */
  onClose?: ((reason: AgentError) => void) | undefined;
  /** Milliseconds. */
  connectTimeoutMs?: number | undefined;
  /** Calls the server works on at a time; at least 5. */
  maxOutstanding?: number | undefined;
  maxQueued?: number | undefined;
  /** Bytes. */
  maxRecordBytes?: number | undefined;
}

export interface CallOptions {
  /** Milliseconds, waiting for a slot included. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  credential?: Credential | undefined;
}

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #name: string;
  readonly #decoder: RecordDecoder;
  readonly #maxOutstanding: number;
  readonly #pending = new Map<number, Call>();
  /** Calls we gave up on and the server has not answered yet: they still count against its limit. */
  readonly #abandoned = new Set<number>();
  readonly #queue: Call[] = [];
  readonly #batch = new XdrWriter();
  #flushing = false;
  #xid = Math.floor(Math.random() * 0x1_0000_0000);
  #closed: AgentError | undefined;

  /** @throws AgentError `RpcDisconnected` when nothing listens, `Timeout`, `Aborted` */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const { address, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    return await openSocket(address, connectTimeoutMs, signal, (socket) => new Connection(socket, options));
  }

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#name = addressName(options.address);
    this.#options = options;
    this.#maxOutstanding = Math.max(options.maxOutstanding ?? MAX_OUTSTANDING, URGENT_SLOTS + 1);
    this.#decoder = new RecordDecoder(options.maxRecordBytes ?? MAX_RECORD_BYTES);
    let socketError: Error | undefined;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => {
      socketError = error;
    });
    socket.on('close', () => {
      const where = this.#decoder.inRecord ? 'in the middle of a message' : 'by the peer';
      const why =
        socketError === undefined ? `closed ${where}` : `broken (${errnoOf(socketError) ?? socketError.message})`;
      this.#end(disconnected(this.#name, why, socketError));
    });
  }

  /** Why the connection ended; undefined while it lives. */
  get closed(): AgentError | undefined {
    return this.#closed;
  }

  /** Calls the server has not answered yet, given-up ones included. */
  get outstanding(): number {
    return this.#pending.size + this.#abandoned.size;
  }

  /** Calls of ours that wait for an answer or for a slot. */
  get waiting(): number {
    return this.#pending.size + this.#queue.length;
  }

  /**
   * @throws AgentError `RpcDisconnected`, `Timeout`, `Aborted`, `RpcRejected` (`details.reason`), `RpcProtocol` when the reply
   *   cannot be read, `BadRequest` when the arguments cannot be encoded
   */
  async call<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    options: CallOptions = {},
  ): Promise<Output> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal, credential = DEFAULT_CREDENTIAL } = options;
    this.#refuse(procedure.name, signal);
    return await new Promise<Output>((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(call, this.#timedOut(procedure.name, timeoutMs)), timeoutMs);
      const abort = (): void => this.#giveUp(call, givenUp(procedure.name, signal));
      const call: Call = {
        procedure,
        encode: (writer) => procedure.encode(writer, input),
        deliver: (reader) => resolve(procedure.decode(reader)),
        fail: reject,
        settled: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
        },
        credential,
        startedAt: this.#options.clock.monotonic(),
        xid: 0,
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#admit(call);
    });
  }

  /**
   * The same call for each of the inputs, at most `width` at a time: a fraction of what as many calls cost. The time-out is for the time
   * without any answer.
   *
   * @returns in the order of the inputs; a `GlusterError` stands in the place of its call's results
   * @throws AgentError any other than `GlusterError`, as soon as one call has it
   */
  async callEach<Input, Output>(
    procedure: Procedure<Input, Output>,
    inputs: readonly Input[],
    options: CallOptions & { width: number },
  ): Promise<(Output | AgentError)[]> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal, credential = DEFAULT_CREDENTIAL, width } = options;
    this.#refuse(procedure.name, signal);
    return await new CallBatch({
      procedure,
      inputs,
      credential,
      width,
      timeoutMs,
      signal,
      timedOut: () => this.#timedOut(procedure.name, timeoutMs),
      givenUp: () => givenUp(procedure.name, signal),
      monotonic: () => this.#options.clock.monotonic(),
      send: (call) => this.#admit(call),
      giveUp: (call, error) => this.#giveUp(call, error),
    }).run();
  }

  /** Ends the connection; every call that waits is rejected with `RpcDisconnected`. */
  close(why = 'closed by us'): void {
    this.#end(disconnected(this.#name, why));
  }

  /** @throws AgentError when a call would be in vain */
  #refuse(name: string, signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw disconnected(this.#name, 'not connected', this.#closed);
    if (signal?.aborted) throw givenUp(name, signal);
    if (this.#queue.length >= (this.#options.maxQueued ?? MAX_QUEUED)) {
      throw new AgentError('Internal', `${name}: ${this.#queue.length} calls wait for ${this.#name} already`);
    }
  }

  #timedOut(name: string, timeoutMs: number): AgentError {
    return new AgentError('Timeout', `${name} to ${this.#name}: no answer within ${timeoutMs} ms`);
  }

  #admit(call: Call): void {
    if (this.#hasSlot(call)) this.#send(call);
    else this.#queue.push(call);
  }

  #hasSlot(call: Call): boolean {
    const limit = call.procedure.urgent === true ? this.#maxOutstanding : this.#maxOutstanding - URGENT_SLOTS;
    return this.outstanding < limit;
  }

  #send(call: Call): void {
    const { procedure, credential } = call;
    const batch = this.#batch;
    const start = batch.length;
    call.xid = this.#nextXid();
    try {
      batch.uint32(0);
      writeCallHeader(batch, {
        xid: call.xid,
        program: procedure.program,
        version: procedure.version,
        procedure: procedure.procedure,
        credential,
        time: callTime(this.#options.clock.now()),
      });
      call.encode(batch);
      batch.patchUint32(start, LAST_FRAGMENT + batch.length - start - MARK_BYTES);
    } catch (error) {
      batch.truncate(start);
      this.#fail(call, toAgentError(error));
      return;
    }
    this.#pending.set(call.xid, call);
    if (!this.#flushing) {
      this.#flushing = true;
      // nextTick runs when the current turn's promises have all run: whatever they send leaves in one write.
      process.nextTick(() => this.#flush());
    }
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#closed === undefined && this.#batch.length > 0) this.#socket.write(this.#batch.take());
  }

  #nextXid(): number {
    do {
      this.#xid = (this.#xid + 1) >>> 0;
      // 0 is what the server answers with when it could not read a header.
    } while (this.#xid === 0 || this.#pending.has(this.#xid) || this.#abandoned.has(this.#xid));
    return this.#xid;
  }

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk, (record) => this.#handle(record));
    } catch (error) {
      this.#end(toAgentError(error));
    }
  }

  #handle(record: Buffer): void {
    if (this.#closed !== undefined) return;
    const reader = new XdrReader(record);
    const message = readMessage(reader);
    if (message.kind === 'call') {
      this.#options.onCall?.({ program: message.program, version: message.version, procedure: message.procedure });
      return;
    }
    if (message.xid === 0) {
      // Some call of ours could not be parsed, and nobody says which: none of them can be trusted to be answered.
      throw new AgentError('RpcProtocol', `${this.#name} could not read a call of ours`);
    }
    const call = this.#pending.get(message.xid);
    if (call === undefined) {
      // An answer after its time-out, or to nothing we ever asked: nobody waits for it.
      if (this.#abandoned.delete(message.xid)) this.#drain();
      return;
    }
    this.#pending.delete(message.xid);
    this.#answer(call, reader, message.kind === 'rejected' ? message.reason : undefined);
    this.#drain();
  }

  #answer(call: Call, reader: XdrReader, rejected: RejectReason | undefined): void {
    const { procedure } = call;
    const empty = reader.remaining === 0 && procedure.bodyless !== true;
    const reason = rejected ?? (empty ? 'EMPTY_REPLY' : undefined);
    if (reason !== undefined) {
      this.#fail(call, rejection(procedure.name, this.#name, reason));
      return;
    }
    try {
      call.deliver(reader);
    } catch (error) {
      // The stream is still in step: only this call has failed.
      this.#fail(call, isAgentError(error, 'GlusterError') ? error : unreadable(procedure.name, error));
      return;
    }
    this.#settle(call, 'ok');
  }

  #giveUp(call: Call, error: AgentError): void {
    if (this.#pending.delete(call.xid)) {
      this.#abandoned.add(call.xid);
    } else {
      const index = this.#queue.indexOf(call);
      // Settled already, or about to be, by the end of the connection.
      if (index < 0) return;
      this.#queue.splice(index, 1);
    }
    this.#fail(call, error);
    // Every slot is held by a call that was never answered, and one that waited for its turn has waited in vain: only a new
    // connection helps. Calls that their callers gave up say nothing of the server.
    if (error.code === 'Timeout' && call.xid === 0 && this.#pending.size === 0 && !this.#hasSlot(call)) {
      this.#end(disconnected(this.#name, `${this.#abandoned.size} calls were never answered`));
    }
  }

  #drain(): void {
    for (let call = this.#queue[0]; call !== undefined && this.#hasSlot(call); call = this.#queue[0]) {
      this.#queue.shift();
      this.#send(call);
    }
  }

  #end(reason: AgentError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#socket.destroy();
    const calls = [...this.#pending.values(), ...this.#queue];
    this.#pending.clear();
    this.#abandoned.clear();
    this.#queue.length = 0;
    for (const call of calls) {
      this.#fail(call, disconnected(this.#name, `lost while ${call.procedure.name} was under way`, reason));
    }
    this.#options.onClose?.(reason);
  }

  #fail(call: Call, error: AgentError): void {
    this.#settle(call, error.code);
    call.fail(error);
  }

  #settle(call: Call, outcome: string): void {
    call.settled();
    this.#options.observer?.call(call.procedure.name, outcome, this.#options.clock.monotonic() - call.startedAt);
  }
}

function givenUp(procedure: string, signal: AbortSignal | undefined): AgentError {
  return new AgentError('Aborted', `${procedure}: given up`, { cause: signal?.reason });
}

function unreadable(procedure: string, error: unknown): AgentError {
  return new AgentError('RpcProtocol', `${procedure}: unreadable reply: ${errorMessage(error)}`, { cause: error });
}
