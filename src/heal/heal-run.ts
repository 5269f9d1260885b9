/**
 * Runs one heal operation: asks the daemon, and then judges from the backlog and from the daemon's own statistics how it went.
 *
 * That the daemon started is not that anything was healed. An index heal has succeeded when the backlog of this brick is seen
 * empty after the daemon was asked; the daemon of this pod heals from the index of this pod's brick, so that is the backlog it
 * works off. A full heal walks the volume and has no backlog; it has ended when the statistics show so, and a disperse daemon
 * keeps none.
 */
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError, toAgentError } from '../lib/errors.ts';
import { formatDuration } from '../lib/units.ts';
import { STALL_AFTER_MS, type BacklogView } from './backlog.ts';
import { explain, hasStarted, summarise } from './child-status.ts';
import { crawlsEnded, describeOutcome, type CrawlOutcome } from './crawl-judge.ts';
import { isFinished, workOf, type HealOperation, type OperationState } from './operation.ts';
import type { ChildCrawl, CrawlReport, HealDaemon, HealKind, HealStart } from './ports.ts';

/**
 * A daemon that has just started answers nothing, or "not connected", until it has heard from all bricks or given one up (up to
 * 10 s, measured on 10.3). In milliseconds.
 */
export const DAEMON_SETTLE_MS = 15_000;

/**
 * Crawls repeat after a second while they heal something, and start anew when the daemon's connection to a returned brick is
 * back (3 to 4 s). When nothing moves for this long after one that healed nothing, nothing will. In milliseconds.
 */
export const CRAWL_SETTLE_MS = 30_000;

/**
 * A crawl tries an object whose directory is not healed yet, fails, and counts as one that healed nothing, so that the daemon
 * rests for 10 min in the middle of a tree that it has just begun to restore (seen on 11.1 after a brick was marked as
 * replaced). It is asked again after this pause, so many times in a row without anything healed. In milliseconds.
 */
export const RECRAWL_MS = 3_000;
export const MAX_RECRAWLS = 5;

/** A daemon that restarts is back within seconds. When it cannot be asked for this long, its answer is lost. In milliseconds. */
export const LOST_AFTER_MS = 300_000;

/** A full walk over a large volume takes a day or more; after this, nobody waits for the answer. In milliseconds. */
export const OPERATION_MAX_MS = 3 * 24 * 3600 * 1000;

export interface HealRunOptions {
  id: string;
  kind: HealKind;
  daemon: HealDaemon;
  clock: Clock;
  /** What was known of the backlog when it was asked for. */
  view: BacklogView;
}

export class HealRun {
  readonly #options: HealRunOptions;
  readonly #beganAt: number;
  #operation: HealOperation;
  /** Monotonic: when the daemon had answered; looks that began later tell of its work. */
  #acceptedAt: number | undefined;
  #answer = '';
  #before: CrawlReport | undefined;
  #outcome: CrawlOutcome | undefined;
  /** Monotonic: since when the daemon cannot be asked, and why. */
  #lost: { since: number; message: string } | undefined;
  /** Monotonic: since when the crawls have ended with nothing healed, and the backlog has not fallen. */
  #idle: { since: number; work: number | undefined } | undefined;
  /** Times that it was asked again since anything was healed, and monotonic when the last time was. */
  #again = { times: 0, at: 0 };
  /** Somebody has asked for it once more. */
  #isAskedFor = false;

