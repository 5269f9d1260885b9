/**
 * What waits for heal on this brick, and whether it moves. Pure: looks go in, a judgement comes out.
 *
 * What needs heal is `xattrop` plus `entry-changes`. `xattrop` has every gfid with pending operations, so it says whether there
 * is anything to do; but a directory in which a million names changed is one entry there, and only `entry-changes` falls while
 * it is healed. An object may count in both, so the sum measures work, and `xattrop` alone the objects.
 *
 * `dirty` does not count. An entry stands there while a write is in flight and for a second after (post-op delay), so a busy
 * brick always has some; one that a dead client left looks the same from here. It is told beside the state.
 *
 * All of it is what this brick knows: a brick that was down knows nothing of what it missed, its peers do.
 */
import { formatDuration } from '../lib/units.ts';
import { FlowWindow } from './flow-window.ts';
import type { HealCounts, IndexCount } from './ports.ts';
import { EMPTY_REMEDY } from './wiped-brick.ts';

export type BacklogState = 'Complete' | 'Progressing' | 'Stalled' | 'Unknown';

export type BacklogReason =
  /** Complete. */
  | 'NothingPending'
  /** Progressing: something went out within the stall time. */
  | 'Falling'
  /** Progressing: nothing went out yet, but it is too early to call it stalled. */
  | 'Waiting'
  /** Stalled. */
  | 'NothingHealed'
  /** Unknown: nobody has looked yet. */
  | 'NotObserved'
  /** Unknown: the last look failed. */
  | 'ObservationFailed'
  /** Unknown: the last look is too long ago. */
  | 'ObservationTooOld'
  /** Unknown: nothing is pending, but the brick is empty as if it had been wiped: then the indices know nothing of it. */
  | 'BrickEmpty'
  /** Unknown: an index is missing or not counted to its end. */
  | 'CountUnknown';

/**
 * The daemon looks by itself every `heal-timeout` (default 600 s), so a backlog may rest that long with nothing wrong; half of
 * it again for the crawl. In milliseconds.
 */
export const STALL_AFTER_MS = 900_000;

/** Looks are some seconds apart; one that is older than this says nothing of now. In milliseconds. */
export const STALE_AFTER_MS = 60_000;

/**
 * One brick cannot tell a volume without data from a brick that has lost it: no index of any brick knows of the loss until the
 * brick is marked as replaced (measured on 10.3).
 */
const BRICK_EMPTY =
  'this brick is empty, so that nothing is pending means nothing: either the volume has no data yet, or this brick was wiped ' +
  `or replaced and its data is missing; compare with the other bricks (brick-agent heal safe-to-stop asks them); ${EMPTY_REMEDY}`;

export interface BacklogOptions {
  stallAfterMs?: number;
  /** At least three times the pause between two looks. */
  staleAfterMs?: number;
  rateWindowMs?: number;
}

/** A member that is undefined is not known. */
export interface BacklogView {
  state: BacklogState;
  reason: BacklogReason;
  /** One sentence. */
  message: string;
  pending: { xattrop: number | undefined; dirty: number | undefined; entryChanges: number | undefined };
  /** The brick holds nothing of any client, whether anything is pending or not; undefined: not known. */
  isEmptyBrick?: boolean | undefined;
  /** Wall-clock milliseconds of the last look that succeeded. */
  observedAt: number | undefined;
  /** Wall-clock milliseconds since when it has not been empty, as far as was seen; undefined when it is empty. */
  pendingSince: number | undefined;
  inPerSecond: number | undefined;
  outPerSecond: number | undefined;
  /** At the present rates; undefined when it does not fall. */
  etaSeconds: number | undefined;
}

/**
 * Why a heal may be moving what is on this brick; undefined: none is. Names in entry-changes are only which part of a directory is to be healed: with no
 * object waiting they are left over, as one is when two crawls meet, for up to ten minutes (seen on 11.1).
 */
