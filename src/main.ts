#!/usr/bin/env -S MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 UV_THREADPOOL_SIZE=2 node --no-node-snapshot --max-semi-space-size=1 --initial-old-space-size=12 --optimize-for-size --max-opt=1 --v8-pool-size=1 --gc-memory-reducer-start-delay-ms=1000
/**
 * Process entry: begins at once with what takes its time elsewhere, then loads the program.
 *
 * The line above is for a daemon beside every brick, whose live set is small: docs/adr/0006-a-small-process.md says what each word is for. The optimising
 * compiler is let in while there is work for it (lib/optimizer.ts).
 */
import { fileURLToPath } from 'node:url';
import { startBrickThread } from './brick/worker/start-thread.ts';
import { CachedScript } from './lib/cached-script.ts';
import type * as program from './program.ts';

void start();

async function start(): Promise<void> {
  // A thread takes as long to begin as the program takes to load, and there is a second core for it.
  const thread = process.argv[2] === 'run' ? startBrickThread() : undefined;
  const { runMain } = await load();
  await runMain(thread);
}

/** From source by Node itself; a bundle with its compiled code. */
async function load(): Promise<typeof program> {
  if (import.meta.url.endsWith('.ts')) return await import(new URL('./program.ts', import.meta.url).href);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bundle of that file
  return new CachedScript(fileURLToPath(new URL('./program.js', import.meta.url))).run() as typeof program;
}
