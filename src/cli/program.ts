import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { configOptions } from '../agent/config/schema.ts';
import type { OfflineRun } from '../agent/offline.ts';
import type { DoctorView } from '../agent/http/doctor-schema.ts';
import type { StagedVolfile } from '../agent/stage-volfiles.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { configCommand } from './commands/config.ts';
import { preStop, safeToStop } from './commands/disruption.ts';
import { doctorCommand } from './commands/doctor.ts';
import { healExplain, healList, healPvs } from './commands/heal-entries.ts';
import { healStart, healStatus } from './commands/heal.ts';
import { printOfflineVerify, printPrepared, printStaged } from './commands/prepare.ts';
import { healSplitBrain } from './commands/split-brain.ts';
import { healMarkReplaced } from './commands/replacement.ts';
import { healResolve } from './commands/resolve.ts';
import { quotaVerify } from './commands/quota-verify.ts';
import { statusCommand } from './commands/status.ts';
import type { SupportRequest } from './commands/support-bundle.ts';
import { volfileStatus } from './commands/volfile.ts';
import type { OfflineReport } from '../quota/offline.ts';
import { POLICIES, type Policy } from '../heal/resolve.ts';
import { parseDuration } from '../lib/units.ts';
import { AgentClient } from './client.ts';
import type { Output } from './output.ts';
import { addQuotaCommands } from './quota-program.ts';
import { addVolfileCommands } from './volfile-program.ts';

/** 0: fine; 1: a finding, or it failed; 2: used wrongly; 3: the doctor's worst finding is an error. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface ProgramOptions {
  version: string;
  output: Output;
  env: Record<string, string | undefined>;
  /** Starts the daemon with flags by configuration key; resolves when it has stopped. */
  run: (flags: Record<string, string>, configFile: string | undefined) => Promise<ExitCode>;
  /** Stages the volfiles of processes that do not run yet. */
  stage: (flags: Record<string, string>, configFile: string | undefined) => Promise<StagedVolfile[]>;
  /** Settles or looks at the quota of a stopped brick, with the same configuration. */
  offline: (flags: Record<string, string>, configFile: string | undefined, run: OfflineRun) => Promise<OfflineReport>;
  /** Looks at what can be seen where no agent answers. @param down why it does not */
  diagnose: (flags: Record<string, string>, configFile: string | undefined, down: string) => Promise<DoctorView>;
  /** Writes a support bundle. */
  support: (
    flags: Record<string, string>,
    configFile: string | undefined,
    request: SupportRequest,
  ) => Promise<ExitCode>;
}

/** As long as a pod may well wait for its brick. */
const DEFAULT_DEADLINE_S = 60;
const DEFAULT_SOCKET = '/run/brick-agent/agent.sock';