export function whyHealing({ state, message, pending }: BacklogView): string | undefined {
  const isLeftOver = pending.xattrop === 0 && (pending.entryChanges ?? 0) > 0;
  return state === 'Complete' || isLeftOver ? undefined : message;
}

interface Look {
  /** Monotonic and wall-clock milliseconds. */
  at: number;
  wallAt: number;
  counts: HealCounts;
}

export class Backlog {
  readonly #stallAfterMs: number;
  readonly #staleAfterMs: number;
  readonly #flow: FlowWindow;
  #look: Look | undefined;
  #failure: string | undefined;
  /** The last known count of each index, and so what the next one is compared with. */
  readonly #known: { xattrop: number | undefined; entryChanges: number | undefined } = {
    xattrop: undefined,
    entryChanges: undefined,
  };
  #pendingSince: { at: number; wallAt: number } | undefined;
  #lastOutAt: number | undefined;

  constructor(options: BacklogOptions = {}) {
    this.#stallAfterMs = options.stallAfterMs ?? STALL_AFTER_MS;
    this.#staleAfterMs = options.staleAfterMs ?? STALE_AFTER_MS;
    this.#flow = new FlowWindow(options.rateWindowMs);
  }

  /** A look that succeeded. @param at monotonic @param wallAt wall-clock, both in milliseconds */
  observe(counts: HealCounts, at: number, wallAt: number): void {
    this.#failure = undefined;
    this.#look = { at, wallAt, counts };
    const xattrop = this.#change('xattrop', counts.xattrop);
    const entryChanges = this.#change('entryChanges', counts.entryChanges);
    const out = Math.max(0, -xattrop) + Math.max(0, -entryChanges);
    if (known(counts.xattrop) !== undefined) this.#flow.open(at);
    this.#flow.add(at, Math.max(0, xattrop) + Math.max(0, entryChanges), out);
    if (out > 0) this.#lastOutAt = at;
    if (isEmpty(counts)) {
      this.#pendingSince = undefined;
      this.#lastOutAt = undefined;
    } else if (isPending(counts)) {
      this.#pendingSince ??= { at, wallAt };
    }
  }

  /** A look that failed: what was known before says nothing of now. */
  fail(message: string): void {
    this.#failure = message;
  }

  /** @param at monotonic milliseconds */
  view(at: number): BacklogView {
    const look = this.#look;
    if (look === undefined || this.#failure !== undefined || at - look.at > this.#staleAfterMs) {
      return this.#unseen(look, at);
    }
    const verdict = this.#judge(look, at);
    const rates = this.#flow.rates();
    return {
      ...verdict,
      pending: {
        xattrop: known(look.counts.xattrop),
        dirty: known(look.counts.dirty),
        entryChanges: known(look.counts.entryChanges),
      },
      isEmptyBrick: look.counts.isEmptyBrick,
      observedAt: look.wallAt,
      pendingSince: isPending(look.counts) ? this.#pendingSince?.wallAt : undefined,
      inPerSecond: rates?.inPerSecond,
      outPerSecond: rates?.outPerSecond,
      etaSeconds: this.#eta(look, rates),
    };
  }

  #unseen(look: Look | undefined, at: number): BacklogView {
    let reason: BacklogReason = 'NotObserved';
    let message = 'the heal index has not been looked at yet';
    if (this.#failure !== undefined) {
      reason = 'ObservationFailed';
      message = `the heal index cannot be read: ${this.#failure}`;
    } else if (look !== undefined) {
      reason = 'ObservationTooOld';
      message = `the heal index was last looked at ${formatDuration(at - look.at)} ago`;
    }
    return {
      state: 'Unknown',
      reason,
      message,
      pending: { xattrop: undefined, dirty: undefined, entryChanges: undefined },
      observedAt: look?.wallAt,
      pendingSince: undefined,
      inPerSecond: undefined,
      outPerSecond: undefined,
      etaSeconds: undefined,
    };
  }

  #judge({ counts }: Look, at: number): Pick<BacklogView, 'state' | 'reason' | 'message'> {
    if (isEmpty(counts)) {
      if (counts.isEmptyBrick === true) return { state: 'Unknown', reason: 'BrickEmpty', message: BRICK_EMPTY };
      const message = `nothing waits for heal as far as this brick knows${inFlight(counts)}`;
      return { state: 'Complete', reason: 'NothingPending', message };
    }
    if (!isPending(counts)) {
      return { state: 'Unknown', reason: 'CountUnknown', message: unknownIndex(counts) };
    }
    const what = describe(counts);
    const quietSince = this.#lastOutAt ?? this.#pendingSince?.at ?? at;
    const quietFor = formatDuration(at - quietSince);
    if (at - quietSince < this.#stallAfterMs) {
      return this.#lastOutAt === undefined
        ? {
            state: 'Progressing',
            reason: 'Waiting',
            message: `${what}, the first seen ${quietFor} ago; none healed yet`,
          }
        : { state: 'Progressing', reason: 'Falling', message: `${what}; the last was healed ${quietFor} ago` };
    }
    if (known(counts.xattrop) === undefined) {
      return { state: 'Unknown', reason: 'CountUnknown', message: `${what}, but ${unknownIndex(counts)}` };
    }
    return {
      state: 'Stalled',
      reason: 'NothingHealed',
      message:
        `${what} and none was healed for ${quietFor}: a brick of the set is down, the self-heal daemon does not run, ` +
        'one file is very large, or there is a split-brain',
    };
  }

  #eta({ counts }: Look, rates: { inPerSecond: number; outPerSecond: number } | undefined): number | undefined {
    const xattrop = known(counts.xattrop);
    const entryChanges = known(counts.entryChanges);
    if (rates === undefined || xattrop === undefined || entryChanges === undefined) return undefined;
    const net = rates.outPerSecond - rates.inPerSecond;
    return xattrop + entryChanges > 0 && net > 0 ? (xattrop + entryChanges) / net : undefined;
  }

  #change(index: 'xattrop' | 'entryChanges', count: IndexCount): number {
    const now = known(count);
    if (now === undefined) return 0;
    const before = this.#known[index];
    this.#known[index] = now;
    return before === undefined ? 0 : now - before;
  }
}

