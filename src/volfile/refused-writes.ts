/**
 * What a brick's log says of writes that simple-quota has refused: one line for each, from protocol/server, in the words of 11.1 (measured): `WRITE info`,
 * `ALLOC info` and `MKDIR info` at level ERROR, `CREATE info` at INFO. Nothing else tells: neither io-stats nor a statedump counts errors.
 *
 * A hint, not a proof: names of files stand in a log as they are, line breaks and all, so a tenant can have a line written that looks like these.
 */
import type { Gfid } from '../lib/gfid.ts';
import { timeOf } from './process-log.ts';

export interface RefusedWrite {
  /** The file that was written, or the directory in which something was to be made. */
  gfid: Gfid;
  /** An allocation; on a directory it is a question of an agent (see quota/guard.ts). */
  isAllocation: boolean;
  /** Wall-clock milliseconds. */
  at: number;
}

const REFUSED =
  /^\[[^\]]{20,40}\] [EI] \[MSGID: \d+\] \[server-rpc-fops[^\]]*\] \d+-\S+-server: (WRITE|ALLOC|MKDIR|CREATE) info \[\{frame=\d+\}, /;
const OBJECT = /\{uuid_utoa=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}/g;
const BY_QUOTA = /\{error-xlator=[^{}]*\}, \{errno=122\}/;

/** In the order of the log; lines of anything else are passed over. */
export function* refusedWrites(text: string): Generator<RefusedWrite> {
  // Most lines of a log are of something else: no need to cut it into all of them.
  for (let hit = text.indexOf('{errno=122}'); hit >= 0;) {
    const begin = text.lastIndexOf('\n', hit) + 1;
    const end = text.indexOf('\n', hit);
    const refused = refusedWrite(text.slice(begin, end < 0 ? text.length : end));
    if (refused !== undefined) yield refused;
    hit = end < 0 ? -1 : text.indexOf('{errno=122}', end);
  }
}

function refusedWrite(line: string): RefusedWrite | undefined {
  const operation = REFUSED.exec(line)?.[1];
  const at = timeOf(line);
  if (operation === undefined || at === undefined || !BY_QUOTA.test(line)) return undefined;
  // A name that holds another one's words is not told from them.
  const [object, another] = line.matchAll(OBJECT);
  if (object?.[1] === undefined || another !== undefined) return undefined;
  return { gfid: object[1], isAllocation: operation === 'ALLOC', at };
}

/** Wall-clock milliseconds of the first line that has a time; undefined: none has. */
export function firstTime(text: string): number | undefined {
  for (const match of text.matchAll(/^\[\d{4}-.*$/gm)) {
    const at = timeOf(match[0]);
    if (at !== undefined) return at;
  }
  return undefined;
}
