/**
 * What the log says of a reload. 11.1 writes one line at level INFO for most options it takes, changed or not, and a line for
 * each way in which a reload fails (measured). Pure.
 */
import type { OptionChange } from './plan.ts';

export type Verdict =
  /** Nothing conclusive so far. */
  | 'waiting'
  /** Every changed option that the process reports is there with its new value. */
  | 'values-seen'
  /** The process went through its graph; the changed options are of those it takes without a word. */
  | 'pass-seen'
  /** The process had this file already. */
  | 'already-loaded'
  /** A translator refused its options, or the tree differs: the old graph serves on, perhaps with some new values. */
  | 'reconfigure-failed'
  /** The file could not be parsed: the parser is broken until a restart. */
  | 'parse-failed'
  /** The process cannot see the file. */
  | 'file-missing';

export interface Evidence {
  verdict: Verdict;
  /** Changed options that the log does not show; empty for values-seen. */
  unconfirmed: OptionChange[];
  /** The process has written of options it took, whether or not of the changed ones. */
  passSeen: boolean;
}

/** Written for options that a reload brings, not at a start (measured on 11.1). */
export const RECONFIGURED = ' using set value ';

/** @param log all that was written since the signal */
export function judgeLog(log: string, changes: readonly OptionChange[]): Evidence {
  const lines = log.split('\n').map((line) => line.trimEnd());
  const has = (text: string): boolean => lines.some((line) => line.includes(text));
  const unconfirmed = changes.filter((change) => isReported(change) && !lines.some((line) => shows(line, change)));
  return { verdict: verdictOf(has, changes, unconfirmed), unconfirmed, passSeen: has(RECONFIGURED) };
}

function verdictOf(
  has: (text: string) => boolean,
  changes: readonly OptionChange[],
  unconfirmed: readonly OptionChange[],
): Verdict {
  if (has('failed to construct the graph')) return 'parse-failed';
  if (has('Cannot reach volume specification file')) return 'file-missing';
  if (has('reconfigure failed, continuing with init')) return 'reconfigure-failed';
  if (has('No change in volfile')) return 'already-loaded';
  if (!has(RECONFIGURED)) return 'waiting';
  if (unconfirmed.length > 0) return 'waiting';
  return changes.some((change) => isReported(change)) ? 'values-seen' : 'pass-seen';
}

/** Nothing is written about an option that goes away: its default is taken. */
function isReported(change: OptionChange): boolean {
  return change.to !== undefined && change.live !== 'silent';
}

/** `...] 0-NAME: option KEY using set value VALUE`; the digit is the number of the graph. */
function shows(line: string, { volume, key, to }: OptionChange): boolean {
  return line.endsWith(`-${volume}: option ${key} using set value ${to ?? ''}`.trimEnd());
}
