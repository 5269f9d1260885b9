import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { faultPoint } from '../lib/fault-point.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';
import { sharedBigint } from '../lib/shared-bigint.ts';
import type { BackendChange, BackendClaim, BackendQuota } from '../brick/quota-xattrs.ts';
import { nothingOnDisk, planBackend } from './backend-plan.ts';
import { desiredQuota, type Desired } from './desired.ts';
import { brickLimit, type QuotaLayout } from './layout.ts';
import { showsLimit, type QuotaStatfs } from './live-limit.ts';
import { LiveQuota } from './live-quota.ts';
import type { QuotaBackend, QuotaBrick } from './ports.ts';
import { foundLive, judge, usedBytes, type LiveView, type PvState } from './pv-state.ts';

/** PVs in one round. While one round waits for the brick, another is with the disk. */
const ROUND = 250;
const ROUNDS_AT_ONCE = 2;
/** PVs of a round that are settled with the brick at the same time: both rounds stay below what a server reads ahead per connection (64). */
const LIVE_WIDTH = 28;
/** Looks at the same time, where there is nothing else: half of what a server reads ahead per connection. */
const LOOK_WIDTH = 32;
/**
 * For so long a namespace that was freed for the heal of its directory is left to that, in milliseconds: an endless heal tries again some three times
 * a second (measured on 11.1), and would be refused as before if it were back already.
 */
const LEFT_TO_HEAL_MS = 10_000;
/** Parts into which the second half of the time between two checks is divided. */
const SPREAD = 16;

/**
 * One round for a set of PVs: read the backend, write what differs, read it back, then bring the running brick in line and
 * read that back too. Any step may be cut short by a crash: the next round starts from what it finds.
 */
export class Reconciler {
  readonly #backend: QuotaBackend;
  readonly #brick: QuotaBrick;
  readonly #layout: QuotaLayout;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #live: LiveQuota;
  readonly #checkIntervalMs: number;
  /** Paths of directories whose namespace a heal is to set, with monotonic milliseconds until which it has the time to. */
  readonly #leftToHeal = new Map<string, number>();

  /** `checkIntervalMs`: longest that anything of a PV is believed to be as it was, in milliseconds. */
  constructor(options: {
    backend: QuotaBackend;
    brick: QuotaBrick;
    layout: QuotaLayout;
    clock: Clock;
    log: Log;
    checkIntervalMs: number;
  }) {
    this.#checkIntervalMs = options.checkIntervalMs;
    this.#backend = options.backend;
    this.#brick = options.brick;
    this.#layout = options.layout;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#live = new LiveQuota(options.brick);
  }

  forget(path: string): void {
    this.#live.forget(path);
    this.#leftToHeal.delete(path);
  }

