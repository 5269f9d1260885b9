/** Whether this brick may be stopped, asked of the agents of its set; and what is done before it is. */
import type { HealPage } from '../brick/heal-entries.ts';
import type { VolumeShape } from '../heal/brick-set.ts';
import { judgeCounters, type ReplicaSet } from '../heal/changelog.ts';
import { judgeDisruption, LASTING, type BrickReport, type Disruption, type PeerAnswer } from '../heal/disruption.ts';
import type { BacklogView } from '../heal/backlog.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';

/** Between two tries of somebody who waits; two that try in step must not stay in step. In milliseconds. */
const RETRY_MS = 1_000;
const RETRY_JITTER_MS = 1_000;
/** How long a granted claim lasts after the wait has ended: the brick gets its SIGTERM within a second. In milliseconds. */
const CLAIM_MS = 30_000;
/** Objects that are looked at for whom they blame. */
export const BLAME_SAMPLE = 64;
/** Whom they blame is good to know and no reason to wait; in milliseconds. */
const BLAME_DEADLINE_MS = 1_000;
/** STATFS in flight at once, and the time for all of them, in milliseconds: 10,000 PVs take some 2 s. */
const FLUSH_PARALLEL = 16;
const FLUSH_DEADLINE_MS = 10_000;

export interface DisruptionOptions {
  shape: VolumeShape;
  set: ReplicaSet | undefined;
  /** A look at the backlog as it is now. */
  backlog: (signal: AbortSignal) => Promise<BacklogView>;
  /** Why the directory is not proven ours; undefined: it is. */
  fenced: () => string | undefined;
  /** Why the brick does not serve; undefined: it does. */
  notServing: () => string | undefined;
  servingForMs: () => number;
  page: (signal: AbortSignal) => Promise<HealPage | undefined>;
  /** Undefined: no peers are configured. */
  peers: ((signal: AbortSignal) => Promise<PeerAnswer[]>) | undefined;
  /** Directories whose usage the brick counts in memory. */
  namespaces: () => readonly Gfid[];
  /** Makes the brick write the usage of one to its disk. */
  flush: (gfid: Gfid, signal: AbortSignal) => Promise<void>;
  clock: Clock;
  log: Log;
  /** Fires when the agent stops. */
  signal: AbortSignal;
}

export interface PreStop extends Disruption {
  /** The brick does not serve: there is nothing to wait for and nothing to flush. */
  isDown: boolean;
  waitedMs: number;
  /** PVs whose usage is on disk now, and those where that is not known. */
  flushed: number;
  unflushed: number;
}

export class DisruptionGuard {
  readonly #options: DisruptionOptions;
  /** Monotonic milliseconds until which we say that we are about to stop. */
  #claimedUntil = 0;
  #preStop: Promise<PreStop> | undefined;

  constructor(options: DisruptionOptions) {
    this.#options = options;
  }

  /** What this agent says of its brick when another one asks. @throws AgentError `Aborted` */
  async report(signal: AbortSignal): Promise<BrickReport> {
    const { shape, notServing, servingForMs, clock } = this.#options;
    const { backlog, blames } = await this.#backlog(signal);
    return {
      brickIndex: shape.brickIndex,
      notServing: notServing(),
      servingForMs: Math.round(servingForMs()),
      backlog,
      blames,
      isStopping: clock.monotonic() < this.#claimedUntil,
    };
  }

  /**
   * Whether the brick may be stopped at this moment. Somebody else who asks at the same time for another brick may hear the
   * same; who is going to stop the brick claims.
   *
   * @throws AgentError `Aborted`
   */
  async check(signal: AbortSignal): Promise<Disruption> {
    const { shape, set, peers } = this.#options;
    const either = AbortSignal.any([this.#options.signal, signal]);
    const [own, answers] = await Promise.all([this.report(either), peers?.(either)]);
    return judgeDisruption({ shape, own, ownName: set?.self, peers: answers });
  }

  /**
   * Says to the others that this brick is about to stop, and asks them then: of two bricks that do so at the same time, at most
   * one hears that it is safe. What is not safe is not claimed.
   *
   * @param forMs how long the others are told so, or until `release`
   * @throws AgentError `Aborted`
   */
  async claim(forMs: number, signal: AbortSignal): Promise<Disruption> {
    const { clock } = this.#options;
    const before = this.#claimedUntil;
    this.#claimedUntil = Math.max(before, clock.monotonic() + forMs);
    let isSafe = false;
    try {
      const disruption = await this.check(signal);
      isSafe = disruption.verdict === 'Safe';
      return disruption;
    } finally {
      if (!isSafe) this.#claimedUntil = before;
    }
  }

  /** Takes a claim back: the brick is not stopped after all, or is back. */
  release(): void {
    this.#claimedUntil = 0;
  }

  /**
   * For an agent that ends the brick itself: claims when that is safe now, and has the usage of every PV written down. Waits for
   * nothing but answers.
   *
   * @param forMs as of `claim`; ends with `release`
   * @returns why the brick must not be ended now; undefined: it may
   * @throws AgentError `Aborted`
   */
  async enter(forMs: number, signal: AbortSignal): Promise<string | undefined> {
    if (this.#options.clock.monotonic() < this.#claimedUntil) {
      return 'somebody else has said that this brick is about to be stopped, or makes it count a PV';
    }
    const { verdict, reasons } = await this.claim(forMs, signal);
    if (verdict !== 'Safe') return reasons.map(({ code, message }) => `${code}: ${message}`).join('; ');
    const { unflushed } = await this.#flush();
    if (unflushed === 0) return undefined;
    this.release();
    return `the usage of ${unflushed} PVs could not be written down`;
  }

  /**
   * To be called before the brick's process is ended: waits until that is safe, at most `waitMs` and only for what can change, claims,
   * and has the brick
   * write down what it counts. Safe or not, it ends then; the answer says which. A second call waits for the first.
   *
   * @throws AgentError `Aborted` when the agent stops
   */
  async preStop(waitMs: number): Promise<PreStop> {
    this.#preStop ??= this.#runPreStop(waitMs).finally(() => {
      this.#preStop = undefined;
    });
    return await this.#preStop;
  }

