import { randomUUID } from 'node:crypto';
import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { Connection, type RpcObserver } from './connection.ts';
import type { GfxDict, GfxValue } from './gfx-dict.ts';
import { dumpPrograms } from './programs/dump.ts';
import { ping, setVolume } from './programs/handshake.ts';
import { lookup, type LookupReply } from './programs/lookup.ts';
import { FOP_PROGRAM, OLD_FOP_VERSION, type Procedure } from './programs/procedure.ts';
import { statfs, type Statfs } from './programs/statfs.ts';
import { getXattr, removeXattr, setXattr } from './programs/xattr.ts';

const PROCESS_NAME = 'brick-agent';
/** In milliseconds; the peer is in the same pod. */
const CONNECT_TIMEOUT_MS = 2_000;
const PING_TIMEOUT_MS = 2_000;
/** A fop goes to the disk, which may take seconds; in milliseconds. */
const FOP_TIMEOUT_MS = 10_000;
/** A brick answers its port within 0.1 s of its start, and its clients come back after 3 s: we want to be there before them. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2_000;
/** How often an idle connection is pinged, so that a frozen brick is noticed, in milliseconds. */
const PING_INTERVAL_MS = 5_000;

export interface BrickClientOptions {
  host: string;
  port: number;
  /** Name of the volume below protocol/server, mostly the brick path. */
  brickName: string;
  clock: Clock;
  log: Log;
  observer?: RpcObserver;
  username?: string;
  password?: string;
  /** Runs after every handshake and after every loss of the connection. */
  onChange?: () => void;
}

export interface FopOptions {
  /** Pid in the credential; see PID. */
  pid: number;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/**
 * Keeps one bound connection to the brick's port, as a client without a mount.
 *
 * `generation` counts handshakes. After each one the brick may be another process that knows no namespaces: whoever depends on
 * that looks everything up again. Without a connection every call fails at once; nothing is queued behind the caller's back.
 */
export class BrickClient {
  readonly #options: BrickClientOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #connection: Connection | undefined;
  #generation = 0;
  #downReason = 'not connected yet';
  #majorVersion: '10' | '11' | undefined;

  constructor(options: BrickClientOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  get isUp(): boolean {
    return this.#connection !== undefined && this.#connection.closed === undefined;
  }

  get generation(): number {
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
    await this.#require().call(ping, undefined, { timeoutMs: PING_TIMEOUT_MS, signal });
  }

  /** A named LOOKUP, the only one that makes a brick load a directory's quota. undefined when there is no such entry. */
  async lookup(parent: Gfid, name: string, options: FopOptions): Promise<LookupReply | undefined> {
    return await this.#fop(lookup, { parent, name }, options);
  }

  async lookupGfid(gfid: Gfid, xattrs: readonly string[], options: FopOptions): Promise<LookupReply | undefined> {
    return await this.#fop(lookup, { gfid, xattrs }, options);
  }

  /** Looks up one component after the other from the root. */
  async resolvePath(names: readonly string[], options: FopOptions): Promise<LookupReply | undefined> {
    let reply = await this.lookupGfid(ROOT_GFID, [], options);
    for (const name of names) {
      if (reply === undefined) return undefined;
      reply = await this.lookup(reply.iatt.gfid, name, options);
    }
    return reply;
  }

  async statfs(gfid: Gfid, options: FopOptions): Promise<Statfs> {
    return await this.#fop(statfs, gfid, options);
  }

  async getXattr(gfid: Gfid, name: string, options: FopOptions): Promise<GfxValue | undefined> {
    return await this.#fop(getXattr, { gfid, name }, options);
  }

  async setXattr(gfid: Gfid, values: GfxDict, options: FopOptions): Promise<void> {
    await this.#fop(setXattr, { gfid, values }, options);
  }

  async removeXattr(gfid: Gfid, name: string, options: FopOptions): Promise<void> {
    await this.#fop(removeXattr, { gfid, name }, options);
  }

  /** Closes and waits until nothing runs any more. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#connection?.close();
    await this.#done;
  }

  async #fop<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    { pid, signal, timeoutMs = FOP_TIMEOUT_MS }: FopOptions,
  ): Promise<Output> {
    return await this.#require().call(procedure, input, { timeoutMs, signal, credential: { pid } });
  }

  #require(): Connection {
    if (this.#connection !== undefined && this.#connection.closed === undefined) return this.#connection;
    throw new AgentError('RpcDisconnected', `no connection to the brick: ${this.#downReason}`);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    const backoff = new Backoff(RECONNECT_MIN_MS, RECONNECT_MAX_MS);
    while (!signal.aborted) {
      const over = new AbortController();
      try {
        const connection = await this.#connect(signal, () => over.abort());
        backoff.reset();
        await this.#watch(connection, over.signal);
        this.#down(errorMessage(connection.closed));
      } catch (error) {
        this.#down(errorMessage(error));
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  async #connect(signal: AbortSignal, onClose: (reason: AgentError) => void): Promise<Connection> {
    const { host, port, clock, observer, brickName, username, password, log } = this.#options;
    const connection = await Connection.open(
      { address: { host, port }, clock, observer, connectTimeoutMs: CONNECT_TIMEOUT_MS, onClose },
      signal,
    );
    try {
      const programs = await connection.call(dumpPrograms, undefined, { timeoutMs: PING_TIMEOUT_MS, signal });
      const isOld = programs.some(
        ({ program, version }) => program === BigInt(FOP_PROGRAM.program) && version === BigInt(OLD_FOP_VERSION),
      );
      const input = { brickName, processUuid: uniqueUuid(), processName: PROCESS_NAME, username, password };
      await connection.call(setVolume, input, { timeoutMs: FOP_TIMEOUT_MS, signal });
      this.#majorVersion = isOld ? '10' : '11';
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#generation += 1;
    log.info(
      { subvolume: brickName, gluster: this.#majorVersion, generation: this.#generation },
      'connected to the brick',
    );
    this.#options.onChange?.();
    return connection;
  }

  /** Pings until the connection ends. A brick that is frozen keeps its sockets open: only the ping tells. */
  async #watch(connection: Connection, over: AbortSignal): Promise<void> {
    while (connection.closed === undefined) {
      await this.#options.clock.sleep(PING_INTERVAL_MS, over).catch(() => undefined);
      if (connection.closed !== undefined) return;
      await connection.call(ping, undefined, { timeoutMs: PING_TIMEOUT_MS }).catch((error: unknown) => {
        if (isAgentError(error, 'Timeout')) connection.close('the brick does not answer pings');
      });
    }
  }

  #down(reason: string): void {
    const wasUp = this.#connection !== undefined;
    this.#connection = undefined;
    const changed = reason !== this.#downReason;
    this.#downReason = reason;
    if (this.#stop.signal.aborted) return;
    if (wasUp || changed) this.#options.log.warn({ reason }, 'no connection to the brick');
    if (wasUp) this.#options.onChange?.();
  }
}

/** Host-wide unique and never used again; the server keeps its clients apart by it. */
function uniqueUuid(): string {
  return `${PROCESS_NAME}-${process.pid}-${randomUUID()}`;
}
