/** The program: what was typed, what was configured, how it ended. */
import type { Worker } from 'node:worker_threads';
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

/** @param thread the brick's, started ahead for `run` */
export async function runMain(thread?: Worker): Promise<void> {
  process.exitCode = await runProgram(process.argv.slice(2), {
    version: AGENT_VERSION,
    output: terminal,
    env: process.env,
    run: async (flags, configFile) => await runAgent(configure(flags, configFile), thread),
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
