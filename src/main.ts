#!/usr/bin/env -S MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 node --no-node-snapshot --max-semi-space-size=1 --initial-old-space-size=12 --optimize-for-size --max-opt=1 --no-regexp-tier-up --v8-pool-size=1 --gc-memory-reducer-start-delay-ms=1000
/**
 * Process entry: begins at once with what takes its time elsewhere, then loads the program.
 *
 * The line above is for a daemon beside every brick, whose live set is small: docs/adr/0006-a-small-process.md says what each word is for.
 */
import { fileURLToPath } from 'node:url';
import { startBrickThread } from './brick/worker/start-thread.ts';
import { CachedScript } from './lib/cached-script.ts';
import type * as program from './program.ts';

/** Of Node's own modules, those whose compilation takes longest: the program needs them anyway, and its file is read meanwhile. */
const NEEDED = ['node:crypto', 'node:http', 'node:fs/promises'];

/** Threads for DNS and a few small files; libuv reads it when the first is needed. The line above has no room for it. */
process.env['UV_THREADPOOL_SIZE'] = '2';
void start();

async function start(): Promise<void> {
  const loaded = load();
  // A thread takes as long to begin as the program takes to load, and there is a second core for it.
  const thread = process.argv[2] === 'run' ? startBrickThread() : undefined;
  for (const module of NEEDED) process.getBuiltinModule(module);
  const { runMain } = await loaded;
  await runMain(thread);
}

/** From source by Node itself; a bundle with its compiled code. */
async function load(): Promise<typeof program> {
  if (import.meta.url.endsWith('.ts')) return await import(new URL('./program.ts', import.meta.url).href);
  const script = await CachedScript.load(fileURLToPath(new URL('./program.js', import.meta.url)));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bundle of that file
  return script.run() as typeof program;
}
