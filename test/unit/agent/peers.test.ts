import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Peers } from '../../../src/agent/peers.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const VOLUME = '2b9e329c-bdb8-11ee-989f-4e09040b9c74';
const never = new AbortController().signal;
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function peer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

function telling(
  quotas: { pv: string; source: string; limitBytes: string; claim?: unknown }[],
  volumeId = VOLUME,
  more: object = {},
): RequestListener {
  return (request, response) => {
    if (request.headers.authorization !== 'Bearer secret-of-the-pod') response.writeHead(401).end('{}');
    else
      response.end(
        JSON.stringify({
          volumeId,
          brickIndex: 1,
          quotas,
          subvolume: 1,
          usage: [{ pv: 'a', usedBytes: '77', ageMs: 5 }],
          ...more,
        }),
      );
  };
}

function peersOf(addresses: string[], token = 'secret-of-the-pod'): Peers {
  return new Peers({
    addresses,
    volumeId: VOLUME,
    brickIndex: 0,
    access: { token, tls: undefined },
    clock: new ManualClock(),
    log: silentLog,
  });
}

describe('Peers', () => {
  it('takes the claim of whoever has been told it, and a limit without one that is none', async () => {
    const claim = { namespace: 'shop', name: 'data' };
    const peers = peersOf([
      await peer(
        telling([
          { pv: 'a', source: 'Api', limitBytes: '900' },
          { pv: 'b', source: 'Api', limitBytes: '5', claim: { namespace: 'Shop', name: '../etc' } },
        ]),
      ),
      await peer(telling([{ pv: 'a', source: 'File', limitBytes: '1', claim }])),
    ]);
    await peers.pass(never);
    expect(peers.wishFor('a')).toEqual({ source: 'Api', limitBytes: 900n, claim });
    expect(peers.wishFor('b')).toEqual({ source: 'Api', limitBytes: 5n });
  });

  it('takes the highest source, and the larger limit where peers differ', async () => {
    const peers = peersOf([
      await peer(
        telling([
          { pv: 'a', source: 'Kadalu', limitBytes: '900' },
          { pv: 'b', source: 'Api', limitBytes: '5' },
        ]),
      ),
      await peer(
        telling([
          { pv: 'a', source: 'Api', limitBytes: '100' },
          { pv: 'b', source: 'Api', limitBytes: '7' },
        ]),
      ),
    ]);
    expect(peers.wishFor('a')).toBeUndefined();
    await peers.pass(never);
    expect(peers.wishFor('a')).toEqual({ source: 'Api', limitBytes: 100n });
    expect(peers.wishFor('b')).toEqual({ source: 'Api', limitBytes: 7n });
    expect(peers.wishFor('c')).toBeUndefined();
    expect(peers.usageOf('a')).toEqual([
      { subvolume: 1, usedBytes: 77n, ageMs: 5, address: expect.stringContaining('127.0.0.1:') },
      { subvolume: 1, usedBytes: 77n, ageMs: 5, address: expect.stringContaining('127.0.0.1:') },
    ]);
    expect([...peers.subvolumes()]).toEqual([1]);
  });

  it('says whose word it is', async () => {
    const [says, agrees, differs] = [
      await peer(telling([{ pv: 'a', source: 'File', limitBytes: '9' }])),
      await peer(telling([{ pv: 'a', source: 'File', limitBytes: '9' }])),
      await peer(telling([{ pv: 'a', source: 'File', limitBytes: '8' }], VOLUME, { removed: ['b'] })),
    ];
    const peers = peersOf([says, agrees, differs]);
    await peers.pass(never);
    const agents = [says, agrees].map((address) => ({ address, error: undefined }));
    expect(peers.wordOf('a')).toEqual({ source: 'File', limitBytes: 9n, agents });
    expect(peers.wordOf('b')).toBeUndefined();
    expect(peers.wordOf('c')).toBeUndefined();
  });

  it('takes a removal where no peer wants a limit', async () => {
    const peers = peersOf([
      await peer(telling([], VOLUME, { removed: ['a', 'b'] })),
      await peer(telling([{ pv: 'b', source: 'Kadalu', limitBytes: '7' }])),
    ]);
    await peers.pass(never);
    expect(peers.wishFor('a')).toEqual({ source: 'Removed', limitBytes: undefined });
    expect(peers.wishFor('b')).toEqual({ source: 'Kadalu', limitBytes: 7n });
    expect(peers.wishFor('c')).toBeUndefined();
  });

  it('takes nothing from itself, whose address may be among the others', async () => {
    const itself = { brickIndex: 0, removed: ['b'] };
    const peers = peersOf([await peer(telling([{ pv: 'a', source: 'Api', limitBytes: '9' }], VOLUME, itself))]);
    await peers.pass(never);
    expect(peers.status()).toMatchObject([{ error: undefined }]);
    expect(peers.wishFor('a')).toBeUndefined();
    expect(peers.wishFor('b')).toBeUndefined();
  });

  it('keeps what a peer said last when it goes away, and says so', async () => {
    const peers = peersOf([await peer(telling([{ pv: 'a', source: 'File', limitBytes: '9' }]))]);
    await peers.pass(never);
    expect(peers.status()).toMatchObject([{ error: undefined }]);
    servers[0]?.closeAllConnections();
    await new Promise((resolve) => {
      servers[0]?.close(resolve);
    });
    await peers.pass(never);
    expect(peers.status()).toMatchObject([{ error: expect.stringContaining('ECONNREFUSED') }]);
    expect(peers.wishFor('a')).toEqual({ source: 'File', limitBytes: 9n });
  });

  it.each<[string, RequestListener]>([
    ['not of ours', telling([], '00000000-0000-4000-8000-000000000000')],
    ['is its token ours', (_request, response) => response.writeHead(401).end('{}')],
    ['not JSON', (_request, response) => response.end('<html>')],
    ['not a list of quotas', (_request, response) => response.end('{"quotas": [{"pv": 5}]}')],
    ['no answer within', () => undefined],
    ['hangs up', (_request, response) => response.destroy()],
  ])('learns nothing from a peer that is wrong: %s', async (reason, listener) => {
    const good = await peer(telling([{ pv: 'a', source: 'Api', limitBytes: '1' }]));
    const peers = peersOf([await peer(listener), good]);
    await peers.pass(never);
    expect(peers.status()[0]?.error).toContain(reason);
    expect(peers.wishFor('a')).toEqual({ source: 'Api', limitBytes: 1n });
    expect([...peers.subvolumes()]).toEqual([-1, 1]);
  });
});
