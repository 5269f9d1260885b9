import type { Writable } from 'node:stream';
import type { Config } from '../../agent/config/load.ts';
import type { DoctorView } from '../../agent/http/doctor-schema.ts';
import { AgentError, errorMessage, isAgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import type { Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { streamBundle, writeBundle } from '../support/bundle.ts';
import { collectSupport } from '../support/collect.ts';

/** What was asked for on the command line. */
export interface SupportRequest {
  client: AgentClient;
  /** Undefined or `-`: standard output, which then must not be a terminal. */
  file: string | undefined;
  withNames: boolean;
  statedump: boolean;
}

export interface SupportPlaces {
  version: string;
  configure: () => Config;
  /** Looks without the agent. @param down why it does not answer */
  diagnose: (down: string) => Promise<DoctorView>;
  output: Output;
  stdout: Writable & { isTTY?: boolean };
}

/** Exit 0 when there is a bundle; what could not be had is told in its manifest. */
export async function supportBundle(
  { client, file, withNames, statedump }: SupportRequest,
  { version, configure, diagnose, output, stdout }: SupportPlaces,
): Promise<ExitCode> {
  const files = collectSupport({ version, client, withNames, statedump, diagnose, ...configuration(configure) });
  if (file !== undefined && file !== '-') {
    await writeBundle(files, file);
    const what = withNames
      ? 'no secrets, but names of PVs and files: look through it before you send it'
      : 'no secrets and no names of tenants';
    output.line(`${file}: ${what}`);
    return 0;
  }
  if (stdout.isTTY === true) {
    const message = 'an archive is nothing for a terminal: give -f <file>, or redirect the output';
    throw new AgentError('BadRequest', message);
  }
  await streamBundle(files, stdout);
  return 0;
}

/** A configuration that is refused is part of what is wrong, and no reason to have no bundle. */
function configuration(configure: () => Config): { config: Config | undefined; configProblem: string | undefined } {
  try {
    return { config: configure(), configProblem: undefined };
  } catch (error) {
    if (!isAgentError(error, 'ConfigInvalid')) throw error;
    return { config: undefined, configProblem: errorMessage(error) };
  }
}
