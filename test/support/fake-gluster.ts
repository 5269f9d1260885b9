/**
 * A peer on a real socket that speaks ONC-RPC as a Gluster process does and misbehaves on demand. Each procedure is answered by
 * a handler; without one it is answered as the real process would that does not know it.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { dict, opaque, record, u32, u64, WireReader } from './wire.ts';

export const PROGRAMS = {
  dump: 123_451_501,
  brick: 4_867_634,
  handshake: 14_398_633,
  fop: 1_298_437,
  callback: 52_743_234,
} as const;

export interface FakeCall {
  xid: number;
  program: number;
  version: number;
  procedure: number;
  /** Of the v3 credential; undefined for AUTH_NULL. */
  pid: number | undefined;
  /** Body of the credential. */
  credential: Buffer;
  lockOwner: Buffer;
  args: Buffer;
  peer: FakePeer;
}

/**
 * Bytes: the results of an accepted call. `reject`: accept_stat 1 to 5. `denied`: an AUTH_ERROR. `silence`: no answer, ever.
 * `close`: the connection ends. `raw`: these bytes, as they are.
 */
export type FakeAnswer = Buffer | { reject: 1 | 2 | 3 | 4 | 5 } | 'denied' | 'silence' | 'close' | { raw: Buffer };
export type FakeHandler = (call: FakeCall) => FakeAnswer | Promise<FakeAnswer>;

export type FakeAddress = { path: string } | { host: string; port: number };

