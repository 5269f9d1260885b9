import { existsSync, linkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createApiServer } from '../../../../src/agent/http/api-server.ts';
import { SocketClaim } from '../../../../src/agent/http/socket-claim.ts';
import { FakeServices, silentPino } from '../../../support/fake-api.ts';
import { TemporaryDirectory } from '../../../support/temporary.ts';

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: unknown;
}

let directory: TemporaryDirectory;
let socketPath: string;
const claims: SocketClaim[] = [];

beforeEach(() => {
  directory = new TemporaryDirectory('claim');
  socketPath = `${directory.path}/run/agent.sock`;
});
afterEach(async () => {
  await Promise.all(claims.splice(0).map(async (claim) => await claim.close()));
  directory[Symbol.dispose]();
});

async function bind(path = socketPath): Promise<SocketClaim> {
  const claim = await SocketClaim.bind('socketPath', path);
  claims.push(claim);
  return claim;
}

async function ask(path: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) }),
      );
    }).once('error', reject);
  });
}

async function serveOn(claim: SocketClaim) {
  return await createApiServer({
    services: new FakeServices(),
    log: silentPino,
    version: '1.2.3',
    token: undefined,
    claim,
  });
}

it('is for its owner only, as is the directory that it makes', async () => {
  await bind();
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  expect(statSync(`${directory.path}/run`).mode & 0o777).toBe(0o700);
});

it('leaves the mask of the process as it was', async () => {
  const before = process.umask();
  await bind();
  expect(process.umask()).toBe(before);
});

it('tells requests to come again until an API serves them', async () => {
  const claim = await bind();
  const { status, headers, body } = await ask('/v1/version');
  expect(status).toBe(503);
  expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '1' });
  expect(body).toMatchObject({ status: 503, reason: 'Starting' });

  const server = await serveOn(claim);
  expect(await ask('/v1/version')).toMatchObject({ status: 200, body: { version: '1.2.3' } });
  await server.close();
});

it('serves a connection that was there before the API', async () => {
  const claim = await bind();
  const socket = net.connect(socketPath);
  await once(socket, 'connect');
  const server = await serveOn(claim);
  socket.write('GET /v1/version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  await server.close();
});

it('is given up with the API on it, with connections open, and its file goes', async () => {
  const claim = await bind();
  const server = await serveOn(claim);
  const silent = net.connect(socketPath);
  const ended = once(silent, 'close');
  await once(silent, 'connect');
  await ask('/v1/version');
  await server.close();
  await claim.close();
  await ended;
  expect(existsSync(socketPath)).toBe(false);
  await expect(ask('/v1/version')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('is given up without an API, too', async () => {
  const claim = await bind();
  await claim.close();
  await claim.close();
  expect(existsSync(socketPath)).toBe(false);
});

it('is not taken from another agent, starting or not', async () => {
  await bind();
  await expect(bind()).rejects.toMatchObject({
    code: 'ConfigInvalid',
    message: `socketPath ${socketPath}: another agent is running on it`,
  });
  expect((await ask('/v1/version')).status).toBe(503);
});

it('is taken over from an agent that is gone', async () => {
  const left = net.createServer().listen(`${directory.path}/left.sock`);
  await once(left, 'listening');
  // What the closing server removes is another name; this one is left as by a process that was killed.
  socketPath = `${directory.path}/agent.sock`;
  linkSync(`${directory.path}/left.sock`, socketPath);
  left.close();
  await once(left, 'close');
  expect(existsSync(socketPath)).toBe(true);
  await bind();
  expect((await ask('/v1/version')).status).toBe(503);
});

it.each([
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['a link that leads nowhere', (path: string) => symlinkSync('nowhere', path)],
])('is not put in the place of %s', async (_what, make) => {
  socketPath = `${directory.path}/agent.sock`;
  make(socketPath);
  await expect(bind()).rejects.toMatchObject({ message: expect.stringContaining('exists and is not a socket') });
  expect(statSync(directory.path).isDirectory()).toBe(true);
});

it('names the option, and the reason, when it cannot be', async () => {
  writeFileSync(`${directory.path}/run`, 'not a directory');
  await expect(bind()).rejects.toMatchObject({
    code: 'ConfigInvalid',
    message: expect.stringMatching(/^socketPath .*agent\.sock: cannot listen \(E(EXIST|NOTDIR)\)$/),
  });
});

it('limits the time of a request as every listener does', async () => {
  const claim = await bind();
  const server = await serveOn(claim);
  expect(claim.http.requestTimeout).toBe(30_000);
  expect(claim.http.keepAliveTimeout).toBe(5_000);
  const refused = httpRequest({ socketPath, path: '/v1/nothing', agent: false }).end();
  const [response] = await once(refused, 'response');
  response.resume();
  expect(response.statusCode).toBe(404);
  await server.close();
});
