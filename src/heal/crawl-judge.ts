/**
 * Whether the crawls that an operation started have ended, and how. The daemon's statistics give no name to a crawl, so one is
 * "ours" when it is not the one that was there before: it started in another second, or there is one more of them.
 */
import { hasStarted } from './child-status.ts';
import type { ChildCrawl, ChildStatus } from './ports.ts';

type Place = Pick<ChildStatus, 'xlator' | 'child'>;

export interface CrawlOutcome {
  healed: number;
  failed: number;
  splitBrain: number;
}

/**
 * @param before the newest crawls of that kind before the operation
 * @param now the newest ones now
 * @param children what the daemon said when it was asked; empty when its answer was lost: then all new crawls are ours
 * @returns the sum over all crawls; undefined while one is under way or not seen yet
 */
export function crawlsEnded(
  before: readonly ChildCrawl[],
  now: readonly ChildCrawl[],
  children: readonly ChildStatus[],
): CrawlOutcome | undefined {
  const fresh = now.filter((crawl) => !isSameCrawl(crawl, find(before, crawl)));
  const expected = children.filter(hasStarted);
  if (fresh.length === 0 || expected.some((child) => find(fresh, child) === undefined)) return undefined;
  const ours = children.length === 0 ? fresh : fresh.filter((crawl) => expected.some((child) => isOf(crawl, child)));
  if (ours.length === 0 || ours.some(({ inProgress }) => inProgress)) return undefined;
  const sum = (pick: (crawl: ChildCrawl) => number): number => ours.reduce((total, crawl) => total + pick(crawl), 0);
  return {
    healed: sum(({ healed }) => healed),
    failed: sum(({ failed }) => failed),
    splitBrain: sum((c) => c.splitBrain),
  };
}

/** E.g. `7 healed, 2 attempts failed, 1 in split-brain`. */
export function describeOutcome({ healed, failed, splitBrain }: CrawlOutcome): string {
  const parts = [`${healed} healed`];
  if (failed > 0) parts.push(failed === 1 ? '1 attempt failed' : `${failed} attempts failed`);
  if (splitBrain > 0) parts.push(`${splitBrain} in split-brain`);
  return parts.join(', ');
}

function find(crawls: readonly ChildCrawl[], child: Place): ChildCrawl | undefined {
  return crawls.find((crawl) => isOf(crawl, child));
}

function isOf(crawl: ChildCrawl, { xlator, child }: Place): boolean {
  return crawl.xlator === xlator && crawl.child === child;
}

/** One that was under way when the daemon was asked is not ours: it runs another one after it. */
function isSameCrawl(crawl: ChildCrawl, before: ChildCrawl | undefined): boolean {
  return before !== undefined && before.startedText === crawl.startedText && before.remembered === crawl.remembered;
}
