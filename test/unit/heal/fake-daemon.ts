/** A self-heal daemon that says what the test wants, and a brick whose counts the test sets. */
import type {
  BacklogSource,
  ChildCrawl,
  ChildStatus,
  CrawlReport,
  HealCounts,
  HealDaemon,
  HealKind,
  HealStart,
} from '../../../src/heal/ports.ts';
import type { AgentError } from '../../../src/lib/errors.ts';
import { counts } from './counts.ts';

export const XLATOR = 'vol1-replicate-0';

export function child(index: number, status = 'Started self-heal'): ChildStatus {
  return { xlator: XLATOR, child: index, status };
}

export function crawl(index: number, fields: Partial<ChildCrawl> = {}): ChildCrawl {
  return {
    xlator: XLATOR,
    child: index,
    kind: 'index',
    inProgress: false,
    startedText: 'Mon Nov 23 08:41:53 2026',
    remembered: 1,
    healed: 0,
    failed: 0,
    splitBrain: 0,
    ...fields,
  };
}

export class FakeDaemon implements HealDaemon {
  /** In turn; the last one stays. An AgentError is thrown. */
  answers: (ChildStatus[] | AgentError)[] = [[child(0), child(1), child(2)]];
  reports: (ChildCrawl[] | AgentError | undefined)[] = [[]];
  key = 'pid 7';
  startedAt = 0;
  starts: HealKind[] = [];
  /** How often it was asked for its crawls. */
  asked = 0;

  async start(kind: HealKind, signal: AbortSignal): Promise<HealStart> {
    signal.throwIfAborted();
    this.starts.push(kind);
    const answer = next(this.answers);
    if (answer instanceof Error) throw answer;
    return { daemon: { key: this.key, startedAt: this.startedAt }, children: answer ?? [] };
  }

  async crawls(_kind: HealKind | undefined, signal: AbortSignal): Promise<CrawlReport> {
    signal.throwIfAborted();
    this.asked += 1;
    const report = next(this.reports);
    if (report instanceof Error) throw report;
    return { daemon: { key: this.key, startedAt: this.startedAt }, crawls: report };
  }
}

export class FakeSource implements BacklogSource {
  now: HealCounts | AgentError = counts(0);

  async counts(): Promise<HealCounts> {
    if (this.now instanceof Error) throw this.now;
    return this.now;
  }
}

function next<T>(list: T[]): T | undefined {
  return list.length > 1 ? list.shift() : list[0];
}
