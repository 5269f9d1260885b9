#!/usr/bin/env -S MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 UV_THREADPOOL_SIZE=2 node --no-node-snapshot --max-semi-space-size=1 --optimize-for-size --max-opt=1 --v8-pool-size=1 --gc-memory-reducer-start-delay-ms=1000
/**
 * Process entry: what was typed, what was configured, how it ended.
 *
 * The line above is for a daemon beside every brick, whose live set is small: docs/adr/0006-a-small-process.md says what each word is for. The optimising
 * compiler is let in while there is work for it (lib/optimizer.ts).
 */
import { loadConfig, readConfigFile, type Config } from './agent/config/load.ts';
import { configOptions } from './agent/config/schema.ts';
import { diagnoseOffline } from './agent/doctor/offline.ts';
import { runOffline } from './agent/offline.ts';
import { runAgent } from './agent/run.ts';
import { stageVolfiles } from './agent/stage-volfiles.ts';
import { AGENT_VERSION } from './agent/version.ts';
import { supportBundle } from './cli/commands/support-bundle.ts';
import { terminal } from './cli/output.ts';
import { runProgram } from './cli/program.ts';

/** A system call on a brick that hangs holds a thread; the process waits for it at every end but by this signal. */
let endsBySignal = false;

void main();

async function main(): Promise<void> {
  process.exitCode = await runProgram(process.argv.slice(2), {
    version: AGENT_VERSION,
    output: terminal,
    env: process.env,
    run: async (flags, configFile) => await runAgent(configure(flags, configFile)),
    stage: async (flags, configFile) => await stageVolfiles(configure(flags, configFile)),
    offline: async (flags, configFile, run) => await runOffline(configure(flags, configFile), run),
    diagnose,
    support: async (flags, configFile, request) =>
      await supportBundle(request, {
        version: AGENT_VERSION,
        configure: () => configure(flags, configFile),
        diagnose: async (down) => await diagnose(flags, configFile, down),
        output: terminal,
        stdout: process.stdout,
      }),
  });
  if (endsBySignal) process.kill(process.pid, 'SIGKILL');
}

async function diagnose(flags: Record<string, string>, configFile: string | undefined, down: string) {
  const { view, hangs } = await diagnoseOffline(() => configure(flags, configFile), down);
  endsBySignal = hangs;
  return view;
}

function configure(flags: Record<string, string>, configFile: string | undefined): Config {
  const file = configFile === undefined ? undefined : { path: configFile, content: readConfigFile(configFile) };
  const known = Object.fromEntries(configOptions.map(({ key }) => [key, flags[key]]));
  return loadConfig({ flags: known, env: process.env, ...(file === undefined ? {} : { file }) });
}
