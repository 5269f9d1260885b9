import { Worker } from 'node:worker_threads';

/** Enough for the paths of some 10,000 PVs; V8 takes what the machine has otherwise. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 2 };

/** Starts a thread for a brick's system calls. It waits for its first message, a {@link BrickWorkerStart}; it alone does not keep the process alive. */
export function startBrickThread(): Worker {
  const worker = new Worker(entry(), { resourceLimits: HEAP_LIMITS, name: 'brick' });
  worker.unref();
  return worker;
}

/** The thread's code: the source beside this file, or its bundle beside the one that this file is in. */
function entry(): URL {
  const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './brick-worker.js';
  return new URL(file, import.meta.url);
}
