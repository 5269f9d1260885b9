import { randomUUID } from 'node:crypto';
import { Backoff } from '../lib/backoff.ts';
import { sharedPause, type Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { BrickFops, type FopOptions } from './brick-fops.ts';
import { Connection, type RpcObserver } from './connection.ts';
import { ERRNO } from './errno.ts';
import type { ProcedureId } from './message.ts';
import { dumpPrograms } from './programs/dump.ts';
import { getSpec, ping, setVolume } from './programs/handshake.ts';
import { FOP_PROGRAM, OLD_FOP_VERSION, type Procedure } from './programs/procedure.ts';

const PROCESS_NAME = 'brick-agent';
/** In milliseconds; the peer is in the same pod. */
const CONNECT_TIMEOUT_MS = 2_000;
const PING_TIMEOUT_MS = 2_000;
/** A fop goes to the disk, which may take seconds; in milliseconds. */
const FOP_TIMEOUT_MS = 10_000;
/** A brick answers its port within 0.1 s of its start, and its clients come back after 3 s: we want to be there before them. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2_000;
/** After a refusal only people help, and every try writes several lines into the brick's log. In milliseconds. */
const REFUSED_MIN_MS = 1_000;
const REFUSED_MAX_MS = 30_000;
/** A connection that ends sooner, in milliseconds, does not count as a success for the pause before the next. */
const STABLE_MS = 5_000;
/** How often an idle connection is pinged, so that a frozen brick is noticed, in milliseconds. */
const PING_INTERVAL_MS = 5_000;
/** Pings in a row without an answer. One may be our own fault: a stalled event loop sees its timers before its sockets. */
const MISSED_PINGS = 3;

export interface BrickClientOptions {
  host: string;
  port: number;
  /** Name of the volume below protocol/server, mostly the brick path. */
  brickName: string;
  clock: Clock;
  log: Log;
  observer?: RpcObserver | undefined;
  username?: string | undefined;
  password?: string | undefined;
  /** Milliseconds; for calls without a time-out of their own. */
  fopTimeoutMs?: number | undefined;
  pingTimeoutMs?: number | undefined;
  pingIntervalMs?: number | undefined;
  /** Runs after every handshake and after every loss of the connection. */
  onChange?: () => void;
  /** Runs after every handshake and ping, with the error of one that failed. */
  onTry?: ((error: unknown) => void) | undefined;
  /** A call of the brick to its clients: program 52743234, e.g. procedure 1 (FETCHSPEC) after its volfile has changed. */
  onCall?: ((call: ProcedureId) => void) | undefined;
}

/**
 * Keeps one bound connection to the brick's port, as a client without a mount.
 *
 * `generation` counts handshakes. After each one the brick may be another process that knows no namespaces: whoever depends on
 * that looks everything up again. Without a connection every call fails at once; nothing is queued behind the caller's back.
 */
export class BrickClient extends BrickFops {
  readonly #options: BrickClientOptions;
  readonly #fopTimeoutMs: number;
  readonly #pingTimeoutMs: number;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #connection: Connection | undefined;
  #generation = 0;
  #downReason = 'not connected yet';
  #majorVersion: '10' | '11' | undefined;
  #upAt = 0;

  constructor(options: BrickClientOptions) {
    super();
    this.#options = options;
    this.#fopTimeoutMs = options.fopTimeoutMs ?? FOP_TIMEOUT_MS;
    this.#pingTimeoutMs = options.pingTimeoutMs ?? PING_TIMEOUT_MS;
    this.#done = this.#run();
  }

  get isUp(): boolean {
    return this.#connection !== undefined && this.#connection.closed === undefined;
  }

  /** Age of the connection in milliseconds; undefined while there is none. */
  get upForMs(): number | undefined {
    return this.isUp ? this.#options.clock.monotonic() - this.#upAt : undefined;
  }

  override get generation(): number {
    return this.#generation;
  }

  /** Why there is no connection; undefined while there is one. */
  get downReason(): string | undefined {
    return this.isUp ? undefined : this.#downReason;
  }

  /** `10` is 10.x or older, `11` is 11.0 or newer; told apart by the programs that the port serves. Undefined before the first handshake. */
  get majorVersion(): '10' | '11' | undefined {
    return this.#majorVersion;
  }

  /** Asks the brick's event loop. @throws AgentError `RpcDisconnected`, `Timeout`, `Aborted` */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.#require().call(ping, undefined, { timeoutMs: this.#pingTimeoutMs, signal });
  }

  /** A volfile that the brick serves to clients. @throws AgentError also `GlusterError`; 10.x knows no such thing */
  async getSpec(key: string, signal?: AbortSignal): Promise<string | undefined> {
    return await this.#require().call(getSpec, key, { timeoutMs: this.#fopTimeoutMs, signal });
  }

  /** Closes and waits until nothing runs any more. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#connection?.close();
    await this.#done;
  }

  protected override async invoke<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    { pid, lockOwner, signal, timeoutMs = this.#fopTimeoutMs }: FopOptions,
  ): Promise<Output> {
    const credential = lockOwner === undefined ? { pid } : { pid, lockOwner };
    return await this.#require().call(procedure, input, { timeoutMs, signal, credential });
  }

  protected override async invokeEach<Input, Output>(
    procedure: Procedure<Input, Output>,
    inputs: readonly Input[],
    { pid, signal, timeoutMs = this.#fopTimeoutMs, width }: FopOptions & { width: number },
  ): Promise<(Output | AgentError)[]> {
    return await this.#require().callEach(procedure, inputs, { timeoutMs, signal, credential: { pid }, width });
  }

  protected override reset(why: string): void {
    this.#connection?.close(why);
  }

  #require(): Connection {
    if (this.#connection !== undefined && this.#connection.closed === undefined) return this.#connection;
    throw new AgentError('RpcDisconnected', `no connection to the brick: ${this.#downReason}`);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    const lost = new Backoff(RECONNECT_MIN_MS, RECONNECT_MAX_MS);
    const refused = new Backoff(REFUSED_MIN_MS, REFUSED_MAX_MS);
    while (!signal.aborted) {
      const over = new AbortController();
      let backoff = lost;
      try {
        const connection = await this.#connect(signal, () => over.abort());
        this.#options.onTry?.(undefined);
        const upAt = clock.monotonic();
        await this.#watch(connection, over.signal);
        if (clock.monotonic() - upAt >= STABLE_MS) lost.reset();
        refused.reset();
        this.#down(errorMessage(connection.closed));
      } catch (error) {
        this.#options.onTry?.(error);
        if (isRefusal(error)) backoff = refused;
        this.#down(errorMessage(error));
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  async #connect(signal: AbortSignal, onClose: (reason: AgentError) => void): Promise<Connection> {
    const { host, port, clock, observer, onCall, brickName, username, password, log } = this.#options;
    const connection = await Connection.open(
      { address: { host, port }, clock, observer, connectTimeoutMs: CONNECT_TIMEOUT_MS, onCall, onClose },
      signal,
    );
    try {
      const programs = await connection.call(dumpPrograms, undefined, { timeoutMs: this.#pingTimeoutMs, signal });
      const isOld = programs.some(
        ({ program, version }) => program === BigInt(FOP_PROGRAM.program) && version === BigInt(OLD_FOP_VERSION),
      );
      const input = { brickName, processUuid: uniqueUuid(), processName: PROCESS_NAME, username, password };
      await connection.call(setVolume, input, { timeoutMs: this.#fopTimeoutMs, signal });
      this.#majorVersion = isOld ? '10' : '11';
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#upAt = clock.monotonic();
    this.#generation += 1;
    log.info(
      { subvolume: brickName, gluster: this.#majorVersion, generation: this.#generation },
      'connected to the brick',
    );
    this.#changed();
    return connection;
  }

  /** Pings until the connection ends. A brick that is frozen keeps its sockets open: only the ping tells. */
  async #watch(connection: Connection, over: AbortSignal): Promise<void> {
    const { clock, pingIntervalMs = PING_INTERVAL_MS } = this.#options;
    let missed = 0;
    while (connection.closed === undefined) {
      await clock.sleep(sharedPause(pingIntervalMs, clock.monotonic()), over).catch(() => undefined);
      if (connection.closed !== undefined) return;
      try {
        await connection.call(ping, undefined, { timeoutMs: this.#pingTimeoutMs });
        missed = 0;
        this.#options.onTry?.(undefined);
      } catch (error) {
        this.#options.onTry?.(error);
        if (isAgentError(error, 'Timeout')) missed += 1;
        if (missed === MISSED_PINGS) connection.close(`${missed} pings in a row were not answered`);
      }
    }
  }

  #down(reason: string): void {
    const wasUp = this.#connection !== undefined;
    this.#connection = undefined;
    const changed = reason !== this.#downReason;
    this.#downReason = reason;
    if (this.#stop.signal.aborted) return;
    if (wasUp || changed) this.#options.log.warn({ reason }, 'no connection to the brick');
    if (wasUp) this.#changed();
  }

  #changed(): void {
    try {
      this.#options.onChange?.();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the handler of connection changes failed');
    }
  }
}

/** Host-wide unique and never used again; the server keeps its clients apart by it. */
function uniqueUuid(): string {
  return `${PROCESS_NAME}-${process.pid}-${randomUUID()}`;
}

/** The brick has said no, and will say so again. "Not ready yet" is no such answer. */
function isRefusal(error: unknown): boolean {
  if (!isAgentError(error, 'GlusterError', 'RpcRejected')) return false;
  return error.details?.['errno'] !== ERRNO.EAGAIN;
}
