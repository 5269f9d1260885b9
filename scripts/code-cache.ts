/**
 * Writes the code cache beside dist/program.js: the program is run as the agent of a brick that is not there until its listeners have answered, so that the
 * functions of a start are compiled, and then V8 writes down what it has. To be run with the flags of the program's first line: the cache holds for no others.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get, type RequestOptions } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheFile, CachedScript } from '../src/lib/cached-script.ts';
import type * as bundle from '../src/program.ts';

const PROGRAM = resolve(import.meta.dirname, '../dist/program.js');
const ANSWER_DEADLINE_MS = 30_000;
const TRY_EVERY_MS = 20;
/** Longer than any loop's first pass. */
const FIRST_PASSES_MS = 500;

const dir = mkdtempSync(join(tmpdir(), 'brick-agent-'));
process.on('exit', () => rmSync(dir, { recursive: true }));
const port = await freePort();
const socketPath = join(dir, 'agent.sock');
Object.assign(process.env, {
  VOLUME: 'volume',
  VOLUME_ID: '6b0b6ae8-7b9d-4f9d-9a3e-0d6b6a7a1c11',
  VOLUME_TYPE: 'Replica3',
  BRICK_PATH: join(dir, 'brick'),
  BRICK_INDEX: '0',
  NODEID: 'node-0',
  BRICK_AGENT_BRICK_PORT: '1',
  BRICK_AGENT_BRICK_SOCKET: join(dir, 'brick.sock'),
  BRICK_AGENT_SHD_SOCKET: join(dir, 'shd.sock'),
  BRICK_AGENT_VOLFILE_DIR: dir,
  BRICK_AGENT_OPS_LISTEN: `127.0.0.1:${port}`,
  BRICK_AGENT_SOCKET_PATH: socketPath,
});
process.argv.splice(2, Infinity, 'run');

const program = await CachedScript.load(PROGRAM);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bundle of that file
const { runMain } = program.run() as typeof bundle;
void runMain();
await answers({ host: '127.0.0.1', port, path: '/livez' });
await answers({ socketPath, path: '/v1/status' });
await answers({ host: '127.0.0.1', port, path: '/readyz' });
await answers({ host: '127.0.0.1', port, path: '/metrics' });
await delay(FIRST_PASSES_MS);
const cache = program.cache();
writeFileSync(cacheFile(PROGRAM), cache);
process.exit(0);

/** @throws when nothing listens there in time, or the program has ended */
async function answers(target: RequestOptions): Promise<void> {
  const until = performance.now() + ANSWER_DEADLINE_MS;
  while (!(await isAnswered(target))) {
    if (process.exitCode !== undefined) throw new Error(`the program ended with exit code ${process.exitCode}`);
    if (performance.now() > until) throw new Error(`${target.path}: no answer within ${ANSWER_DEADLINE_MS} ms`);
    await delay(TRY_EVERY_MS);
  }
}

async function isAnswered(target: RequestOptions): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ ...target, agent: false, timeout: ANSWER_DEADLINE_MS }, (response) => {
    response.resume();
    response.once('end', () => resolve(true));
  }).once('error', () => resolve(false));
  return await promise;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
