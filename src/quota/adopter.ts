import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { faultPoint } from '../lib/fault-point.ts';
import type { Log } from '../lib/log.ts';
import type { AuditTarget } from './audit.ts';

/** What one brick does in an adoption. `check` changes nothing. */
export type AdoptStep = 'check' | 'directories' | 'files';

export interface AdoptResult {
  /** Directories that were put in their place. */
  moved: number;
  /** Files and directories that still count for something else; of step `files` only. */
  wrong: number;
  /** Why some of those could not be moved; undefined: no reason is known. */
  why?: string | undefined;
}

/** Step by step on this brick, and, where there are copies, on the others of its set. */
export interface AdoptPorts {
  /** @throws AgentError when it cannot be done on this brick */
  own(step: AdoptStep, target: AuditTarget, signal: AbortSignal): Promise<AdoptResult>;
  /** All others of the set at the same time; one that fails fails all. Empty without copies. */
  others(step: AdoptStep, pv: string, signal: AbortSignal): Promise<AdoptResult[]>;
  /** Why not now: a brick is down, something waits for heal, another brick is at it. Undefined: it is ours until `leave`. */
  enter(signal: AbortSignal): Promise<string | undefined>;
  leave(): void;
  /** Holds the names of all directories of the PV, so that no client renames between them. Nothing without copies. */
  lock(target: AuditTarget, signal: AbortSignal): Promise<() => Promise<void>>;
  /** Remembers on the disk that it was begun, or forgets it. */
  journal(target: AuditTarget, begun: boolean, signal: AbortSignal): Promise<void>;
  /** Has the counters set right on this brick; the others do so when they are done with their files. */
  repair(pv: string): void;
}

export type AdoptState = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Waiting';

/** Times are wall-clock milliseconds. */
export interface AdoptView {
  pv: string;
  state: AdoptState;
  /** What is being done, or was when it ended. */
  step: 'Queued' | 'Checking' | 'Directories' | 'Files' | 'Done';
  message: string;
  startedAt: number;
  finishedAt: number | undefined;
  /** Moved on this brick and the others of its set. */
  directories: number;
  /** Still outside on them, as of the last audits; undefined: not known yet. */
  wrong: number | undefined;
  /** When it is tried again by itself at the earliest; undefined: it is not. */
  againAt: number | undefined;
}

export interface AdoptionTarget extends AuditTarget {
  /** It was begun, and is not known to have ended. */
  begun: boolean;
  /** Files and directories that the last audit found outside. */
  wrong: number;
  /** Some of these are namespaces of their own: to move them changes nothing, as they bring it back at each look-up. */
  isNested: boolean;
}

export interface AdopterOptions {
  ports: AdoptPorts;
  targets: () => readonly AdoptionTarget[];
  /** Why it is refused on this brick for good; undefined: it is not. */
  refusal: string | undefined;
  /** Whether PVs are adopted that an audit of this brick has found partly outside, without being asked for. */
  automatic: boolean;
  clock: Clock;
  log: Log;
  wake: () => void;
}

/** What is made while directories are moved may be outside again; a later round finds it. */
const MAX_ROUNDS = 3;
/** Clients wait this long at most for a name, in milliseconds: then the locks are given up. */
const LOCKED_DEADLINE_MS = 15_000;
const STEP_DEADLINE_MS = 60_000;
/** One that has failed is tried again after this, in milliseconds, and after twice as long each time that it fails again. */
const TRY_AGAIN_MIN_MS = 30_000;
const TRY_AGAIN_MAX_MS = 300_000;
/** One that could not begin, milliseconds: what it waits for is mostly over in a moment, as a write in flight is, or in 15 s, as a start of a brick is. */
const WAIT_MIN_MS = 5_000;
const WAIT_MAX_MS = 10_000;
/** Between two by itself that succeed, in milliseconds: what a heal brings after the first is outside, too, and each holds the PV's names for a moment. */
const AUTOMATIC_AGAIN_MS = 30_000;

/**
 * Puts everything that a running brick has in memory below a PV into its namespace, so that a PV that had files before it
 * became a quota is limited as a whole, with nothing restarted.
 *
 * All bricks of a set do it at once, while the agent that leads holds the names of the PV's directories on its own brick: clients
 * of a replica set lock on every brick, so none can rename between a directory that has moved on one brick and one that has not
 * on another, which they would answer differently.
 */
export class Adopter {
  /** Adoptions led by this agent. */
  readonly stats = { succeeded: 0, failed: 0 };
  readonly #options: AdopterOptions;
  readonly #views = new Map<string, AdoptView>();
  readonly #queue = new Set<string>();
  /** Monotonic milliseconds before which a PV is not tried again by itself. */
  readonly #notBefore = new Map<string, number>();
  readonly #waits = new Map<string, Backoff>();
  readonly #failures = new Map<string, Backoff>();
  /** Somebody wants it, whatever audits say: until it has succeeded or failed. */
  readonly #asked = new Set<string>();
  /** Those whose journal says that they were begun: they are tried again wherever it is found. */
  readonly #begun = new Set<string>();

