/**
 * What a process has said in its log since it started: the graph it runs, and whether its parser is broken. The words are
 * those of 11.1 (measured); at a log level above INFO there is no graph in the log.
 */
import { parseGlusterArguments, type GlusterArguments } from './cmdline.ts';
import { RECONFIGURED } from './evidence.ts';
import { isType, type Graph, type OptionEntry, type Volume } from './model.ts';

/** The log's clock and the start time of the process differ by rounding only. In milliseconds. */
const START_SLACK_MS = 1000;

/**
 * The lines that this process wrote, as far as `text` goes back. Times are wall-clock milliseconds.
 *
 * @param atLatest when it wrote its first line; a later one is of another process
 */
export function linesSinceStart(text: string, startedAt: number, atLatest = Number.POSITIVE_INFINITY): string[] {
  const lines = text.split('\n');
  const first = lines.findLastIndex((line) => line.includes(': Started running '));
  if (first >= 0) {
    const at = timeOf(lines[first] ?? '');
    const isOther = at !== undefined && (at < startedAt - START_SLACK_MS || at > atLatest + START_SLACK_MS);
    return isOther ? [] : lines.slice(first);
  }
  const begin = lines.findIndex((line) => (timeOf(line) ?? 0) >= startedAt - START_SLACK_MS);
  return begin < 0 ? [] : lines.slice(begin);
}

/**
 * A volfile that could not be parsed was given to this process. Its parser then goes on with the rest of that file, or, when
 * the fault lay within a volume, crashes the process at the next SIGHUP, even one with a good file (measured on 11.1).
 */
export function isPoisoned(lines: readonly string[]): boolean {
  return lines.some((line) => line.includes('failed to construct the graph'));
}

/** The command line that the process wrote down first, cut at blanks; undefined when it is not there. */
export function loggedArguments(lines: readonly string[]): GlusterArguments | undefined {
  const match = /: Started running .*\{cmdlinestr=(.*)\}\]\s*$/.exec(lines[0] ?? '');
  return match?.[1] === undefined ? undefined : parseGlusterArguments(match[1].split(' '));
}

/** It has taken options since its start: they need not be those of its graph any more. */
export function wasReloaded(lines: readonly string[]): boolean {
  const start = lines.findLastIndex((line) => line.startsWith('Final graph:'));
  return lines.slice(start + 1).some((line) => line.includes(RECONFIGURED));
}

/** The graph that the process wrote to its log when it made it active; undefined when it is not there. */
export function loggedGraph(lines: readonly string[]): Graph | undefined {
  const start = lines.findLastIndex((line) => line.startsWith('Final graph:'));
  if (start < 0) return undefined;
  const volumes: Volume[] = [];
  let draft: { name: string; type: string; options: Map<string, OptionEntry>; subvolumes: string[] } | undefined;
  for (const line of lines.slice(start + 2)) {
    if (line.startsWith('+--')) return assemble(volumes);
    const match = /^ *(\d+): *(.*)$/.exec(line);
    const at = { line: Number(match?.[1] ?? 0), column: 1 };
    const [word = '', ...rest] = (match?.[2] ?? '').split(' ');
    if (word === 'volume') draft = { name: rest.join(' '), type: '', options: new Map(), subvolumes: [] };
    else if (draft === undefined) continue;
    else if (word === 'type') draft.type = rest.join(' ');
    else if (word === 'subvolumes') draft.subvolumes = rest.filter((name) => name !== '');
    else if (word === 'option') {
      const [key = '', ...value] = rest;
      draft.options.set(key, { key, value: asInFile(key, value.join(' ')), at });
    } else if (word === 'end-volume') {
      volumes.push({ ...draft, overridden: [], at });
      draft = undefined;
    }
  }
  return undefined;
}

/** A client's "tcp" becomes "socket" before the graph is logged (measured on 11.1). */
function asInFile(key: string, value: string): string {
  return key === 'transport-type' && value === 'socket' ? 'tcp' : value;
}

/** Without the volume that a client or daemon puts on top of what the file says. */
function assemble(volumes: readonly Volume[]): Graph | undefined {
  const own = volumes.filter((volume) => !isType(volume, 'meta'));
  return own.length === 0 ? undefined : { volumes: own, byName: new Map(own.map((volume) => [volume.name, volume])) };
}

/** Wall-clock milliseconds of a log line: `[2026-11-24 02:02:30.065513 +0000] I ...`. */
export function timeOf(line: string): number | undefined {
  const match = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})\d* \+0000\]/.exec(line);
  if (match === null) return undefined;
  const time = Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(time) ? undefined : time;
}
