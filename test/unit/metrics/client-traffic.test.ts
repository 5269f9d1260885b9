import { describe, expect, it } from 'vitest';
import { clientKind, ClientTraffic } from '../../../src/metrics/client-traffic.ts';
import type { StatusClient } from '../../../src/rpc/status-reply.ts';

function client(address: string, name: string, bytesRead: number, bytesWritten = 0): StatusClient {
  return { address, name, opVersion: undefined, bytesRead: BigInt(bytesRead), bytesWritten: BigInt(bytesWritten) };
}

describe('clientKind', () => {
  it.each([
    ['fuse', 'fuse'],
    ['glustershd', 'glustershd'],
    ['gfapi.ganesha.nfsd', 'gfapi'],
    ['', 'unknown'],
    ['unknown', 'unknown'],
    ['fuse-of-a-tenant-who-makes-up-names', 'other'],
    ['Fuse', 'other'],
    ['"} 1\n', 'other'],
  ])('%j is %s', (name, kind) => {
    expect(clientKind(name)).toBe(kind);
  });
});

describe('traffic', () => {
  it('goes on over the end of a connection, and over a restart of the brick', () => {
    const traffic = new ClientTraffic();
    const fuse = (...clients: StatusClient[]) => traffic.take(clients).kinds.get('fuse');
    expect(fuse(client('a:1', 'fuse', 100, 10))).toEqual({ connections: 1, inBytes: 100, outBytes: 10 });
    expect(fuse(client('a:1', 'fuse', 150, 20), client('b:1', 'fuse', 5))).toEqual({
      connections: 2,
      inBytes: 155,
      outBytes: 20,
    });
    expect(fuse(client('b:1', 'fuse', 5))).toEqual({ connections: 1, inBytes: 155, outBytes: 20 });
    // The same client and port, but a connection that has just begun.
    expect(fuse(client('b:1', 'fuse', 3))).toEqual({ connections: 1, inBytes: 158, outBytes: 20 });
    expect(fuse()).toEqual({ connections: 0, inBytes: 158, outBytes: 20 });
  });

  it('is kept by address as long as the address is connected', () => {
    const traffic = new ClientTraffic();
    const addresses = (...clients: StatusClient[]) => Object.fromEntries(traffic.take(clients).addresses);
    addresses(client('10.0.0.1:1', 'fuse', 100), client('10.0.0.1:2', 'fuse', 1), client('[::1]:3', 'fuse', 7));
    expect(addresses(client('10.0.0.1:1', 'fuse', 200))).toEqual({
      '10.0.0.1': { connections: 1, inBytes: 201, outBytes: 0 },
    });
    expect(addresses()).toEqual({});
  });

  it('of very many addresses is one', () => {
    const clients = Array.from({ length: 1000 }, (_, n) => client(`10.0.${n >> 8}.${n & 255}:1`, 'fuse', 1));
    const { addresses } = new ClientTraffic().take(clients);
    expect(addresses.size).toBe(257);
    expect(addresses.get('other')).toEqual({ connections: 744, inBytes: 744, outBytes: 0 });
  });

  it('counts a flood of made-up names as one kind', () => {
    const clients = Array.from({ length: 1000 }, (_, n) => client(`a:${n}`, `made-up-${n}`, 1));
    expect([...new ClientTraffic().take(clients).kinds.keys()]).toEqual(['other']);
  });
});
