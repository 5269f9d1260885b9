/**
 * What a self-heal daemon's TCP connections say of the bricks of its volfile. That there is one says little: a brick that is frozen, or
 * that refuses the log-in, has it, too. That there is none is certain, and all that can be had of a disperse daemon without a crawl. Pure.
 */
import type { TcpPeer } from '../process/tcp-connections.ts';

export interface BrickPlace {
  /** Undefined: the volfile does not say. */
  port: number | undefined;
  /** Of its host; undefined: its name was not looked up, or is not known. */
  addresses: readonly string[] | undefined;
}

/** Whether the places have to be looked up at all: as many connections as bricks leave none without. */
export function isLookUpNeeded(ports: readonly (number | undefined)[], peers: readonly TcpPeer[]): boolean {
  return [...new Set(ports)].some((port) => {
    const connections = peers.filter((peer) => peer.port === port).length;
    return port !== undefined && connections > 0 && connections < ports.filter((other) => other === port).length;
  });
}

/** For each place in order whether there is a TCP connection to it; undefined: not known. */
export function reachOf(places: readonly BrickPlace[], peers: readonly TcpPeer[]): (boolean | undefined)[] {
  return places.map(({ port, addresses }) => {
    if (port === undefined) return undefined;
    const there = peers.filter((peer) => peer.port === port);
    if (there.length === 0) return false;
    const sharing = places.filter((place) => place.port === port);
    // A daemon has one connection to each brick.
    if (there.length >= sharing.length) return true;
    if (addresses === undefined) return undefined;
    if (there.some(({ address }) => addresses.includes(address))) return true;
    // One to an address that is no brick's may be to this one, whose name meant that address when it was made.
    const known = new Set(sharing.flatMap((place) => place.addresses ?? []));
    return there.every(({ address }) => known.has(address)) ? false : undefined;
  });
}
