/** What a Gluster process was told on its command line about volfile, socket and log. */

export interface GlusterArguments {
  /** `-f`: the file it reads at its start and, from 11 on, on SIGHUP. */
  volfile: string | undefined;
  /** `-s`: it fetches its volfile from a server instead. */
  volfileServer: boolean;
  /** `-S`: the unix socket of its management interface. */
  socket: string | undefined;
  /** `-l`; undefined for `-`, the standard error. */
  logFile: string | undefined;
  /** Keys that `--xlator-option` adds to whatever the file says. */
  addedOptions: ReadonlySet<string>;
}

export function parseGlusterArguments(cmdline: readonly string[]): GlusterArguments {
  const logFile = lastValue(cmdline, 'l', 'log-file');
  const added = allValues(cmdline, 'xlator-option').flatMap((text) => {
    // [volume-or-*pattern.]key=value; the key may hold dots itself, so every tail is taken for it.
    const name = text.slice(0, Math.max(0, text.indexOf('=')));
    const parts = name.split('.');
    return parts.map((_, index) => parts.slice(index).join('.'));
  });
  return {
    volfile: lastValue(cmdline, 'f', 'volfile'),
    volfileServer: lastValue(cmdline, 's', 'volfile-server') !== undefined,
    socket: lastValue(cmdline, 'S', 'socket-file'),
    logFile: logFile === '-' ? undefined : logFile,
    addedOptions: new Set(added),
  };
}

function lastValue(cmdline: readonly string[], short: string, long: string): string | undefined {
  let found: string | undefined;
  for (const [index, word] of cmdline.entries()) {
    if (index === 0) continue;
    if (word === `-${short}` || word === `--${long}`) found = cmdline[index + 1] ?? found;
    else if (word.startsWith(`--${long}=`)) found = word.slice(long.length + 3);
    else if (word.startsWith(`-${short}`) && !word.startsWith('--')) found = word.slice(2);
  }
  return found;
}

function allValues(cmdline: readonly string[], long: string): string[] {
  return cmdline.flatMap((word, index) => {
    if (word === `--${long}`) return cmdline[index + 1] ?? [];
    return word.startsWith(`--${long}=`) ? word.slice(long.length + 3) : [];
  });
}