  constructor(options: HealRunOptions) {
    const { id, kind, clock, view } = options;
    this.#options = options;
    this.#beganAt = clock.monotonic();
    this.#operation = {
      id,
      kind,
      state: 'Pending',
      accepted: undefined,
      children: [],
      answeredAt: undefined,
      startedAt: clock.now(),
      finishedAt: undefined,
      backlogAtStart: workOf(view),
      backlogNow: workOf(view),
      crawl: undefined,
      message: 'the self-heal daemon is being asked',
    };
  }

  get operation(): HealOperation {
    return this.#operation;
  }

  get isFinished(): boolean {
    return isFinished(this.#operation);
  }

  /** Asked for while it is under way: the daemon may rest, or be another one. A full walk is not begun anew. */
  askFor(): void {
    this.#isAskedFor = this.#options.kind === 'index' && this.#operation.state === 'Running';
  }

  /** Talks to the daemon: asks it to start, or how far it is. Expected failures end in the operation. @throws AgentError `Aborted` */
  async advance(signal: AbortSignal): Promise<void> {
    if (this.#operation.state === 'Pending') await this.#start(signal);
    else if (this.#operation.state === 'Running') {
      await this.#follow(signal);
      await this.#askAgain(signal);
    }
  }

  /** Takes a look at the backlog into account. @param lookedAt monotonic milliseconds when that look began */
  judge(view: BacklogView, lookedAt: number): void {
    if (this.isFinished) return;
    this.#operation = { ...this.#operation, backlogNow: workOf(view) };
    if (this.#options.clock.monotonic() - this.#beganAt > OPERATION_MAX_MS) {
      this.#finish('Unknown', `not seen to end within ${formatDuration(OPERATION_MAX_MS)}; ${this.#answer}`);
    } else if (this.#operation.state === 'Running') {
      if (this.#operation.kind === 'full') this.#judgeFull();
      else if (this.#acceptedAt !== undefined && lookedAt >= this.#acceptedAt) this.#judgeIndex(view);
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { daemon, kind } = this.#options;
    this.#before ??= await this.#report(signal);
    if (this.isFinished) return;
    try {
      this.#take(await daemon.start(kind, signal));
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      if (isAgentError(error, 'Timeout')) this.#takeSilence(error.message);
      else this.#fail(error);
    }
  }

  #take({ daemon, children }: HealStart): void {
    const { clock } = this.#options;
    const explained = children.map(explain);
    const accepted = explained.some(hasStarted);
    this.#answer = summarise(explained);
    this.#operation = { ...this.#operation, children: explained, answeredAt: clock.now() };
    if (accepted) {
      this.#acceptedAt = clock.monotonic();
      if (this.#before?.daemon.key !== daemon.key) this.#before = undefined;
      this.#operation = { ...this.#operation, state: 'Running', accepted, message: this.#answer };
    } else if (clock.now() < daemon.startedAt + DAEMON_SETTLE_MS && clock.now() >= daemon.startedAt) {
      const message = `${this.#answer}; it has just started and is asked again`;
      this.#operation = { ...this.#operation, message };
      this.#before = undefined;
    } else {
      this.#operation = { ...this.#operation, accepted };
      this.#finish('Failed', this.#answer);
    }
  }

  /** It may have started: a brick that hangs makes the daemon wait for it before it answers. */
  #takeSilence(message: string): void {
    this.#acceptedAt = this.#options.clock.monotonic();
    this.#answer = `${message}; a brick that hangs makes the self-heal daemon wait, and it may have started`;
    this.#operation = { ...this.#operation, state: 'Running', message: this.#answer };
  }

  async #follow(signal: AbortSignal): Promise<void> {
    if (this.#before?.crawls === undefined) return;
    const report = await this.#report(signal);
    if (this.isFinished || report?.crawls === undefined) return;
    if (report.daemon.key !== this.#before.daemon.key) this.#takeRestart();
    else this.#outcome = this.#ended(this.#before.crawls, report.crawls);
    this.#operation = { ...this.#operation, crawl: this.#outcome };
  }

  /** While the daemon rests although objects wait. What it answers does not matter: it crawls, or it does not. */
  async #askAgain(signal: AbortSignal): Promise<void> {
    const { kind, clock } = this.#options;
    const now = clock.monotonic();
    if (this.#isAskedFor) {
      this.#isAskedFor = false;
      this.#again = { times: 0, at: now };
      await this.#ask(signal);
      return;
    }
    if (this.#idle === undefined || kind !== 'index' || this.#again.times >= MAX_RECRAWLS) return;
    if (now - Math.max(this.#idle.since, this.#again.at) < RECRAWL_MS) return;
    this.#again = { times: this.#again.times + 1, at: now };
    await this.#ask(signal);
  }

  /** What it answers is told, and decides nothing any more. */
  async #ask(signal: AbortSignal): Promise<void> {
    const { daemon, kind } = this.#options;
    try {
      const children = (await daemon.start(kind, signal)).children.map(explain);
      if (children.length === 0) return;
      this.#answer = summarise(children);
      this.#operation = { ...this.#operation, children, answeredAt: this.#options.clock.now() };
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#lost = { since: this.#lost?.since ?? this.#options.clock.monotonic(), message: errorMessage(error) };
    }
  }

  #ended(before: readonly ChildCrawl[], now: readonly ChildCrawl[]): CrawlOutcome | undefined {
    return crawlsEnded(before, now, this.#operation.children);
  }

  /** The new daemon crawls the index by itself when it finds its bricks; a full walk is lost. */
  #takeRestart(): void {
    this.#before = undefined;
    this.#outcome = undefined;
    if (this.#operation.kind === 'full') this.#finish('Failed', 'the self-heal daemon was restarted; start it again');
  }

  /** The daemon's statistics; undefined when it cannot be asked now, and the operation fails when it may not be asked at all. */
  async #report(signal: AbortSignal): Promise<CrawlReport | undefined> {
    try {
      const report = await this.#options.daemon.crawls(this.#options.kind, signal);
      this.#lost = undefined;
      return report;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#lost = { since: this.#lost?.since ?? this.#options.clock.monotonic(), message: errorMessage(error) };
      // A daemon that runs on while it cannot be proven (its volfile was changed) heals all the same.
      if (isAgentError(error, 'ProcessUnproven') && this.#operation.state === 'Pending') this.#fail(error);
      return undefined;
    }
  }

  #judgeFull(): void {
    if (this.#outcome !== undefined) {
      const end = `the full walk has ended: ${describeOutcome(this.#outcome)}`;
      if (this.#outcome.splitBrain > 0)
        this.#finish('Failed', `${end}; a split-brain needs a decision which copy to keep`);
      else if (this.#outcome.failed > 0) {
        this.#finish('Unknown', `${end}; an attempt before its parent directory was healed counts too: run it again`);
      } else this.#finish('Succeeded', end);
    } else if (this.#before?.crawls === undefined) {
      const why = this.#before === undefined ? 'could not tell its statistics' : 'keeps no statistics';
      this.#finish('Unknown', `${this.#answer}; this daemon ${why}, so the end of the walk cannot be seen`);
    } else if (this.#lost !== undefined && this.#options.clock.monotonic() - this.#lost.since >= LOST_AFTER_MS) {
      this.#finish('Unknown', `the self-heal daemon cannot be asked any more: ${this.#lost.message}`);
    }
  }

  #judgeIndex(view: BacklogView): void {
    if (view.state === 'Complete') {
      this.#finish('Succeeded', `the backlog of this brick is empty; ${this.#answer}`);
      return;
    }
    if (view.reason === 'BrickEmpty') {
      // An index heal cannot bring back what no index knows of.
      this.#finish('Unknown', `${this.#answer}; ${view.message}`);
      return;
    }
    const lost = this.#lost === undefined ? '' : `; the daemon cannot be asked: ${this.#lost.message}`;
    this.#operation = { ...this.#operation, message: `${this.#answer}; ${view.message}${lost}` };
    const now = this.#options.clock.monotonic();
    if (this.#isIdle(view, now)) {
      const outcome = this.#outcome === undefined ? '' : `: ${describeOutcome(this.#outcome)}`;
      const again = 'it looks again when a brick returns and every heal-timeout (600 s)';
      this.#finish('Failed', `the self-heal daemon has been through the index${outcome}; ${view.message}; ${again}`);
    } else if (view.state === 'Stalled' && now - this.#beganAt >= STALL_AFTER_MS) {
      this.#finish('Failed', view.message);
    }
  }

  /** Whether the crawls have ended without healing anything, and nothing has gone out since for long enough. */
  #isIdle(view: BacklogView, now: number): boolean {
    const work = workOf(view);
    if (this.#outcome === undefined || this.#outcome.healed > 0 || work === undefined) {
      if ((this.#outcome?.healed ?? 0) > 0) this.#again.times = 0;
      this.#idle = undefined;
      return false;
    }
    if (this.#idle?.work !== undefined && work < this.#idle.work) this.#again.times = 0;
    if (this.#idle?.work === undefined || work < this.#idle.work) this.#idle = { since: now, work };
    return now - this.#idle.since >= CRAWL_SETTLE_MS;
  }

  #fail(error: unknown): void {
    this.#finish('Failed', errorMessage(toAgentError(error)));
  }

  #finish(state: OperationState, message: string): void {
    this.#operation = { ...this.#operation, state, message, finishedAt: this.#options.clock.now() };
  }
}
