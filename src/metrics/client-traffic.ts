/**
 * Who is connected to a brick, and what they have sent and fetched. A brick counts bytes by connection and forgets them with it;
 * here they are added up, so that what has been counted once stays counted. What a connection did after it was looked at last
 * is missing. Pure but for what it remembers.
 */
import type { StatusClient } from '../rpc/status-reply.ts';

/** As clients call themselves (`--process-name`, and names in GlusterFS's own source); any other text is `other`. */
const KINDS: ReadonlySet<string> = new Set(
  'fuse glustershd brick-agent gfapi glfsheal nfs rebalance quotad snapd bitd gsyncd unknown'.split(' '),
);
const OTHER = 'other';
/** A pool has some hundred nodes; beyond this many addresses the rest is one. */
const MAX_ADDRESSES = 256;

export interface Traffic {
  connections: number;
  /** From the client to the brick. */
  inBytes: number;
  outBytes: number;
}

export interface ClientFigures {
  /** By kind. */
  kinds: ReadonlyMap<string, Traffic>;
  /** By address without port; the rest of very many under `other`. */
  addresses: ReadonlyMap<string, Traffic>;
}

interface Known {
  inBytes: bigint;
  outBytes: bigint;
}

export class ClientTraffic {
  /** Kinds stay, at 0, once they have been seen; there are few of them. */
  readonly #kinds = new Map<string, Traffic>();
  /** Of connected addresses only. */
  #addresses = new Map<string, Traffic>();
  #connections = new Map<string, Known>();

  take(clients: readonly StatusClient[]): ClientFigures {
    const before = this.#connections;
    const addressesBefore = this.#addresses;
    this.#connections = new Map();
    this.#addresses = new Map();
    for (const traffic of this.#kinds.values()) traffic.connections = 0;
    for (const { address, name, bytesRead, bytesWritten } of clients) {
      const key = `${address} ${name}`;
      const known = before.get(key);
      // Fewer bytes than before: another connection from the same port.
      const isSame = known !== undefined && bytesRead >= known.inBytes && bytesWritten >= known.outBytes;
      const added = {
        inBytes: Number(bytesRead - (isSame ? known.inBytes : 0n)),
        outBytes: Number(bytesWritten - (isSame ? known.outBytes : 0n)),
      };
      this.#connections.set(key, { inBytes: bytesRead, outBytes: bytesWritten });
      add(this.#kinds, clientKind(name), added);
      this.#addAddress(host(address), addressesBefore, added);
    }
    return { kinds: copy(this.#kinds), addresses: copy(this.#addresses) };
  }

  #addAddress(address: string, before: ReadonlyMap<string, Traffic>, added: Omit<Traffic, 'connections'>): void {
    const isFull = !this.#addresses.has(address) && this.#addresses.size >= MAX_ADDRESSES;
    const label = isFull ? OTHER : address;
    const earlier = before.get(label);
    if (!this.#addresses.has(label) && earlier !== undefined)
      this.#addresses.set(label, { ...earlier, connections: 0 });
    add(this.#addresses, label, added);
  }
}

/** @param name what a client calls itself, e.g. `fuse` or `gfapi.ganesha.nfsd`; any text */
export function clientKind(name: string): string {
  const kind = /^[a-z-]{1,16}/.exec(name === '' ? 'unknown' : name)?.[0] ?? OTHER;
  return KINDS.has(kind) ? kind : OTHER;
}

/** `10.0.0.1:49151` without its port. */
function host(address: string): string {
  const colon = address.lastIndexOf(':');
  return colon <= 0 ? address : address.slice(0, colon);
}

function add(into: Map<string, Traffic>, label: string, { inBytes, outBytes }: Omit<Traffic, 'connections'>): void {
  const traffic = into.get(label) ?? { connections: 0, inBytes: 0, outBytes: 0 };
  into.set(label, traffic);
  traffic.connections += 1;
  traffic.inBytes += inBytes;
  traffic.outBytes += outBytes;
}

function copy(traffic: ReadonlyMap<string, Traffic>): Map<string, Traffic> {
  return new Map([...traffic].map(([label, figures]) => [label, { ...figures }]));
}
