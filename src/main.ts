#!/usr/bin/env node
/** Process entry: what was typed, what was configured, how it ended. */
import { loadConfig, readConfigFile } from './agent/config/load.ts';
import { configOptions } from './agent/config/schema.ts';
import { runAgent } from './agent/run.ts';
import { AGENT_VERSION } from './agent/version.ts';
import { terminal } from './cli/output.ts';
import { runProgram } from './cli/program.ts';

process.exitCode = await runProgram(process.argv.slice(2), {
  version: AGENT_VERSION,
  output: terminal,
  env: process.env,
  run: async (flags, configFile) => {
    const file = configFile === undefined ? undefined : { path: configFile, content: readConfigFile(configFile) };
    const known = Object.fromEntries(configOptions.map(({ key }) => [key, flags[key]]));
    const config = loadConfig({ flags: known, env: process.env, ...(file === undefined ? {} : { file }) });
    return await runAgent(config);
  },
});