/** Parses the command line, runs the command and says how it ended. Never throws. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ExitCode> {
  const { output } = options;
  let exit: ExitCode = 0;
  const program = buildProgram(options, (code) => {
    exit = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.error(`brick-agent: ${errorMessage(error)}`);
    if (!(error instanceof AgentError)) output.error(String(error instanceof Error ? error.stack : error));
    return isAgentError(error, 'ConfigInvalid') ? 2 : 1;
  }
}

function buildProgram(options: ProgramOptions, setExit: (code: ExitCode) => void): Command {
  const { output, env } = options;
  const program = new Command('brick-agent')
    .description('Sidecar for a GlusterFS brick: quotas, self-heal, volfiles, metrics.')
    .version(options.version)
    .configureOutput({ writeOut: (text) => output.raw(text), writeErr: (text) => output.rawError(text) })
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');

  const run = program.command('run').description('Run the agent beside a brick.');
  addConfiguration(run);
  run.action(async (flags: Record<string, string>) => {
    const { config, ...rest } = flags;
    setExit(await options.run(rest, config ?? env['BRICK_AGENT_CONFIG']));
  });

  const prepare = program
    .command('prepare')
    .description('Before glusterfsd starts: write limits and the measured usage to the stopped brick.')
    .option('--best-effort', 'exit 0 although the time was too short for some PVs')
    .addOption(deadlineOption())
    .addOption(outputOption());
  addConfiguration(prepare);
  prepare.action(async (flags: OfflineFlags & { bestEffort?: boolean }) => {
    const { texts, config } = configurationOf(options, flags);
    // First, and whatever becomes of the quota: without a volfile nothing starts.
    const volfiles = await options.stage(texts, config);
    printStaged(volfiles, output);
    const report = await offline(options, flags, true);
    const how = { json: flags.output === 'json', bestEffort: flags.bestEffort === true };
    setExit(printPrepared(report, volfiles, output, how));
  });

  const client = (command: Command): AgentClient => {
    const { socketPath } = command.optsWithGlobals<{ socketPath: string }>();
    return new AgentClient(socketPath);
  };
  const query = (parent: Command, name: string, description: string): Command =>
    parent.command(name).description(description).addOption(outputOption()).addOption(socketOption(env));
  const format = (command: Command): boolean => command.opts<{ output: string }>().output === 'json';

  query(program, 'status', 'The brick, its quotas, heal and volfiles at a glance.').action(
    async (_flags, command: Command) => setExit(await statusCommand(client(command), output, format(command))),
  );

  const doctor = query(
    program,
    'doctor',
    'What is wrong, the likely cause first, and what to do; works without the agent, too. Exit 0: nothing; 1: the worst is a warning; 3: an error.',
  );
  // The configuration is for where no agent answers; the socket is there already.
  addConfiguration(doctor, { hidden: true, without: 'socketPath' });
  doctor.action(async (flags: Record<string, unknown>, command: Command) => {
    const { texts, config } = configurationOf(options, flags);
    const offline = async (down: string): Promise<DoctorView> => await options.diagnose(texts, config, down);
    setExit(await doctorCommand(client(command), output, format(command), offline));
  });

  const bundle = program
    .command('support-bundle')
    .description('Everything that helps to help, in one archive without secrets and names of tenants.')
    .addOption(new Option('-f, --file <path>', 'where to write it; - or left out: standard output'))
    .option('--with-names', 'with names of PVs and files: the whole text of logs')
    .option('--statedump', 'with a statedump of the brick process')
    .addOption(socketOption(env));
  addConfiguration(bundle, { hidden: true, without: 'socketPath' });
  bundle.action(async (flags: Record<string, unknown>, command: Command) => {
    const { file, withNames = false, statedump = false } = command.opts<SupportFlags>();
    const request = { client: client(command), file, withNames, statedump };
    const { texts, config } = configurationOf(options, flags);
    setExit(await options.support(texts, config, request));
  });

  const quota = program.command('quota').description('Limits of PVs.');
  addQuotaCommands(quota, { output, setExit, query, client, format });
  const verify = query(quota, 'verify', 'Compare what is wanted with disk and running brick; exit 1 on any difference.')
    .option('--offline', "a stopped brick: compare with the measured usage; takes the flags of 'run'")
    .addOption(deadlineOption());
  // The configuration is for --offline only; the socket is there already.
  addConfiguration(verify, { hidden: true, without: 'socketPath' });
  verify.action(async (flags: OfflineFlags & { offline?: boolean }, command: Command) => {
    setExit(
      flags.offline === true
        ? printOfflineVerify(await offline(options, flags, false), output, format(command))
        : await quotaVerify(client(command), output, format(command)),
    );
  });

  const heal = program.command('heal').description('Self-heal.');
  query(heal, 'status', 'The backlog of this brick and the operations on it.').action(
    async (_flags, command: Command) => setExit(await healStatus(client(command), output, format(command))),
  );
  query(heal, 'start', 'Start a heal through the self-heal daemon.')
    .option('--full', 'crawl the whole volume instead of the index')
    .action(async (flags: { full?: boolean }, command: Command) =>
      setExit(await healStart(client(command), output, format(command), flags.full === true ? 'full' : 'index')),
    );
  query(heal, 'list', 'The objects that wait for heal: what, where, and which brick missed what.')
    .addOption(new Option('--index <name>', 'which index').choices(['xattrop', 'dirty']).default('xattrop'))
    .option('--limit <n>', 'print so many at most', parseCount)
    .action(async (flags: { index: string; limit?: number }, command: Command) =>
      setExit(await healList(client(command), output, format(command), flags.index, flags.limit)),
    );
  query(heal, 'pvs', 'How many objects of each PV wait for heal.').action(async (_flags, command: Command) =>
    setExit(await healPvs(client(command), output, format(command))),
  );
  query(
    heal,
    'explain [object]',
    'Why the backlog, a gfid or a path (from the root of the volume) does not heal.',
  ).action(async (object: string | undefined, _flags, command: Command) =>
    setExit(await healExplain(client(command), output, format(command), object)),
  );

  query(
    heal,
    'split-brain',
    'Objects whose copies contradict each other, confirmed by all bricks of the set; exit 1 if any.',
  ).action(async (_flags, command: Command) => setExit(await healSplitBrain(client(command), output, format(command))));
  query(heal, 'resolve [object]', 'End a split-brain: show what would be done, or do it.')
    .addOption(new Option('--policy <name>', 'which copy is kept').choices(POLICIES).makeOptionMandatory())
    .option('--source-brick <index>', 'for the policy source-brick', parseCount0)
    .option('--pv <name>', 'all of a PV in place of one object')
    .option('--yes', 'do it')
    .action(async (object: string | undefined, flags: ResolveFlags, command: Command) => {
      const { policy, sourceBrick, pv, yes } = flags;
      const request = {
        policy,
        ...(object === undefined ? {} : { object }),
        ...(pv === undefined ? {} : { pv }),
        ...(sourceBrick === undefined ? {} : { sourceBrick }),
      };
      setExit(await healResolve(client(command), output, format(command), request, yes === true));
    });
  query(
    heal,
    'mark-replaced',
    'Mark an empty brick (this one) on the others of its set, so that they heal it: show what would be done, or do it.',
  )
    .option('--brick <index>', 'another brick of the set', parseCount0)
    .option('--yes', 'do it')
    .action(async (flags: { brick?: number; yes?: boolean }, command: Command) =>
      setExit(await healMarkReplaced(client(command), output, format(command), flags.brick, flags.yes === true)),
    );
  query(heal, 'safe-to-stop', 'Whether this brick may be stopped now, as all agents of its set see it; exit 1 if not.')
    .addOption(durationOption('--wait <time>', 'ask again until it is safe, at most for so long (10m, 90s)', 0))
    .action(async (flags: { wait: number }, command: Command) =>
      setExit(await safeToStop(client(command), output, format(command), flags.wait)),
    );
  query(
    program,
    'pre-stop',
    'Before the brick is stopped: wait until that is safe, and have it write down the usage of PVs.',
  )
    .addOption(durationOption('--wait <time>', 'wait at most for so long', DEFAULT_DEADLINE_S * 1000))
    .action(async (flags: { wait: number }, command: Command) =>
      setExit(await preStop(client(command), output, format(command), flags.wait)),
    );

  const volfile = program.command('volfile').description('Volfiles.');
  query(volfile, 'status', 'What each process runs and what it should run.').action(async (_flags, command: Command) =>
    setExit(await volfileStatus(client(command), output, format(command))),
  );
  addVolfileCommands(volfile, {
    version: options.version,
    output,
    setExit,
    socketOption: () => socketOption(env),
    client,
  });

  program
    .command('config')
    .description('The configuration.')
    .option('--schema', 'print its JSON schema')
    .action((flags: { schema?: boolean }) => configCommand(output, flags.schema === true));
  return program;
}

interface SupportFlags {
  file?: string;
  withNames?: boolean;
  statedump?: boolean;
}

/** What commander makes of a command that works on a stopped brick: its own flags beside those of the configuration. */
interface OfflineFlags extends Record<string, unknown> {
  output: string;
  deadline: number;
}