  constructor(options: AdopterOptions) {
    this.#options = options;
  }

  get(pv: string): AdoptView | undefined {
    return this.#views.get(pv);
  }

  /** Asks for it; the running or waiting one is returned when there is one. @throws AgentError `NotFound`, `NotSupported` */
  start(pv: string): AdoptView {
    const { refusal, targets, wake } = this.#options;
    if (refusal !== undefined) throw new AgentError('NotSupported', refusal);
    const target = targets().find((candidate) => candidate.pv === pv);
    if (target === undefined) {
      throw new AgentError('NotFound', `no PV "${pv}" with a limit in force on this brick`);
    }
    if (target.isNested) {
      throw new AgentError('Conflict', 'a directory of the PV is a namespace of its own: see quota explain');
    }
    const known = this.#views.get(pv);
    this.#asked.add(pv);
    if (known !== undefined && this.#isUnfinished(known)) return known;
    const view = this.#say(pv, { state: 'Pending', step: 'Queued', message: 'waits for its turn' });
    this.#queue.add(pv);
    wake();
    return view;
  }

  /** One adoption at most. @throws AgentError `Aborted` */
  async pass(signal: AbortSignal): Promise<void> {
    const { refusal, targets } = this.#options;
    const all = targets();
    this.#forgetOthers(all);
    if (refusal !== undefined) {
      this.#refuse(all, refusal);
      return;
    }
    const next = all.find(({ pv }) => this.#queue.has(pv)) ?? all.find((target) => this.#isDue(target));
    if (next !== undefined) await this.#adopt(next, signal);
  }

  #isDue(target: AdoptionTarget): boolean {
    const { pv, begun } = target;
    if (this.#options.clock.monotonic() < (this.#notBefore.get(pv) ?? 0)) return false;
    return begun || this.#asked.has(pv) || this.#isByItself(target);
  }

  #isByItself({ wrong, isNested }: AdoptionTarget): boolean {
    return this.#options.automatic && wrong > 0 && !isNested;
  }

  /** PVs that are gone, and those that wait for what is over: another agent has led, or the brick has met it anew. */
  #forgetOthers(all: readonly AdoptionTarget[]): void {
    if (this.#views.size === 0) return;
    const known = new Map(all.map((target) => [target.pv, target]));
    for (const [pv, view] of this.#views) {
      const target = known.get(pv);
      if (target === undefined) this.#forget(pv);
      else if (!target.begun && !this.#asked.has(pv) && !this.#isByItself(target)) {
        if (view.state === 'Waiting') this.#forget(pv);
        else view.againAt = undefined;
      }
    }
  }

  /** What would be done by itself elsewhere has to say why it is not. */
  #refuse(all: readonly AdoptionTarget[], message: string): void {
    for (const target of all) {
      if (!this.#isByItself(target)) continue;
      if (this.#views.get(target.pv)?.message !== message)
        this.#say(target.pv, { state: 'Failed', step: 'Checking', message });
    }
  }

  #isUnfinished({ state }: AdoptView): boolean {
    return state === 'Pending' || state === 'Running' || state === 'Waiting';
  }

  async #adopt(target: AuditTarget, signal: AbortSignal): Promise<void> {
    const { ports, clock, log } = this.#options;
    const { pv } = target;
    this.#queue.delete(pv);
    this.#say(pv, { state: 'Running', step: 'Checking', message: 'all bricks of the set are asked', restarted: true });
    try {
      const why = await bounded('asking the bricks', signal, async (own) => await ports.enter(own));
      if (why !== undefined) {
        const againMs = this.#backoff(this.#waits, pv, WAIT_MIN_MS, WAIT_MAX_MS);
        this.#say(pv, { state: 'Waiting', message: why, againAt: clock.now() + againMs });
        return;
      }
      this.#waits.delete(pv);
      await this.#run(target, signal);
    } catch (error) {
      if (isAgentError(error, 'Aborted') && signal.aborted) throw error;
      const againMs = this.#backoff(this.#failures, pv, TRY_AGAIN_MIN_MS, TRY_AGAIN_MAX_MS);
      this.stats.failed += 1;
      this.#asked.delete(pv);
      const isAgain = this.#begun.has(pv) || this.#options.automatic;
      const againAt = isAgain ? clock.now() + againMs : undefined;
      this.#say(pv, { state: 'Failed', message: errorMessage(error), againAt });
      log.warn({ pv, err: error }, 'a PV was not adopted');
    } finally {
      ports.leave();
    }
  }

