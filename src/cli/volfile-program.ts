/** The part of the command line that works on volfiles without an agent. */
import { Option, type Command } from 'commander';
import { volfileDiff, volfileLint, type DiffFlags, type LintFlags } from './commands/volfile-lint.ts';
import type { Output } from './output.ts';
import type { ExitCode } from './program.ts';

export interface VolfileProgramOptions {
  version: string;
  output: Output;
  setExit: (code: ExitCode) => void;
}

/** @param volfile the command that gets `lint` and `diff` */
export function addVolfileCommands(volfile: Command, { version, output, setExit }: VolfileProgramOptions): void {
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
    .command('diff <old> <new>')
    .description('What a new volfile means for a process that runs the old one; exit 0 when it means the same, else 1.')
    .addOption(formats(['text', 'json']));
  addJudgement(diff).action(async (before: string, after: string, flags: DiffFlags) =>
    setExit(await volfileDiff(before, after, flags, output)),
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
