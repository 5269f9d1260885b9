/** The API over real TLS, and questions to peers over it: who is let in, who is believed, and what a renewal does to connections. */
import { once } from 'node:events';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApiServer } from '../../../src/agent/http/api-server.ts';
import { listenTcp } from '../../../src/agent/http/listen.ts';
import type { Server } from '../../../src/agent/http/server.ts';
import { askPeer } from '../../../src/agent/peer-http.ts';
import { TlsKeeper } from '../../../src/agent/tls/keeper.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Authority, MountedSecret, skipsOpenssl, type Pair } from '../../support/certificates.ts';
import { FakeServices, silentPino } from '../../support/fake-api.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const TOKEN = 'correct-horse-battery-staple';
const never = new AbortController().signal;
const headers = { authorization: `Bearer ${TOKEN}` };

interface Side {
  port: number;
  keeper: TlsKeeper;
  secret: MountedSecret;
  server: Server;
}

function secureSocket(socket: net.Socket | null): tls.TLSSocket {
  if (socket instanceof tls.TLSSocket) return socket;
  throw new Error('not a socket of TLS');
}

describe.skipIf(skipsOpenssl)('TLS', () => {
  let directory: TemporaryDirectory;
  let authority: Authority;
  let stranger: Authority;
  let pair: Pair;
  const servers: Server[] = [];
  let sides = 0;

  beforeAll(() => {
    directory = new TemporaryDirectory('tls-server');
    authority = new Authority(directory.path, 'ours');
    stranger = new Authority(directory.path, 'theirs');
    pair = authority.issue();
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map(async (server) => server.close()));
  });
  afterAll(() => directory[Symbol.dispose]());

  interface SideOptions {
    pair?: Pair;
    peerCa?: string;
    /** Of clients; undefined: none is asked for. */
    clientCa?: string;
  }

  /** Certificates as one agent has them. */
  async function keeperOf(options: SideOptions = {}): Promise<Omit<Side, 'port' | 'server'>> {
    sides += 1;
    const secret = new MountedSecret(`${directory.path}/side-${sides}`, filesOf(options));
    const files = {
      apiTlsCertFile: secret.path('tls.crt'),
      apiTlsKeyFile: secret.path('tls.key'),
      peerCaFile: secret.path('peers.crt'),
      apiTlsClientCaFile: options.clientCa === undefined ? undefined : secret.path('clients.crt'),
    };
    return { secret, keeper: await TlsKeeper.load({ files, clock: systemClock, log: silentLog }) };
  }

  function filesOf({ pair: own = pair, peerCa = authority.cert, clientCa = '' }: SideOptions): Record<string, string> {
    return { 'tls.crt': own.cert, 'tls.key': own.key, 'peers.crt': peerCa, 'clients.crt': clientCa };
  }

  async function serve(options: SideOptions = {}): Promise<Side> {
    const side = await keeperOf(options);
    const services = new FakeServices();
    const api = { services, log: silentPino, version: '1', token: TOKEN, tls: side.keeper };
    const server = await createApiServer(api);
    servers.push(server);
    return { ...side, server, port: await listenTcp(server, 'apiListen', '127.0.0.1:0') };
  }

  async function ask(port: number, from: TlsKeeper | undefined, host = '127.0.0.1'): Promise<unknown> {
    const access = { token: TOKEN, tls: from };
    return await askPeer({ address: `${host}:${port}`, path: '/v1/version', access, signal: never, timeoutMs: 5_000 });
  }

  async function get(port: number, options: RequestOptions & { session?: Buffer }): Promise<IncomingMessage> {
    const all = { host: '127.0.0.1', port, path: '/v1/version', ca: authority.cert, headers, agent: false, ...options };
    const request = httpsRequest(all);
    request.end();
    const [response]: IncomingMessage[] = await once(request, 'response');
    if (response === undefined) throw new Error('no response');
    response.resume();
    return response;
  }

  it('carries the API for who has the token, by name and by address', async () => {
    const { port, keeper } = await serve();
    expect(await ask(port, keeper)).toMatchObject({ version: '1.2.3' });
    expect(await ask(port, keeper, 'localhost')).toMatchObject({ version: '1.2.3' });
    expect((await get(port, { headers: {} })).statusCode).toBe(401);
    expect((await get(port, {})).statusCode).toBe(200);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is spoken as %s', async (version) => {
    const { port } = await serve();
    const response = await get(port, { minVersion: version, maxVersion: version });
    expect([response.statusCode, secureSocket(response.socket).getProtocol()]).toEqual([200, version]);
  });

  it('is not spoken in older versions', async () => {
    const { port, keeper } = await serve();
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(get(port, old)).rejects.toMatchObject({ message: expect.stringContaining('alert protocol version') });
    expect(keeper.status().handshakeErrors).toBe(1);
  });

  it('answers nothing to plain HTTP, and a peer that speaks it is not asked so', async () => {
    const secure = await serve();
    await expect(ask(secure.port, undefined)).rejects.toThrow(
      'it hangs up; is apiTlsCertFile set there, and not here?',
    );
    const plain = await createApiServer({ services: new FakeServices(), log: silentPino, version: '1', token: TOKEN });
    servers.push(plain);
    const port = await listenTcp(plain, 'apiListen', '127.0.0.1:0');
    expect(await ask(port, undefined)).toMatchObject({ version: '1.2.3' });
    await expect(ask(port, secure.keeper)).rejects.toThrow(
      'it does not speak TLS as we do; is apiTlsCertFile set there?',
    );
  });

  it('believes no peer of another authority, of another name, or of yesterday', async () => {
    const good = (await serve()).keeper;
    const foreign = await serve({ pair: stranger.issue() });
    await expect(ask(foreign.port, good)).rejects.toThrow('nobody in peerCaFile vouches for its certificate');
    const elsewhere = await serve({ pair: authority.issue({ names: 'DNS:pool1-0.pool1' }) });
    await expect(ask(elsewhere.port, good)).rejects.toThrow(/its certificate is for other names: .*127\.0\.0\.1/);
    const old = await serve({ pair: authority.issue({ days: -1 }) });
    await expect(ask(old.port, good)).rejects.toThrow('its certificate, or its authority, has expired');
  });

  it('does not listen to the variable of Node that believes everybody', async () => {
    const { keeper } = await serve();
    const foreign = await serve({ pair: stranger.issue() });
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(ask(foreign.port, keeper)).rejects.toThrow('nobody in peerCaFile vouches');
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('lets in only clients with a certificate, where that is wanted, and then asks for the token as ever', async () => {
    const mutual = await serve({ clientCa: authority.cert });
    expect(await ask(mutual.port, mutual.keeper)).toMatchObject({ version: '1.2.3' });
    expect((await get(mutual.port, { ...pair, headers: {} })).statusCode).toBe(401);
    await expect(get(mutual.port, {})).rejects.toMatchObject({
      message: expect.stringMatching(/alert certificate required/),
    });
    for (const own of [stranger.issue(), authority.issue({ days: -1 })]) {
      const { keeper } = await keeperOf({ pair: own });
      const refused = ask(mutual.port, keeper);
      await expect(refused).rejects.toThrow('it refuses our certificate: is our authority in its apiTlsClientCaFile?');
    }
    expect(mutual.keeper.status().handshakeErrors).toBe(3);
  });

  it('goes on with connections that are there while a new certificate comes, and has it for the next', async () => {
    const side = await serve();
    const renewed = authority.issue();
    const keptAlive = new HttpsAgent({ keepAlive: true, maxSockets: 1 });
    const serialOf = async (agent: HttpsAgent | false): Promise<[string, tls.TLSSocket]> => {
      const response = await get(side.port, { agent });
      const socket = secureSocket(response.socket);
      const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
      await once(response, 'end');
      return [serial, socket];
    };
    const [before, kept] = await serialOf(keptAlive);
    // In the middle of a request, too.
    const slow = httpsRequest({
      host: '127.0.0.1',
      port: side.port,
      ca: authority.cert,
      agent: false,
      method: 'PUT',
      path: '/v1/quotas/pvc-1',
      headers: { ...headers, 'content-type': 'application/json' },
    });
    slow.write('{"limitBytes":');
    await once(slow, 'socket');
    await once(secureSocket(slow.socket), 'secureConnect');

    side.secret.swap(filesOf({ pair: renewed }));
    await side.keeper.pass(never);
    const [after] = await serialOf(false);
    expect(after).not.toBe(before);
    expect((await serialOf(keptAlive))[1]).toBe(kept);
    slow.end('"1Gi"}');
    const [answer]: IncomingMessage[] = await once(slow, 'response');
    expect(answer?.statusCode).toBe(200);
    answer?.resume();

    // One that cannot be: nothing changes.
    side.secret.swap(filesOf({ pair: { cert: pair.cert, key: renewed.key } }));
    await side.keeper.pass(never);
    expect(side.keeper.status().refusal).toContain('is not the key of the first certificate');
    expect((await serialOf(false))[0]).toBe(after);
    keptAlive.destroy();
  });

  it('has an authority exchanged on both sides: the old one opens nothing any more, nor do its sessions', async () => {
    const side = await serve({ clientCa: authority.cert });
    const session = await new Promise<Buffer>((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: side.port, ca: authority.cert, ...pair });
      socket.once('session', (ticket) => {
        resolve(ticket);
        socket.end();
      });
      socket.once('error', reject);
    });
    const theirs = stranger.issue();
    side.secret.swap(filesOf({ pair: theirs, peerCa: stranger.cert, clientCa: stranger.cert }));
    await side.keeper.pass(never);
    expect(await ask(side.port, side.keeper)).toMatchObject({ version: '1.2.3' });
    const { keeper } = await keeperOf({ peerCa: stranger.cert });
    await expect(ask(side.port, keeper)).rejects.toThrow('it refuses our certificate');
    const resumed = get(side.port, { ...pair, ca: stranger.cert, session });
    // Read, and not trusted: the server hangs up.
    await expect(resumed).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('ends with what runs finished and nothing idle waited for, secure or not yet', async () => {
    const { port, server } = await serve();
    const silent = net.connect(port, '127.0.0.1');
    await once(silent, 'connect');
    const idle = tls.connect({ host: '127.0.0.1', port, ca: authority.cert });
    await once(idle, 'secureConnect');
    const held = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    server.server.prependListener('request', () => started.resolve());
    server.server.once('close', () => held.resolve());
    const busy = get(port, {});
    await started.promise;
    const ends = [silent, idle].map(async (socket) =>
      once(
        socket.on('error', () => undefined),
        'close',
      ),
    );
    const closed = server.close();
    expect([200, 503]).toContain((await busy).statusCode);
    await Promise.all([closed, ...ends, held.promise]);
  });
});

it('Plain HTTP is what an agent without TLS speaks, as before', async () => {
  const server = await createApiServer({ services: new FakeServices(), log: silentPino, version: '1', token: TOKEN });
  const port = await listenTcp(server, 'apiListen', '127.0.0.1:0');
  const request = httpRequest({ host: '127.0.0.1', port, path: '/v1/version', headers, agent: false });
  request.end();
  const [response]: IncomingMessage[] = await once(request, 'response');
  expect(response?.statusCode).toBe(200);
  response?.resume();
  await server.close();
});
