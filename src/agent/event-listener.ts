/**
 * Hears Gluster's own events, which its processes send to this host by UDP whether or not anybody listens. They are hints and
 * nothing else: whoever sends them, and whatever they say, all that comes of it is an earlier look.
 */
import { createSocket, type Socket, type SocketType } from 'node:dgram';
import { parseEvent, type EventHint } from '../heal/gluster-event.ts';
import { errnoOf, errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/**
 * Gluster sends to the first address of `localhost`: which of them that is, the host's resolver decides. Nobody else than the
 * processes of this pod reaches these.
 */
const ADDRESSES: readonly [SocketType, string][] = [
  ['udp4', '127.0.0.1'],
  ['udp6', '::1'],
];
/** A crawl over split-brains tells of each twice; more in a second than this is no news. */
export const MAX_PER_SECOND = 500;
/** How long nothing is heard after that, in milliseconds: a flood costs the kernel, not us. */
const DEAF_MS = 10_000;
const SECOND_MS = 1_000;
const BUFFER_BYTES = 65_536;

export interface EventListenerOptions {
  port: number;
  hint: (hint: EventHint) => void;
  log: Log;
}

export class EventListener {
  readonly #options: EventListenerOptions;
  readonly #sockets = new Map<string, Socket>();
  #heard = 0;
  #secondFrom = 0;
  #rest: NodeJS.Timeout | undefined;

  constructor(options: EventListenerOptions) {
    this.#options = options;
  }

  /** After a flood, for a while. */
  get isDeaf(): boolean {
    return this.#rest !== undefined;
  }

  /** An address that cannot be bound is logged; the other one may do. */
  start(): void {
    for (const [type, address] of ADDRESSES) this.#bind(type, address);
  }

  close(): void {
    clearTimeout(this.#rest);
    this.#rest = undefined;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #bind(type: SocketType, address: string): void {
    const { port, log } = this.#options;
    const socket = createSocket({ type, recvBufferSize: BUFFER_BYTES });
    this.#sockets.set(address, socket);
    socket.on('message', (datagram) => this.#receive(datagram));
    socket.on('error', (error) => {
      // A pod without IPv6 has no ::1.
      const isAbsent = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(errnoOf(error) ?? '');
      const facts = { address, port, reason: errorMessage(error) };
      if (isAbsent) log.debug(facts, 'no such address for events');
      else log.warn(facts, 'events of Gluster are not heard');
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address);
      socket.close();
    });
    socket.bind({ address, port, exclusive: true });
  }

  #receive(datagram: Buffer): void {
    const { hint, log } = this.#options;
    const now = performance.now();
    if (now - this.#secondFrom >= SECOND_MS) {
      this.#secondFrom = now;
      this.#heard = 0;
    }
    this.#heard += 1;
    if (this.#heard > MAX_PER_SECOND) {
      log.warn({ perSecond: MAX_PER_SECOND, pauseMs: DEAF_MS }, 'too many events: none is heard for a while');
      this.close();
      this.#rest = setTimeout(() => {
        this.#rest = undefined;
        this.start();
      }, DEAF_MS);
      this.#rest.unref();
      return;
    }
    const parsed = parseEvent(datagram);
    if (parsed !== undefined) hint(parsed);
  }
}
