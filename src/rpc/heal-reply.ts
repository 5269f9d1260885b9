/** What a self-heal daemon is asked with XLATOR_OP and answers to it: flat keys, taken apart by translator and child. */
import { AgentError } from '../lib/errors.ts';
import { dictNumber, dictText, type Dict } from './dict.ts';
import type { BrickOperationReply } from './programs/brick-operations.ts';

export const HEAL_OPERATIONS = { 'index-heal': 1, 'full-heal': 2, statistics: 7, count: 8 } as const;
export type HealOperationName = keyof typeof HEAL_OPERATIONS;

/** A replicate or disperse translator of the daemon's volfile. */
export interface HealXlator {
  /** `<volume>-replicate-<k>` or `<volume>-disperse-<k>`. If one of the names does not exist, the whole request does nothing. */
  name: string;
  /** Comes back in the keys of the answer; usually k. */
  id: number;
}

/** One crawl over one brick that the daemon considers its own. At most 50 are kept, running ones come last. */
export interface CrawlRecord {
  kind: 'INDEX' | 'FULL' | undefined;
  /** A crawl that does not say that it has ended has not. */
  inProgress: boolean;
  /** The daemon's text, whole seconds in its own time zone, without the newline. */
  startedText: string;
  /** undefined while it runs. */
  endedText: string | undefined;
  healed: number;
  /** Attempts: a file that waits for its parent directory counts, and is tried again. */
  failed: number;
  splitBrain: number;
}

export interface HealChild {
  xlator: string;
  /** Position in the replicate or disperse set, from 0. */
  child: number;
  /** `Started self-heal`, `Brick is remote`, ... in the daemon's own words. */
  status: string | undefined;
  /** Pending entries of that brick (count); undefined when it could not be asked. */
  pending: number | undefined;
  crawls: CrawlRecord[];
}

/**
 * To be judged by `children`: none means that nothing happened, whatever op_ret says; and op_ret is -1 as soon as one child is
 * down although the others were started (measured).
 */
export interface HealReply {
  opRet: number;
  errorText: string;
  children: HealChild[];
}

/** @throws AgentError `BadRequest` for names that would clash with the request's own keys */
export function healRequest(op: HealOperationName, xlators: readonly HealXlator[]): [string, string | number][] {
  if (xlators.length === 0) throw new AgentError('BadRequest', 'a heal request names at least one translator');
  const entries: [string, string | number][] = [
    ['xl-op', HEAL_OPERATIONS[op]],
    ['count', xlators.length],
  ];
  const names = new Set<string>();
  const ids = new Set<number>();
  for (const [index, { name, id }] of xlators.entries()) {
    if (name === '' || name === 'count' || /^xl-(op|\d+)$/.test(name) || names.has(name) || ids.has(id)) {
      throw new AgentError('BadRequest', `"${name}" with id ${id} cannot be named in a heal request`);
    }
    names.add(name);
    ids.add(id);
    entries.push([`xl-${index}`, name], [name, id]);
  }
  return entries;
}

const CHILD_KEY = /^(\d{1,9})-(\d{1,9})-(status|hardlinks)$/;
const CRAWLS_KEY = /^statistics-(\d{1,9})-(\d{1,9})-count$/;
const RUNNING = 'Could not determine the end time';

/** Children in the order of the request, then of the set. */
export function readHealReply(reply: BrickOperationReply, xlators: readonly HealXlator[]): HealReply {
  const { opRet, output, errorText } = reply;
  const place = new Map(xlators.map(({ id }, index) => [id, index]));
  const children = new Map<string, { place: number; child: HealChild }>();
  for (const key of output.keys()) {
    const match = CHILD_KEY.exec(key) ?? CRAWLS_KEY.exec(key);
    const at = place.get(Number(match?.[1]));
    const xlator = at === undefined ? undefined : xlators[at];
    if (match === null || at === undefined || xlator === undefined) continue;
    const suffix = `${match[1]}-${match[2]}`;
    const entry = children.get(suffix) ?? { place: at, child: newChild(xlator.name, Number(match[2])) };
    children.set(suffix, entry);
    if (match[3] === 'status') entry.child.status = dictText(output, key);
    else if (match[3] === 'hardlinks') entry.child.pending = dictNumber(output, key);
    else entry.child.crawls = readCrawls(output, suffix);
  }
  const inOrder = [...children.values()].toSorted((a, b) => a.place - b.place || a.child.child - b.child.child);
  return { opRet, errorText, children: inOrder.map(({ child }) => child) };
}

function newChild(xlator: string, child: number): HealChild {
  return { xlator, child, status: undefined, pending: undefined, crawls: [] };
}

/** Records are numbered from 0. They are counted by looking, not by the count that the peer claims. */
function readCrawls(output: Dict, child: string): CrawlRecord[] {
  const crawls: CrawlRecord[] = [];
  for (;;) {
    const suffix = `${child}-${crawls.length}`;
    const kind = dictText(output, `statistics_crawl_type-${suffix}`);
    if (kind === undefined) return crawls;
    const ended = dictText(output, `statistics_end_time-${suffix}`)?.trim();
    crawls.push({
      kind: kind === 'INDEX' || kind === 'FULL' ? kind : undefined,
      inProgress: dictNumber(output, `statistics_inprogress-${suffix}`) !== 0,
      startedText: dictText(output, `statistics_strt_time-${suffix}`)?.trim() ?? '',
      endedText: ended === RUNNING ? undefined : ended,
      healed: dictNumber(output, `statistics_healed_cnt-${suffix}`) ?? 0,
      failed: dictNumber(output, `statistics_heal_failed_cnt-${suffix}`) ?? 0,
      splitBrain: dictNumber(output, `statistics_sb_cnt-${suffix}`) ?? 0,
    });
  }
}