/** One connection of a client. */
export class FakePeer {
  readonly socket: Socket;
  /** What SETVOLUME carried, once it came. */
  volume: Record<string, string> | undefined;
  #buffered = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
  }

  send(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  reply(call: FakeCall, results: Buffer): void {
    this.send(replyRecord(call.xid, results));
  }

  /** A call from the server, such as FETCHSPEC (1). */
  callBack(procedure: number, program: number = PROGRAMS.callback): void {
    this.send(record(u32(1, 0, 2, program, 1, procedure, 0, 0, 0, 0)));
  }

  /** Resets the connection, as a process does that is killed. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Complete records; fragments are joined. */
  feed(chunk: Buffer): Buffer[] {
    this.#buffered = Buffer.concat([this.#buffered, chunk]);
    const records: Buffer[] = [];
    for (;;) {
      const parts: Buffer[] = [];
      let at = 0;
      let isLast = false;
      while (!isLast) {
        if (this.#buffered.length < at + 4) return records;
        const mark = this.#buffered.readUInt32BE(at);
        const length = mark % 0x8000_0000;
        if (this.#buffered.length < at + 4 + length) return records;
        parts.push(this.#buffered.subarray(at + 4, at + 4 + length));
        at += 4 + length;
        isLast = mark >= 0x8000_0000;
      }
      this.#buffered = this.#buffered.subarray(at);
      records.push(Buffer.concat(parts));
    }
  }
}

export interface FakeGlusterOptions {
  /** A unix socket; without it a free TCP port on the loopback. */
  path?: string;
  port?: number;
  /** What DUMP says. */
  kind?: 'brick-10' | 'brick-11' | 'management';
}

export class FakeGluster {
  readonly address: FakeAddress;
  readonly peers = new Set<FakePeer>();
  /** Every call since the start or since `forget`, oldest first. */
  readonly calls: FakeCall[] = [];
  /** Connections accepted so far. */
  accepted = 0;
  /** How many calls are kept; the leak test keeps none. */
  keepCalls = 100_000;
  readonly #server: Server;
  readonly #handlers = new Map<string, FakeHandler>();

  static async listen(options: FakeGlusterOptions = {}): Promise<FakeGluster> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (options.path === undefined) server.listen(options.port ?? 0, '127.0.0.1', resolve);
      else server.listen(options.path, resolve);
    });
    const address = server.address();
    if (address === null) throw new Error('the fake peer has no address');
    const where = typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address.port };
    return new FakeGluster(server, where, options.kind ?? (options.path === undefined ? 'brick-11' : 'management'));
  }

  private constructor(server: Server, address: FakeAddress, kind: NonNullable<FakeGlusterOptions['kind']>) {
    this.#server = server;
    this.address = address;
    server.on('connection', (socket) => this.#accept(socket));
    this.on(PROGRAMS.dump, 1, () => programList(kind));
    this.on(PROGRAMS.dump, 2, () => Buffer.concat([u32(0, 0), opaque('')]));
    if (kind === 'management') {
      this.on(PROGRAMS.brick, 0, () => Buffer.alloc(0));
    } else {
      this.on(PROGRAMS.handshake, 3, () => Buffer.concat([u32(0, 0), opaque('')]));
      this.on(PROGRAMS.handshake, 1, (call) => {
        call.peer.volume = new WireReader(call.args).dict();
        // The errno is 22 also on success, as measured.
        return Buffer.concat([u32(0, 22), opaque(dict({ ERROR: 'Success', child_up: 1 }))]);
      });
    }
  }

  /** TCP only. */
  get port(): number {
    if (!('port' in this.address)) throw new Error('the fake peer listens on a unix socket');
    return this.address.port;
  }

  on(program: number, procedure: number, handler: FakeHandler): this {
    this.#handlers.set(`${program}/${procedure}`, handler);
    return this;
  }

  onFop(procedure: number, handler: FakeHandler): this {
    return this.on(PROGRAMS.fop, procedure, handler);
  }

  onBrick(procedure: number, handler: FakeHandler): this {
    return this.on(PROGRAMS.brick, procedure, handler);
  }

  /** Calls of one procedure so far. */
  callsOf(program: number, procedure: number): FakeCall[] {
    return this.calls.filter((call) => call.program === program && call.procedure === procedure);
  }

  forget(): void {
    this.calls.length = 0;
  }

  /** Ends every connection; the listener stays. */
  dropAll(): void {
    for (const peer of this.peers) peer.socket.destroy();
  }

  async close(): Promise<void> {
    this.dropAll();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(socket: Socket): void {
    const peer = new FakePeer(socket);
    this.accepted += 1;
    this.peers.add(peer);
    socket.on('close', () => this.peers.delete(peer));
    socket.on('data', (chunk) => {
      for (const message of peer.feed(chunk)) void this.#answer(parseCall(message, peer));
    });
  }

  async #answer(call: FakeCall): Promise<void> {
    if (this.calls.length < this.keepCalls) this.calls.push(call);
    const handler = this.#handlers.get(`${call.program}/${call.procedure}`);
    const isKnown = [...this.#handlers.keys()].some((key) => key.startsWith(`${call.program}/`));
    const answer = handler === undefined ? { reject: isKnown ? (3 as const) : (1 as const) } : await handler(call);
    if (answer === 'silence') return;
    if (answer === 'close') call.peer.socket.destroy();
    else if (answer === 'denied') call.peer.send(record(u32(call.xid, 1, 1, 1, 2)));
    else if (Buffer.isBuffer(answer)) call.peer.reply(call, answer);
    else if ('raw' in answer) call.peer.send(answer.raw);
    else call.peer.send(rejectRecord(call.xid, answer.reject));
  }
}

/** An accepted reply with its record mark. */
export function replyRecord(xid: number, results: Buffer): Buffer {
  return record(Buffer.concat([u32(xid, 1, 0, 0, 0, 0), results]));
}

export function rejectRecord(xid: number, acceptState: number): Buffer {
  return record(u32(xid, 1, 0, 0, 0, acceptState, ...(acceptState === 2 ? [0, 0] : [])));
}

function parseCall(message: Buffer, peer: FakePeer): FakeCall {
  const reader = new WireReader(message);
  const xid = reader.u32();
  const [type, rpcVersion] = [reader.u32(), reader.u32()];
  if (type !== 0 || rpcVersion !== 2) throw new Error(`the client sent type ${type}, RPC version ${rpcVersion}`);
  const [program, version, procedure] = [reader.u32(), reader.u32(), reader.u32()];
  const flavour = reader.u32();
  const credential = reader.opaque();
  reader.u32();
  reader.opaque();
  const isV3 = flavour === 390_040;
  return {
    xid,
    program,
    version,
    procedure,
    pid: isV3 ? credential.readInt32BE(0) : undefined,
    credential,
    lockOwner: isV3 ? ownerOf(credential) : Buffer.alloc(0),
    args: reader.bytes(reader.left),
    peer,
  };
}

function ownerOf(credential: Buffer): Buffer {
  const reader = new WireReader(credential.subarray(28));
  reader.bytes(reader.u32() * 4);
  return reader.opaque();
}

function programList(kind: NonNullable<FakeGlusterOptions['kind']>): Buffer {
  const served: [string, bigint, bigint][] = [['GF-DUMP', BigInt(PROGRAMS.dump), 1n]];
  if (kind === 'management') {
    served.push(['Gluster Brick operations', BigInt(PROGRAMS.brick), 2n]);
  } else {
    served.push(['GlusterFS 4.x v1', BigInt(PROGRAMS.fop), 400n]);
    if (kind === 'brick-10') served.push(['GlusterFS 3.3', BigInt(PROGRAMS.fop), 330n]);
    served.push(['GlusterFS Handshake', BigInt(PROGRAMS.handshake), 2n]);
  }
  const entries = served.map(([name, number, version]) => Buffer.concat([u32(1), opaque(name), u64(number, version)]));
  return Buffer.concat([u64(0n), u32(0, 0), ...entries, u32(0)]);
}
