/**
 * What the self-heal daemon of this pod is about: whether it crawls, and what came of its last crawls. It has that in memory and asks no
 * brick for it, but it does find out first which bricks are local, and a frozen one keeps it waiting. It crawls whether anything waits or
 * not, every `heal-timeout`; what it does is of interest while something waits, so it is asked then, and once more afterwards.
 */
import type { Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import type { CrawlOutcome } from './crawl-judge.ts';
import { HEAL_KINDS, type ChildCrawl, type HealDaemon, type HealKind } from './ports.ts';

/** A frozen brick keeps the daemon from answering for up to 90 s; meanwhile nothing is known. In milliseconds. */
const PATIENCE_MS = 8_000;

/** The newest crawls of one kind over the bricks that the daemon takes for local. */
export interface CrawlState extends CrawlOutcome {
  kind: HealKind;
  /** Bricks over which one is under way. */
  running: number;
  /** Bricks of which there is a record. */
  bricks: number;
}

export interface DaemonCrawlsOptions {
  daemon: Pick<HealDaemon, 'crawls'>;
  /** Why the daemon need not be asked, e.g. that its process is not there; undefined: it may be. */
  away: () => string | undefined;
  /** Whether anything waits for heal; undefined: not known. */
  isWaiting: () => boolean | undefined;
  clock: Clock;
}

export class DaemonCrawls {
  readonly #options: DaemonCrawlsOptions;
  #last: { states: readonly CrawlState[]; at: number } | undefined;
  #hasAnswered = false;

  constructor(options: DaemonCrawlsOptions) {
    this.#options = options;
  }

  /** As the daemon said when it was asked last, at wall-clock milliseconds; undefined: not known, or it keeps no account (disperse). */
  get last(): { states: readonly CrawlState[]; at: number } | undefined {
    return this.#last;
  }

  /** Whether it crawls; undefined: not known. */
  get isCrawling(): boolean | undefined {
    return this.#last?.states.some(({ running }) => running > 0);
  }

  /** @throws AgentError `Aborted` when the signal fires */
  async pass(signal: AbortSignal): Promise<void> {
    const { daemon, away, isWaiting, clock } = this.#options;
    if (away() !== undefined) {
      this.#forget();
      return;
    }
    if (this.#hasAnswered && this.isCrawling !== true && isWaiting() !== true) return;
    try {
      const { crawls } = await daemon.crawls(undefined, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
      this.#last = crawls === undefined ? undefined : { states: crawlStates(crawls), at: clock.now() };
      this.#hasAnswered = true;
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof AgentError)) throw error;
      // That it does not answer, or is not to be asked, is told elsewhere.
      this.#forget();
    }
  }

  #forget(): void {
    this.#last = undefined;
    this.#hasAnswered = false;
  }
}

/** By kind; a kind of which there is no crawl is left out. */
export function crawlStates(crawls: readonly ChildCrawl[]): CrawlState[] {
  return HEAL_KINDS.flatMap((kind) => {
    const own = crawls.filter((crawl) => crawl.kind === kind);
    return own.length === 0
      ? []
      : [own.reduce(added, { kind, running: 0, bricks: 0, healed: 0, failed: 0, splitBrain: 0 })];
  });
}

function added(state: CrawlState, { inProgress, healed, failed, splitBrain }: ChildCrawl): CrawlState {
  return {
    kind: state.kind,
    running: state.running + Number(inProgress),
    bricks: state.bricks + 1,
    healed: state.healed + healed,
    failed: state.failed + failed,
    splitBrain: state.splitBrain + splitBrain,
  };
}