function known(count: IndexCount): number | undefined {
  return count.complete ? count.entries : undefined;
}

function isEmpty(counts: HealCounts): boolean {
  return known(counts.xattrop) === 0 && known(counts.entryChanges) === 0;
}

/** Also when it is only known that there are at least some. */
function isPending(counts: HealCounts): boolean {
  return (counts.xattrop.entries ?? 0) + (counts.entryChanges.entries ?? 0) > 0;
}

function describe(counts: HealCounts): string {
  const { xattrop, entryChanges } = counts;
  const atLeast = known(xattrop) === undefined || known(entryChanges) === undefined ? 'at least ' : '';
  const parts: string[] = [];
  const objects = xattrop.entries ?? 0;
  const names = entryChanges.entries ?? 0;
  if (objects > 0) parts.push(objects === 1 ? '1 object' : `${objects} objects`);
  if (names > 0) parts.push(names === 1 ? '1 changed name' : `${names} changed names`);
  return `${atLeast}${parts.join(' and ')} ${objects + names === 1 ? 'waits' : 'wait'} for heal`;
}

function unknownIndex(counts: HealCounts): string {
  const name = known(counts.xattrop) === undefined ? 'xattrop' : 'entry-changes';
  const count = name === 'xattrop' ? counts.xattrop : counts.entryChanges;
  return count.entries === undefined
    ? `the brick has no ${name} index that can be counted`
    : `the ${name} index is not counted to its end yet`;
}

function inFlight(counts: HealCounts): string {
  const dirty = counts.dirty.entries ?? 0;
  if (dirty === 0) return '';
  return dirty === 1
    ? '; 1 object is being written, or was left by a client that died'
    : `; ${dirty} objects are being written, or were left by clients that died`;
}
