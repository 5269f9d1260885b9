/** The part of the command line that judges volfiles: without an agent, or against what the processes of this pod run. */
import { Option, type Command } from 'commander';
import type { VolfileReader } from '../volfile/status.ts';
import type { AgentClient } from './client.ts';
import { volfileDiff, volfileDiffRunning, volfilePlan, type DiffFlags } from './commands/volfile-diff.ts';
import { volfileLint, type LintFlags } from './commands/volfile-lint.ts';
import type { Output } from './output.ts';
import type { ExitCode } from './program.ts';

export interface VolfileProgramOptions {
  version: string;
  output: Output;
  setExit: (code: ExitCode) => void;
  socketOption: () => Option;
  /** The agent of the command. */
  client: (command: Command) => AgentClient;
}

/** @param volfile the command that gets `lint` and `diff` */
export function addVolfileCommands(volfile: Command, options: VolfileProgramOptions): void {
  const { version, output, setExit, socketOption, client } = options;
  const lint = volfile
    .command('lint <file...>')
    .description('Look for faults in volfiles, without an agent; exit 1 on errors and warnings, 2 on unreadable files.')
    .addOption(
      new Option('--fail-on <severity>', 'the least severity that makes the exit code 1')
        .choices(['error', 'warning', 'hint'])
        .default('warning'),
    )
    .addOption(formats(['text', 'json', 'sarif']));
  addJudgement(lint).action(async (files: string[], flags: LintFlags) =>
    setExit(await volfileLint(files, flags, output, version)),
  );

  const diff = volfile
    .command('diff <files...>')
    .usage('[options] <old> <new>\n       brick-agent volfile diff --process brick|shd|client [options] <new>')
    .description('What a new volfile means for a process that runs the old one; exit 0 when it means the same, else 1.')
    .addOption(
      new Option('--process <name>', 'in place of <old>: what this process runs now; the agent is asked').choices([
        'brick',
        'shd',
        'client',
      ]),
    )
    .addOption(socketOption())
    .addOption(formats(['text', 'json']));
  addJudgement(diff).action(async (files: string[], flags: DiffFlags & { process?: VolfileReader }) => {
    const [first, second] = files;
    const json = flags.output === 'json';
    if (first !== undefined && flags.process !== undefined && files.length === 1) {
      setExit(await volfileDiffRunning(client(diff), flags.process, first, json, output));
    } else if (first !== undefined && second !== undefined && flags.process === undefined && files.length === 2) {
      setExit(await volfileDiff(first, second, flags, output));
    } else {
      diff.error('error: give two files, or --process and one');
    }
  });

  volfile
    .command('plan <files...>')
    .description(
      'What a ConfigMap of these files (or of a directory) would do to each process of this pod; exit 1 when anything, or not known.',
    )
    .addOption(socketOption())
    .addOption(formats(['text', 'json']))
    .action(async (files: string[], flags: { output: string }, command: Command) =>
      setExit(await volfilePlan(client(command), files, flags.output === 'json', output)),
    );
}

function formats(names: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices(names).default('text');
}

/** Without a process to look at, one has to be told what it would be. */
function addJudgement(command: Command): Command {
  return command
    .addOption(
      new Option('--role <role>', 'what the files are for; auto: as each looks')
        .choices(['auto', 'brick', 'shd', 'client'])
        .default('auto'),
    )
    .addOption(
      new Option('--gluster-version <major>', 'of the processes that will read them')
        .choices(['10', '11'])
        .default('11'),
    )
    .addOption(new Option('--xlator-dir <path>', 'where its translators are installed; types are looked up there'));
}
