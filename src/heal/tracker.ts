/**
 * Watches the heal backlog of this brick and runs the heals that somebody asks for. A pass looks at the backlog and judges; the
 * talk with the self-heal daemon goes on beside it, because a brick that hangs makes that one wait for minutes.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { BacklogHistory } from './backlog-history.ts';
import { Backlog, type BacklogOptions, type BacklogView } from './backlog.ts';
import { HealRun } from './heal-run.ts';
import { isFinished, type HealOperation, type OperationState } from './operation.ts';
import type { Changelog } from './changelog.ts';
import type { BacklogSource, HealDaemon, HealKind } from './ports.ts';
import type { LeftDirtyCount } from './left-dirty.ts';
import type { Oldest } from './sightings.ts';

/** Finished operations that can still be asked for; somebody who waits for one asks within minutes. */
export const MAX_FINISHED = 20;

export interface HealTrackerOptions extends BacklogOptions {
  source: BacklogSource;
  daemon: HealDaemon;
  clock: Clock;
  log: Log;
  /** What waits longest, as of the last look at the objects. */
  oldest?: () => Oldest | undefined;
  leftDirty?: () => LeftDirtyCount | undefined;
  /** What the objects miss, as of the last look at them. */
  missed?: () => Readonly<Changelog> | undefined;
  /** Called when a pass has something to do at once: the loop's `wake`. */
  wake?: () => void;
}

export interface HealStatus extends BacklogView {
  /** What waits longest; undefined: nothing waits, or it is not known. */
  oldest: Oldest | undefined;
  /** What writes have left dirty; undefined: not known. */
  leftDirty: LeftDirtyCount | undefined;
  /** Objects by what they miss; undefined: not known. */
  missed: Readonly<Changelog> | undefined;
  /** The newest first. */
  operations: HealOperation[];
}

/** By kind and state, of those that have ended; a state that none has ended in is not there. */
export type HealOutcomes = Readonly<Record<HealKind, Partial<Record<OperationState, number>>>>;

const NOTHING_MISSED: Readonly<Changelog> = { data: 0, metadata: 0, entry: 0 };

interface Entry {
  run: HealRun;
  /** What the log has been told. */
  logged: OperationState;
  talk: Promise<void> | undefined;
}

export class HealTracker {
  /** For a picture of the last hour. */
  readonly history = new BacklogHistory();
  readonly #options: HealTrackerOptions;
  readonly #backlog: Backlog;
  readonly #outcomes: HealOutcomes = { index: {}, full: {} };
  #looking: Promise<void> | undefined;
  /** Oldest first. At most one of each kind is unfinished. */
  #entries: Entry[] = [];

  constructor(options: HealTrackerOptions) {
    this.#options = options;
    this.#backlog = new Backlog(options);
  }

  /** One look, and a step of every unfinished operation. @throws AgentError as `BacklogSource.counts` */
  async pass(signal: AbortSignal): Promise<void> {
    for (const entry of this.#entries) this.#converse(entry, signal);
    const { clock } = this.#options;
    const lookedAt = clock.monotonic();
    try {
      await this.#look(signal);
    } finally {
      const view = this.#backlog.view(clock.monotonic());
      this.history.note(view.pending.xattrop, clock.monotonic());
      for (const entry of this.#entries) {
        entry.run.judge(view, lookedAt);
        this.#report(entry);
      }
    }
  }

  /** The backlog as it is now, by a look of its own; one look serves all who ask meanwhile. @throws AgentError `Aborted` */
  async now(signal: AbortSignal): Promise<BacklogView> {
    const { clock, log } = this.#options;
    try {
      await (this.#looking ??= this.#look(signal).finally(() => {
        this.#looking = undefined;
      }));
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      log.debug({ err: error }, 'the heal index cannot be read: the view says so');
    }
    return this.#backlog.view(clock.monotonic());
  }

  status(): HealStatus {
    const view = this.#backlog.view(this.#options.clock.monotonic());
    const oldest = (view.pending.xattrop ?? 0) > 0 ? this.#options.oldest?.() : undefined;
    const leftDirty = this.#options.leftDirty?.();
    const operations = this.#entries.map(({ run }) => run.operation).reverse();
    return { ...view, oldest, leftDirty, missed: this.#missed(view), operations };
  }

  /** Asks for a heal; it begins with the next pass. While one of that kind is unfinished, that one is returned, and the daemon asked once more. */
  start(kind: HealKind): HealOperation {
    const unfinished = this.#entries.find(({ run }) => !run.isFinished && run.operation.kind === kind);
    if (unfinished !== undefined) {
      unfinished.run.askFor();
      this.#options.wake?.();
      return unfinished.run.operation;
    }
    const { clock, daemon } = this.#options;
    const view = this.#backlog.view(clock.monotonic());
    const run = new HealRun({ id: randomUUID(), kind, daemon, clock, view });
    this.#entries.push({ run, logged: 'Pending', talk: undefined });
    this.#forget();
    this.#options.wake?.();
    return run.operation;
  }

  operation(id: string): HealOperation | undefined {
    return this.#entries.find(({ run }) => run.operation.id === id)?.run.operation;
  }

  /** Heals that somebody asked for, and how they ended, since the start. */
  get outcomes(): HealOutcomes {
    return this.#outcomes;
  }

  /** What was seen at the last look at the objects says nothing of an index that is empty now. */
  #missed({ pending: { xattrop } }: BacklogView): Readonly<Changelog> | undefined {
    if (xattrop === undefined) return undefined;
    return xattrop === 0 ? NOTHING_MISSED : this.#options.missed?.();
  }

  /** Resolves when no talk with the daemon is under way; after the signal of the passes has fired, soon. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#entries.map(async ({ talk }) => await talk));
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    try {
      const counts = await source.counts(signal);
      this.#backlog.observe(counts, clock.monotonic(), clock.now());
    } catch (error) {
      if (!isAgentError(error, 'Aborted')) this.#backlog.fail(errorMessage(error));
      throw error;
    }
  }

  #converse(entry: Entry, signal: AbortSignal): void {
    if (entry.run.isFinished || entry.talk !== undefined) return;
    entry.talk = this.#advance(entry, signal);
  }

  async #advance(entry: Entry, signal: AbortSignal): Promise<void> {
    try {
      await entry.run.advance(signal);
      this.#report(entry);
    } catch (error) {
      // What the daemon may do wrong ends in the operation; what comes here is a shutdown, or a bug.
      if (!isAgentError(error, 'Aborted')) this.#options.log.error({ err: error }, 'heal operation failed');
    } finally {
      entry.talk = undefined;
    }
  }

  #report(entry: Entry): void {
    const { id, kind, state, message, backlogNow } = entry.run.operation;
    if (state === entry.logged) return;
    entry.logged = state;
    if (isFinished({ state })) this.#outcomes[kind][state] = (this.#outcomes[kind][state] ?? 0) + 1;
    const facts = { operation: id, kind, state, backlog: backlogNow ?? null };
    if (state === 'Failed' || state === 'Unknown') this.#options.log.warn(facts, message);
    else this.#options.log.info(facts, message);
  }

  #forget(): void {
    const finished = this.#entries.filter(({ run }) => run.isFinished);
    const old = new Set(finished.slice(0, Math.max(0, finished.length - MAX_FINISHED)));
    this.#entries = this.#entries.filter((entry) => !old.has(entry));
  }
}