  /** A heal of the directory is to set its namespace on the disk: it is not written here for a while. */
  leaveToHeal(path: string): void {
    const now = this.#clock.monotonic();
    // Asked for again and again it is no reason to leave a directory without its namespace for good.
    if (now < (this.#leftToHeal.get(path) ?? now)) return;
    this.#leftToHeal.set(path, now + LEFT_TO_HEAL_MS);
  }

  /**
   * Asks the running brick only, all in one: for PVs whose directory is as it was. The brick puts their counts on the disk on the way.
   *
   * @param states settled, with a limit
   * @returns those that are not as they are wanted any more, or did not answer. @throws AgentError `Aborted`
   */
  async look(states: readonly PvState[], signal: AbortSignal): Promise<PvState[]> {
    if (states.length === 0) return [];
    const askedAt = this.#clock.monotonic();
    const asked = states.flatMap((state) => {
      const gfid = foundLive(state)?.gfid;
      return gfid === undefined ? [] : [{ state, gfid }];
    });
    const others = new Set(states);
    let answers: (QuotaStatfs | undefined)[] = [];
    try {
      answers = await this.#brick.statfsEach(
        asked.map(({ gfid }) => gfid),
        LOOK_WIDTH,
        signal,
      );
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
    }
    const now = this.#clock.now();
    for (const [index, { state, gfid }] of asked.entries()) {
      const statfs = answers[index];
      const { desired, live } = state;
      if (statfs === undefined || desired.limitBytes === undefined || live.kind !== 'result') continue;
      if (live.result.kind !== 'settled' || !showsLimit(statfs, brickLimit(desired.limitBytes, this.#layout))) continue;
      others.delete(state);
      state.askedAt = askedAt;
      const isSame = statfs.free === live.result.statfs.free && statfs.blockSize === live.result.statfs.blockSize;
      state.live = { kind: 'result', result: { kind: 'settled', gfid, statfs, madeNamespace: false }, at: now };
      if (!isSame) this.#judge(state, now);
    }
    return [...others];
  }

  /** @throws AgentError when the backend as a whole does not answer; one PV's failure is only in its own state */
  async reconcile(states: readonly PvState[], signal: AbortSignal): Promise<void> {
    const rounds = Array.from({ length: Math.ceil(states.length / ROUND) }, (_, n) =>
      states.slice(n * ROUND, (n + 1) * ROUND),
    );
    await mapPool(rounds, ROUNDS_AT_ONCE, async (round) => await this.#round(round, signal));
  }

  async #round(states: readonly PvState[], signal: AbortSignal): Promise<void> {
    const areNew = this.#brick.isUp && states.some(({ path }) => !this.#live.isKnown(path));
    const claimed = await this.#readOrWrite(states, signal, areNew);
    faultPoint('pass-read');
    const made = [...claimed, ...(await this.#writeDifferences(states, signal))];
    const fresh = new Set(
      made.filter(({ backend }) => backend.kind === 'present' && backend.quota.hasEntries === false),
    );
    faultPoint('pass-written');
    await mapPool(states, LIVE_WIDTH, async (state) => await this.#settle(state, fresh.has(state), signal));
    faultPoint('pass-live');
    await this.#proveEmpty(states, signal);
    await this.#removeLifted(states, signal);
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    for (const [index, state] of states.entries()) {
      if (state.backend.kind === 'present') forgetLook(state.backend.quota);
      this.#judge(state, now);
      // One after the other: all at once would hold up the pass in which they are due again.
      state.believedUntil = monotonic + this.#checkIntervalMs * (1 - (index % SPREAD) / (2 * SPREAD));
    }
  }

  /** Logs when a PV gets to its soft limit, and when it is below it again. */
  #judge(state: PvState, now: number): void {
    const before = softLimitStatus(state);
    judge(state, this.#layout, now);
    const after = softLimitStatus(state);
    if (after === before) return;
    const facts = { pv: state.pv, usedBytes: usedBytes(state)?.toString() };
    if (after === 'False') this.#log.warn(facts, 'uses its soft limit or more');
    else if (after === 'True' && before === 'False') this.#log.info(facts, 'uses less than its soft limit again');
  }

  async #read(states: readonly PvState[], signal: AbortSignal, closely = false): Promise<void> {
    if (states.length === 0) return;
    const reads = await this.#backend.read(
      states.map((state) => state.path),
      signal,
      closely,
    );
    for (const [index, state] of states.entries()) this.#take(state, reads[index] ?? NO_ANSWER);
  }

  /**
   * Reads them. Of those that were not read yet, what would be wanted if nothing stood on the disk is written on the way, where that is so.
   *
   * @returns those that are namespaces on the disk from now on
   */
  async #readOrWrite(states: readonly PvState[], signal: AbortSignal, closely: boolean): Promise<PvState[]> {
    const claims = new Map<PvState, BackendClaim>();
    for (const state of states) {
      if (state.backend.kind !== 'unknown') continue;
      const { path } = state;
      const { limitBytes } = desiredQuota(nothingOnDisk(path), state.wishes, this.#layout);
      if (limitBytes !== undefined)
        claims.set(state, { path, namespace: true, limitBytes: brickLimit(limitBytes, this.#layout) });
    }
    await this.#read(
      states.filter((state) => !claims.has(state)),
      signal,
      closely,
    );
    if (claims.size === 0) return [];
    const reads = await this.#backend.readOrWrite([...claims.values()], signal, closely || this.#brick.isUp);
    const claimed: PvState[] = [];
    for (const [index, state] of [...claims.keys()].entries()) {
      const read = reads[index] ?? NO_ANSWER;
      this.#take(state, read);
      if (read.kind === 'present' && read.written === true) claimed.push(state);
    }
    return claimed;
  }

  #take(state: PvState, read: PvState['backend']): void {
    if (read.kind === 'present') {
      const quota = kept(state, read.quota);
      state.backend = { kind: 'present', quota };
      this.#takeDesired(state, quota);
    } else state.backend = read;
  }

  #takeDesired(state: PvState, quota: Parameters<typeof desiredQuota>[0]): void {
    const desired = desiredQuota(quota, state.wishes, this.#layout);
    if (desired.warning !== undefined && desired.warning !== state.desired.warning) {
      this.#log.warn({ pv: state.pv }, desired.warning);
    }
    if (desired.limitBytes !== state.desired.limitBytes || desired.source !== state.desired.source) {
      state.generation += 1;
      this.#log.info(
        { pv: state.pv, limitBytes: desired.limitBytes?.toString() ?? null, source: desired.source ?? null },
        'wanted limit changed',
      );
    }
    state.desired = desired;
  }

  #plan(desired: Desired, quota: BackendQuota): BackendChange | undefined {
    const change = planBackend(desired, quota, this.#layout);
    const until = this.#leftToHeal.get(quota.path);
    if (change === undefined || until === undefined) return change;
    if (this.#clock.monotonic() >= until) {
      this.#leftToHeal.delete(quota.path);
      return change;
    }
    const { namespace, ...others } = change;
    return namespace === true && others.limitBytes === undefined ? undefined : others;
  }

  /** @returns those that are namespaces on the disk from now on */
  async #writeDifferences(states: readonly PvState[], signal: AbortSignal): Promise<PvState[]> {
    const changed: PvState[] = [];
    const made: PvState[] = [];
    const changes: BackendChange[] = [];
    for (const state of states) {
      if (state.backend.kind !== 'present') continue;
      const change = this.#plan(state.desired, state.backend.quota);
      if (change === undefined) continue;
      changed.push(state);
      changes.push(change);
      if (change.namespace === true) made.push(state);
    }
    // Whether they are empty is a question of the running brick only, and costs as much as all the rest.
    await this.#write(changed, changes, signal, this.#brick.isUp && made.length > 0);
    return made;
  }

  /** Writes and takes what was read back; what failed to be written is named on its PV, whatever stands on disk. */
  async #write(
    states: readonly PvState[],
    changes: readonly BackendChange[],
    signal: AbortSignal,
    closely = false,
  ): Promise<void> {
    if (changes.length === 0) return;
    const written = await this.#backend.write(changes, signal, closely);
    for (const [index, state] of states.entries()) {
      const result = written[index];
      if (result?.kind !== 'written') this.#take(state, result ?? NO_ANSWER);
      else this.#take(state, { kind: 'present', quota: result.quota });
    }
  }

  async #settle(state: PvState, isFresh: boolean, signal: AbortSignal): Promise<void> {
    state.askedAt = this.#clock.monotonic();
    state.live = await this.#settled(state, isFresh, signal);
    if (state.live.kind !== 'result') return;
    const { result } = state.live;
    if (result.kind === 'settled' && result.madeNamespace) {
      state.namespaceMade = 'WithEntries';
      state.audit = undefined;
    }
  }

  async #settled(state: PvState, isFresh: boolean, signal: AbortSignal): Promise<LiveView> {
    if (this.#brick.hasSimpleQuota === false) return { kind: 'unsupported' };
    if (!this.#brick.isUp) {
      return { kind: 'unknown', reason: 'BrickDown', message: 'no connection to the brick process' };
    }
    if (state.backend.kind === 'missing') return { kind: 'result', result: { kind: 'missing' }, at: this.#clock.now() };
    try {
      const fresh =
        isFresh && state.backend.kind === 'present' ? { parent: state.backend.quota.parentGfid } : undefined;
      const result = await this.#live.settle(state.path, this.#wantedLive(state), signal, fresh);
      return { kind: 'result', result, at: this.#clock.now() };
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      const message = errorMessage(error);
      return isAgentError(error, 'GlusterError')
        ? { kind: 'failed', message }
        : { kind: 'unknown', reason: 'BrickUnknown', message };
    }
  }

  #wantedLive(state: PvState): bigint | 'lifted' | 'observe' {
    if (state.desired.limitBytes !== undefined) return brickLimit(state.desired.limitBytes, this.#layout);
    // Only a removal that somebody asked for lifts a limit; a limit that merely lost its xattr is left in force.
    return state.desired.removed ? 'lifted' : 'observe';
  }

  /**
   * A directory that is still empty after it became a namespace has nothing below it that the brick could have cached before:
   * the whole PV is covered. One that has entries by then may have had them before.
   */
  async #proveEmpty(states: readonly PvState[], signal: AbortSignal): Promise<void> {
    const made = states.filter(
      (state) =>
        state.live.kind === 'result' && state.live.result.kind === 'settled' && state.live.result.madeNamespace,
    );
    await this.#read(made, signal, true);
    for (const state of made) {
      if (state.backend.kind === 'present' && state.backend.quota.hasEntries === false) state.namespaceMade = 'Empty';
    }
  }

  /** Takes the limit off the disk once the running brick has it lifted (or is not there), and our record once all is forgotten. */
  async #removeLifted(states: readonly PvState[], signal: AbortSignal): Promise<void> {
    const changed: PvState[] = [];
    const changes: BackendChange[] = [];
    for (const state of states) {
      if (!state.desired.removed || state.backend.kind !== 'present' || state.live.kind === 'failed') continue;
      const forgotten = state.live.kind === 'result' && state.live.result.kind === 'settled';
      if (state.backend.quota.limitBytes !== undefined) changes.push({ path: state.path, limitBytes: null });
      else if (forgotten) changes.push({ path: state.path, record: null });
      else continue;
      changed.push(state);
    }
    await this.#write(changed, changes, signal);
    if (changes.length > 0) faultPoint('pass-removed');
  }
}

function softLimitStatus({ conditions }: PvState): string | undefined {
  return conditions.find(({ type }) => type === 'BelowSoftLimit')?.status;
}

const NO_ANSWER = { kind: 'failed', message: 'the worker did not answer for this directory' } as const;

/**
 * Each answer of the thread comes with texts and numbers of its own, in objects that have grown member by member; for 10,000 PVs they are
 * megabytes.
 */
function kept(state: PvState, quota: BackendQuota): BackendQuota {
  const known = state.backend.kind === 'present' ? state.backend.quota : undefined;
  const live = foundLive(state);
  const gfid = [live?.gfid, known?.gfid].find((other) => other === quota.gfid) ?? quota.gfid;
  return {
    path: state.path,
    gfid,
    namespace: quota.namespace,
    limitBytes: shared(quota.limitBytes),
    sizeBytes: shared(quota.sizeBytes),
    adopting: quota.adopting,
    record: known?.record === quota.record ? known?.record : quota.record,
    hasEntries: quota.hasEntries,
    parentGfid: quota.parentGfid,
  };
}

function shared(bytes: BackendQuota['limitBytes']): BackendQuota['limitBytes'] {
  return typeof bytes === 'bigint' ? sharedBigint(bytes) : bytes;
}

/** What was looked at closely served this round only. */
function forgetLook(quota: BackendQuota): void {
  quota.hasEntries = undefined;
  quota.parentGfid = undefined;
}
