/** `brick-agent quota …` that asks the agent. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { errorMessage } from '../lib/errors.ts';
import { parseBytes, parseDuration } from '../lib/units.ts';
import { parseClaim, type PvClaim } from '../quota/claim.ts';
import type { AgentClient } from './client.ts';
import { quotaGet, quotaList, quotaRemove, quotaSet } from './commands/quota.ts';
import { quotaAdopt } from './commands/quota-adopt.ts';
import { quotaExplain } from './commands/quota-explain.ts';
import { quotaRepair } from './commands/quota-repair.ts';
import { quotaScan, quotaScanCancel } from './commands/quota-scan.ts';
import type { Output } from './output.ts';
import type { ExitCode } from './program.ts';

export interface QuotaCommandOptions {
  output: Output;
  setExit: (code: ExitCode) => void;
  /** A command that has --output and --socket-path. */
  query: (parent: Command, name: string, description: string) => Command;
  client: (command: Command) => AgentClient;
  /** Whether it is to print JSON. */
  format: (command: Command) => boolean;
}

export function addQuotaCommands(quota: Command, options: QuotaCommandOptions): void {
  const { output, setExit, query, client, format } = options;
  const ofPv = (name: string, description: string): Command =>
    query(quota, name, description).argument('<pv>', 'name of the PV', parsePv);

  query(quota, 'list', 'All PVs with their limits.').action(async (_flags, command: Command) =>
    setExit(await quotaList(client(command), output, format(command))),
  );
  ofPv('get', 'One PV, with every condition.').action(async (pv: string, _flags, command: Command) =>
    setExit(await quotaGet(client(command), output, format(command), pv)),
  );
  ofPv('set', 'Set a limit.')
    .argument('<size>', 'bytes, or a quantity such as 10Gi', parseLimit)
    .option('--claim <namespace/name>', 'the PersistentVolumeClaim that the PV is of', parseClaimFlag)
    .option('--no-claim', 'forget the claim that was told before')
    .action(async (pv: string, size: string, flags: { claim?: PvClaim | false }, command: Command) => {
      const { claim } = flags;
      const wanted = { limitBytes: size, ...(claim === undefined ? {} : { claim: claim === false ? null : claim }) };
      setExit(await quotaSet(client(command), output, format(command), pv, wanted));
    });
  ofPv('rm', 'Take back a limit that was set here or through the API.').action(
    async (pv: string, _flags, command: Command) =>
      setExit(await quotaRemove(client(command), output, format(command), pv)),
  );
  ofPv('explain', 'All that is known of one PV, in words, and what to do.').action(
    async (pv: string, _flags, command: Command) =>
      setExit(await quotaExplain(client(command), output, format(command), pv)),
  );

  query(quota, 'scan', "Measure what a PV, or every PV, really uses, and compare the brick's counter with it.")
    .argument('[pv]', 'name of the PV', parsePv)
    .addOption(timeoutOption())
    .option('--cancel', 'give up scans that run or wait, whoever asked for them; Ctrl-C gives up those of this command')
    .action(async (pv: string | undefined, flags: WaitFlags & { cancel?: boolean }, command: Command) =>
      setExit(
        flags.cancel === true
          ? await quotaScanCancel(client(command), output, format(command), pv)
          : await quotaScan(client(command), output, format(command), pv, flags.timeout),
      ),
    );
  ofPv('adopt', 'Make the running bricks count all of a PV that had files before it became a quota.')
    .addOption(timeoutOption())
    .action(async (pv: string, flags: WaitFlags, command: Command) =>
      setExit(await quotaAdopt(client(command), output, format(command), pv, flags.timeout)),
    );
  ofPv('repair', "Set the running brick's counter of a PV right, and wait for it.")
    .addOption(timeoutOption())
    .action(async (pv: string, flags: WaitFlags, command: Command) =>
      setExit(await quotaRepair(client(command), output, format(command), pv, flags.timeout)),
    );
}

interface WaitFlags {
  timeout: number;
}

function timeoutOption(): Option {
  return new Option('--timeout <time>', 'wait at most for so long (10m, 90s); the agent goes on all the same')
    .argParser((text) => valid(() => parseDuration(text)))
    .default(0, 'as long as anything moves');
}

/** As the API takes them: a file name, and none that reaches a terminal or another directory. */
function parsePv(text: string): string {
  // eslint-disable-next-line no-control-regex
  const isName = text !== '' && text.length <= 255 && !/[/\u0000-\u001f\u007f-\u009f]/.test(text);
  if (isName && text !== '.' && text !== '..') return text;
  throw new InvalidArgumentError('Not the name of a PV; quota list shows them.');
}

function parseClaimFlag(text: string): PvClaim {
  const claim = parseClaim(text);
  if (typeof claim === 'string') throw new InvalidArgumentError(`Not a claim: ${claim}.`);
  return claim;
}

function parseLimit(text: string): string {
  if (valid(() => parseBytes(text)) > 0n) return text;
  throw new InvalidArgumentError('A limit is 1 byte or more; quota rm takes one away.');
}

function valid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
}
