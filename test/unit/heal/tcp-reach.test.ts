import { describe, expect, it } from 'vitest';
import { isLookUpNeeded, reachOf, type BrickPlace } from '../../../src/heal/tcp-reach.ts';

const PORT = 24_007;

function peer(address: string, port = PORT) {
  return { address, port };
}

/** As in a cluster: one port for all, each on its own host. */
const HOSTS: BrickPlace[] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({
  port: PORT,
  addresses: [address],
}));

describe('reachOf', () => {
  it('needs no names where every brick has a port of its own', () => {
    const places = [1, 2, 3].map((port) => ({ port, addresses: undefined }));
    const peers = [peer('127.0.0.1', 1), peer('127.0.0.1', 3), peer('127.0.0.1', 9)];
    expect(isLookUpNeeded([1, 2, 3], peers)).toBe(false);
    expect(reachOf(places, peers)).toEqual([true, false, true]);
  });

  it('needs none either while there are as many connections as bricks, or none', () => {
    const ports = [PORT, PORT, PORT];
    const unnamed = ports.map((port) => ({ port, addresses: undefined }));
    const all = [peer('10.0.0.1'), peer('10.0.0.2'), peer('10.0.0.3')];
    expect(isLookUpNeeded(ports, all)).toBe(false);
    expect(reachOf(unnamed, all)).toEqual([true, true, true]);
    expect(isLookUpNeeded(ports, [])).toBe(false);
    expect(reachOf(unnamed, [])).toEqual([false, false, false]);
  });

  it('tells by the addresses which brick is without', () => {
    const peers = [peer('10.0.0.1'), peer('10.0.0.3')];
    expect(isLookUpNeeded([PORT, PORT, PORT], peers)).toBe(true);
    expect(reachOf(HOSTS, peers)).toEqual([true, false, true]);
  });

  it('does not know of a brick whose name is not known, and of none while a connection may be of an old address', () => {
    const [first, second] = HOSTS;
    const unnamed = { port: PORT, addresses: undefined };
    if (first === undefined || second === undefined) throw new Error('three hosts');
    expect(reachOf([first, second, unnamed], [peer('10.0.0.1'), peer('10.0.0.9')])).toEqual([
      true,
      undefined,
      undefined,
    ]);
    expect(reachOf([first, second, unnamed], [peer('10.0.0.1')])).toEqual([true, false, undefined]);
    expect(reachOf([{ ...first, port: undefined }], [])).toEqual([undefined]);
  });
});
