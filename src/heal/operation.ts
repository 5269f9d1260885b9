/** One heal that somebody asked for, as the API shows it. */
import type { BacklogView } from './backlog.ts';
import type { ExplainedStatus } from './child-status.ts';
import type { CrawlOutcome } from './crawl-judge.ts';
import type { HealKind } from './ports.ts';

export type OperationState =
  /** The daemon has not answered yet. */
  | 'Pending'
  /** The daemon has started, or may have. */
  | 'Running'
  /** What was asked for is done: for an index heal the backlog of this brick is empty, for a full heal the walk has ended. */
  | 'Succeeded'
  | 'Failed'
  /** Nobody can tell any more how it ended. */
  | 'Unknown';

/** Times are wall-clock milliseconds. */
export interface HealOperation {
  id: string;
  kind: HealKind;
  state: OperationState;
  /** Whether the daemon started, which is not yet "done"; undefined: not known. */
  accepted: boolean | undefined;
  /** What the daemon said of each brick. */
  children: readonly ExplainedStatus[];
  /** When it said so; undefined: it has not. */
  answeredAt: number | undefined;
  startedAt: number;
  finishedAt: number | undefined;
  /** Entries of the xattrop and entry-changes indices together; undefined: not known. */
  backlogAtStart: number | undefined;
  backlogNow: number | undefined;
  /** The daemon's own count of its newest crawls that this heal started; undefined: under way, or it keeps none (disperse). */
  crawl: CrawlOutcome | undefined;
  /** One sentence. */
  message: string;
}

export function isFinished({ state }: Pick<HealOperation, 'state'>): boolean {
  return state !== 'Pending' && state !== 'Running';
}

/** What an operation has to work off; undefined when it is not known to the last entry. */
export function workOf({ pending }: Pick<BacklogView, 'pending'>): number | undefined {
  const { xattrop, entryChanges } = pending;
  return xattrop === undefined || entryChanges === undefined ? undefined : xattrop + entryChanges;
}