async function offline(options: ProgramOptions, flags: OfflineFlags, write: boolean): Promise<OfflineReport> {
  const { texts, config } = configurationOf(options, flags);
  return await options.offline(texts, config, { write, deadlineMs: flags.deadline * 1000 });
}

/** The flags of the configuration as text, and its file. */
function configurationOf({ env }: ProgramOptions, flags: Record<string, unknown>) {
  const texts = Object.entries(flags).filter((flag): flag is [string, string] => typeof flag[1] === 'string');
  const { config, ...rest } = Object.fromEntries(texts);
  return { texts: rest, config: config ?? env['BRICK_AGENT_CONFIG'] };
}

/** Every key of the configuration as a flag. */
function addConfiguration(command: Command, { hidden = false, without = '' } = {}): void {
  const add = (option: Option): void => void command.addOption(option.hideHelp(hidden));
  add(new Option('--config <path>', 'configuration file, YAML or JSON (environment: BRICK_AGENT_CONFIG)'));
  for (const option of configOptions) {
    if (option.key === without) continue;
    const names = option.kadaluEnv === undefined ? option.env : `${option.kadaluEnv}, ${option.env}`;
    const byDefault = option.byDefault === undefined ? '' : `, default: ${String(option.byDefault)}`;
    const description = `${option.description} (environment: ${names}${byDefault})`;
    add(new Option(`${option.flag} <${option.placeholder}>`, description));
  }
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table');
}

function deadlineOption(): Option {
  return new Option('--deadline <seconds>', 'how long to measure usage')
    .argParser(parseSeconds)
    .default(DEFAULT_DEADLINE_S);
}

function durationOption(flag: string, description: string, byDefaultMs: number): Option {
  const option = new Option(flag, description).argParser((text) => {
    try {
      return parseDuration(text);
    } catch (error) {
      throw new InvalidArgumentError(errorMessage(error));
    }
  });
  return byDefaultMs === 0 ? option.default(0, 'not at all') : option.default(byDefaultMs, `${byDefaultMs / 1000}s`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,6}(\.\d{1,3})?$/.test(text)) return seconds;
  throw new InvalidArgumentError('Not a number of seconds.');
}

function parseCount0(text: string): number {
  return text === '0' ? 0 : parseCount(text);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('It is a whole number from 1.');
}

function socketOption(env: ProgramOptions['env']): Option {
  return new Option('--socket-path <path>', "the agent's unix socket (environment: BRICK_AGENT_SOCKET_PATH)").default(
    env['BRICK_AGENT_SOCKET_PATH'] ?? DEFAULT_SOCKET,
  );
}

interface ResolveFlags {
  policy: Policy;
  sourceBrick?: number;
  pv?: string;
  yes?: boolean;
}