  async #runPreStop(waitMs: number): Promise<PreStop> {
    const { notServing, clock, log, signal } = this.#options;
    const startedAt = clock.monotonic();
    const waited = (): number => clock.monotonic() - startedAt;
    for (;;) {
      const isDown = notServing() !== undefined;
      const disruption = isDown ? await this.check(signal) : await this.claim(CLAIM_MS, signal);
      // With one copy, say, it never becomes safe, and each second of waiting is one more without the brick.
      const isLasting = disruption.reasons.every(({ code }) => LASTING.has(code));
      if (isDown || isLasting || waited() >= waitMs) {
        const waitedMs = waited();
        const flushed = isDown ? { flushed: 0, unflushed: 0 } : await this.#flush();
        const facts = { verdict: disruption.verdict, waitedMs, isDown, ...flushed };
        if (disruption.verdict === 'Safe') log.info(facts, 'the brick is about to be stopped');
        else {
          const reasons = disruption.reasons.map(({ code, message }) => `${code}: ${message}`);
          log.warn({ ...facts, reasons }, 'the brick is about to be stopped, and that is not known to be safe');
        }
        return { ...disruption, ...flushed, isDown, waitedMs };
      }
      const pause = RETRY_MS + Math.random() * RETRY_JITTER_MS;
      await clock.sleep(Math.min(pause, waitMs - waited()), signal);
    }
  }

  /** Never rejects but for a shutdown. */
  async #flush(): Promise<{ flushed: number; unflushed: number }> {
    const { namespaces, flush, log, signal } = this.#options;
    const gfids = namespaces();
    let flushed = 0;
    const flushOne = async (gfid: Gfid, own: AbortSignal): Promise<void> => {
      try {
        await flush(gfid, own);
        flushed += 1;
      } catch (error) {
        if (isAgentError(error, 'Aborted')) throw error;
        // Deleted meanwhile, or the brick is gone; the count says how many.
        log.debug({ err: error, gfid }, 'usage not flushed');
      }
    };
    try {
      await withDeadline(
        FLUSH_DEADLINE_MS,
        'flushing the usage of all PVs',
        async (own) => await mapPool(gfids, FLUSH_PARALLEL, async (gfid) => await flushOne(gfid, own)),
        signal,
      );
    } catch (error) {
      if (isAgentError(error, 'Aborted') && signal.aborted) throw error;
      log.warn({ reason: errorMessage(error) }, 'not all usage is flushed');
    }
    return { flushed, unflushed: gfids.length - flushed };
  }

  async #backlog(signal: AbortSignal): Promise<Pick<BrickReport, 'backlog' | 'blames'>> {
    const { backlog, fenced } = this.#options;
    const view = await backlog(this.#options.signal);
    const fence = fenced();
    if (fence !== undefined) {
      return { backlog: { state: 'Unknown', message: fence, pending: undefined, isEmpty: undefined }, blames: [] };
    }
    const { state, message, reason } = view;
    // The objects are what tells whether anything is to be done. Names in entry-changes are only which part of a directory is:
    // without the directory in the index of objects they are left over, as one is when two crawls meet (seen on 11.1).
    const pending = view.pending.xattrop;
    const isEmpty = reason === 'BrickEmpty' ? true : state === 'Complete' ? false : undefined;
    const blames = pending === undefined || pending === 0 ? [] : await this.#blames(signal);
    // The index of objects may keep an entry too many, too, until the next crawl, which is up to 10 min away.
    if (blames === 'nobody' || (pending === 0 && (view.pending.entryChanges ?? 0) > 0)) {
      const left = `nothing waits for heal, only entries of the index are left over (${message})`;
      return { backlog: { state: 'Complete', message: left, pending: 0, isEmpty: false }, blames: [] };
    }
    return { backlog: { state, message, pending, isEmpty }, blames };
  }

  /** Whom the first objects of the index blame; `nobody` when the index was seen to its end and nothing in it waits. */
  async #blames(signal: AbortSignal): Promise<string[] | 'nobody'> {
    const { page, set } = this.#options;
    try {
      const found = await withDeadline(BLAME_DEADLINE_MS, 'reading the heal index', page, signal);
      if (found === undefined) return [];
      const judged = found.entries.map(({ object }) =>
        object === 'gone' || object === 'unresolved' ? object : judgeCounters(object.counters, set),
      );
      const isOver = judged.every((one) => one === 'gone' || (typeof one === 'object' && one.verdict === 'Clean'));
      if (isOver && found.next === undefined) return 'nobody';
      const names = judged.flatMap((one) => (typeof one === 'object' ? one.blames.map(({ child }) => child) : []));
      return [...new Set(names)].sort();
    } catch (error) {
      if (signal.aborted) throw error;
      return [];
    }
  }
}
