import net from 'node:net';
import { join } from 'node:path';
import { utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSame } from '../../../src/process/process-identity.ts';
import { boundBy } from '../../../src/process/socket-file.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let folder: TemporaryDirectory;
let path: string;
let servers: net.Server[];

beforeEach(() => {
  folder = new TemporaryDirectory('socket-file');
  path = join(folder.path, 'brick.socket');
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  folder[Symbol.dispose]();
});

async function bind(): Promise<net.Server> {
  const server = net.createServer();
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return server;
}

async function close(server: net.Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

async function bound() {
  const identity = await boundBy(path);
  if (identity === undefined) throw new Error('no socket');
  return identity;
}

it('is when it was bound, however often one looks or touches it', async () => {
  const before = Date.now();
  await bind();
  const identity = await bound();
  expect(Math.abs(identity.startedAt - before)).toBeLessThan(5000);
  expect(identity.name).toContain(`the process at ${path} that started at 20`);
  expect(isSame(identity, await bound())).toBe(true);
  utimesSync(path, new Date(), new Date(Date.now() + 60_000));
  expect((await bound()).startedAt).toBe(identity.startedAt);
});

it('is another one when it is bound anew', async () => {
  const first = await bind();
  const identity = await bound();
  await close(first);
  expect(await boundBy(path)).toBeUndefined();
  await bind();
  expect(isSame(identity, await bound())).toBe(false);
  expect(isSame(identity, undefined)).toBe(false);
});

it('is nobody where there is no socket', async () => {
  expect(await boundBy(path)).toBeUndefined();
  writeFileSync(path, '');
  expect(await boundBy(path)).toBeUndefined();
  expect(await boundBy(join(path, 'below'))).toBeUndefined();
});