  /** @returns for how long it is not tried again, in milliseconds */
  #backoff(backoffs: Map<string, Backoff>, pv: string, minMs: number, maxMs: number): number {
    const backoff = backoffs.get(pv) ?? new Backoff(minMs, maxMs);
    backoffs.set(pv, backoff);
    const againMs = backoff.next();
    this.#notBefore.set(pv, this.#options.clock.monotonic() + againMs);
    return againMs;
  }

  async #run(target: AuditTarget, signal: AbortSignal): Promise<void> {
    const { ports, clock, log } = this.#options;
    const { pv } = target;
    await this.#everywhere('check', target, signal);
    await ports.journal(target, true, signal);
    this.#begun.add(pv);
    faultPoint('adopt-journal');
    let wrong = 0;
    let why: string | undefined;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      this.#say(pv, { step: 'Directories', message: 'directories are put in their place' });
      const results = await this.#locked(target, signal);
      const moved = results.reduce((sum, result) => sum + result.moved, this.#views.get(pv)?.directories ?? 0);
      this.#say(pv, { step: 'Files', message: 'files are put in their place', directories: moved });
      const left = await this.#everywhere('files', target, signal);
      faultPoint('adopt-files');
      wrong = left.reduce((sum, result) => sum + result.wrong, 0);
      why = left.find((result) => result.why !== undefined)?.why;
      this.#say(pv, { wrong });
      if (wrong === 0) break;
    }
    await ports.journal(target, false, signal);
    this.#begun.delete(pv);
    faultPoint('adopt-forgotten');
    const { directories = 0 } = this.#views.get(pv) ?? {};
    if (wrong > 0) {
      const reason = why === undefined ? '' : `: ${why}`;
      throw new AgentError('Conflict', `${wrong} files and directories are still counted for something else${reason}`);
    }
    this.#notBefore.set(pv, clock.monotonic() + AUTOMATIC_AGAIN_MS);
    this.#failures.delete(pv);
    this.#asked.delete(pv);
    this.#say(pv, {
      state: 'Succeeded',
      step: 'Done',
      message: 'all that the bricks have in memory of it is counted for it',
    });
    this.stats.succeeded += 1;
    log.info({ pv, audit: true, directories }, 'a PV was adopted by the running bricks');
    ports.repair(pv);
  }

  async #locked(target: AuditTarget, signal: AbortSignal): Promise<AdoptResult[]> {
    return await withDeadline(
      LOCKED_DEADLINE_MS,
      `moving the directories of ${target.pv}`,
      async (own) => {
        const unlock = await this.#options.ports.lock(target, own);
        try {
          faultPoint('adopt-locked');
          const results = await this.#everywhere('directories', target, own);
          faultPoint('adopt-moved');
          return results;
        } finally {
          await unlock();
        }
      },
      signal,
    );
  }

  async #everywhere(step: AdoptStep, target: AuditTarget, signal: AbortSignal): Promise<AdoptResult[]> {
    const { ports } = this.#options;
    return await bounded(`step ${step} of ${target.pv}`, signal, async (own) => {
      // Also when one fails: as long as another one is at it, the names must stay locked.
      const [mine, others] = await Promise.allSettled([
        ports.own(step, target, own),
        ports.others(step, target.pv, own),
      ]);
      if (mine.status === 'rejected') throw mine.reason;
      if (others.status === 'rejected') throw others.reason;
      return [mine.value, ...others.value];
    });
  }

  #forget(pv: string): void {
    this.#views.delete(pv);
    this.#queue.delete(pv);
    this.#notBefore.delete(pv);
    this.#waits.delete(pv);
    this.#failures.delete(pv);
    this.#asked.delete(pv);
    this.#begun.delete(pv);
  }

  #say(pv: string, { restarted = false, ...change }: Partial<AdoptView> & { restarted?: boolean }): AdoptView {
    const now = this.#options.clock.now();
    const known = this.#views.get(pv);
    const fresh: AdoptView = {
      pv,
      state: 'Pending',
      step: 'Queued',
      message: '',
      // One that waits is the same one at each try.
      startedAt: known?.state === 'Waiting' ? known.startedAt : now,
      finishedAt: undefined,
      directories: 0,
      wrong: undefined,
      againAt: undefined,
    };
    const before = known === undefined || restarted || change.state === 'Pending' ? fresh : known;
    const view = { ...before, againAt: undefined, ...change };
    view.finishedAt = view.state === 'Succeeded' || view.state === 'Failed' ? now : undefined;
    this.#views.set(pv, view);
    return view;
  }
}

async function bounded<T>(what: string, signal: AbortSignal, work: (own: AbortSignal) => Promise<T>): Promise<T> {
  return await withDeadline(STEP_DEADLINE_MS, what, work, signal);
}
