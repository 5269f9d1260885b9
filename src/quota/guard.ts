import type { Clock } from '../lib/clock.ts';
import { isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';
import { growthBetween, isQuietSince, type GrowthMark } from './growth.ts';
import { shownLimit, shownUsage, type QuotaStatfs } from './live-limit.ts';
import { TamperingTally } from './tampering.ts';

/** What the guard asks of the running brick. Every call throws AgentError as QuotaBrick's do. */
export interface GuardBrick {
  readonly isUp: boolean;
  readonly generation: number;
  readonly hasSimpleQuota: boolean | undefined;
  /** In the order of the gfids; undefined: the brick refused that one. `width`: how many are asked for at a time. */
  statfsEach(gfids: readonly Gfid[], width: number, signal: AbortSignal): Promise<(QuotaStatfs | undefined)[]>;
  /** Bytes that the brick has last flushed; undefined: never. */
  flushedBytes(gfid: Gfid, signal: AbortSignal): Promise<bigint | undefined>;
  /** Whether the brick would refuse that many more bytes in that PV now. Writes nothing, whatever the answer. */
  wouldRefuse(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<boolean>;
  /** Switches the check of limits of the whole brick on or off. */
  setChecks(on: boolean, signal: AbortSignal): Promise<void>;
  /** Tells the brick what a PV uses. The first such message ends its own addition, for all PVs, until it restarts. */
  tellUsage(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<void>;
}

/** A PV whose limit is live on the brick. */
export interface GuardTarget {
  pv: string;
  gfid: Gfid;
  limitBytes: bigint;
}

interface Look {
  bytes: bigint;
  isOver: boolean;
  /** Bytes that the limit leaves. */
  room: number;
}

/** When a PV was looked at last. */
interface LastLook {
  limitBytes: bigint;
  /** When it began, in monotonic milliseconds. */
  at: number;
  isOver: boolean;
  /** From before the look. */
  mark: GrowthMark;
  /** Bytes that the brick can have taken in since without a need to look again. */
  enoughFor: number;
}

export interface GuardStats {
  /** Times that enforcement was found switched off, and that a PV's usage was found faked. */
  tampering: { off: number; faked: number };
  /** Times that enforcement was switched on without knowing whether it was off. */
  rearms: number;
}

export interface QuotaGuardOptions {
  brick: GuardBrick;
  targets: () => readonly GuardTarget[];
  /** Whether the PV is still on the brick, live or not. */
  isThere: (pv: string) => boolean;
  /** Whether the brick's volfile has the filter of quota messages: a second simple-quota with use-backend above the first. */
  hasFilter: () => Promise<boolean>;
  /** What the brick has been asked to write until now; undefined: that cannot be known. Never rejects but for a shutdown. */
  growth: (signal: AbortSignal) => Promise<GrowthMark | undefined>;
  /** Whether somebody tells the brick this PV's usage in every pass already: that of the whole volume, which is more than its own. */
  isTold: (pv: string) => boolean;
  /** Told of PVs for which the brick shows no limit, though one was live. */
  doubt: (pvs: readonly string[]) => void;
  clock: Clock;
  log: Log;
}

/** PVs looked at in one pass, in turns: at some 50 µs each a pass stays below 0.1 s. */
const MAX_PER_PASS = 1_000;
/** Every PV is looked at this often, whatever the brick says of its work, in milliseconds: what fills a PV unseen is found by then. */
const MAX_AGE_MS = 60_000;
/** The same while nothing is written at all, no block is taken and none given back: nothing can fill a PV then. */
const QUIET_AGE_MS = 600_000;
/** A PV is looked at again before writes can have taken this part of what its limit leaves. */
const ROOM_PART = 0.5;
/**
 * A look also has the brick put its count on the disk. So a PV is looked at again when this many bytes were written on the whole brick, or
 * anything this many milliseconds ago.
 */
const UNFLUSHED_BYTES = 256 * 1024 ** 2;
const UNFLUSHED_MS = 15_000;
/** Calls to the brick at the same time; half of what a server reads ahead per connection (64). */
const WIDTH = 32;
/** A PV that is over its limit and does not grow is probed again after this long, in milliseconds: each probe is a line in the brick's log. */
const PROBE_AGAIN_MS = 60_000;
/** More than any limit can leave free, and no overflow of the brick's signed sums: refused unless nothing is checked. */
const HUGE_BYTES = 2n ** 60n;

/**
 * Any tenant can switch enforcement off for the whole brick, or tell the brick a false usage of its PV; neither leaves a trace
 * in the brick's log (measured on 11.1). So enforcement is switched on in every pass, and tampering is told by what it is good
 * for: a PV that gets over its limit, where the brick does not refuse one more byte.
 */
export class QuotaGuard {
  readonly stats: GuardStats = { tampering: { off: 0, faked: 0 }, rearms: 0 };
  /** By PV; `stats` has the sum of all that ever were. */
  readonly tampering: TamperingTally;
  readonly #options: QuotaGuardOptions;
  #generation = -1;
  /** A false usage was found in this brick process: it no longer adds up by itself, so it is told in every pass. */
  #mustTell = false;
  #filter: 'Unknown' | 'Absent' | 'Present' = 'Unknown';
  #looked = new Map<Gfid, LastLook>();
  /** PVs over their limit, as last probed. */
  #over = new Map<Gfid, { bytes: bigint; probedAt: number }>();

  constructor(options: QuotaGuardOptions) {
    this.#options = options;
    this.tampering = new TamperingTally(options.isThere);
  }

  /** @throws AgentError when the brick does not answer */
  async pass(signal: AbortSignal): Promise<void> {
    const { brick } = this.#options;
    if (!brick.isUp || brick.hasSimpleQuota !== true) return;
    if (brick.generation !== this.#generation) this.#forget();
    const all = this.#options.targets();
    if (all.length === 0) return;
    this.#forgetGone(all);
    if (await this.#servesFilter(all, signal)) return;
    const mark = await this.#options.growth(signal);
    const some = this.#due(all, mark);
    const at = this.#options.clock.monotonic();
    const used = await this.#look(some, signal);
    this.#remember(some, used, mark, at);
    const lost = some.filter((_, index) => used[index] === undefined);
    if (lost.length > 0) this.#options.doubt(lost.map(({ pv }) => pv));
    const suspects = some.filter((target, index) => this.#isSuspect(target, used[index]));
    const fooled = await this.#fooled(suspects, signal);
    await brick.setChecks(true, signal);
    this.stats.rearms += 1;
    await this.#findFaked(fooled, signal);
    if (this.#mustTell) {
      await mapPool(some, WIDTH, async ({ pv, gfid }, index) => {
        const bytes = used[index]?.bytes;
        if (bytes !== undefined && !this.#options.isTold(pv)) await refusable(brick.tellUsage(gfid, bytes, signal));
      });
    }
  }

  #forget(): void {
    this.#generation = this.#options.brick.generation;
    this.#mustTell = false;
    this.#filter = 'Unknown';
    this.#over = new Map();
    this.#looked = new Map();
  }

  #forgetGone(all: readonly GuardTarget[]): void {
    if (this.#looked.size <= all.length) return;
    const there = new Set(all.map(({ gfid }) => gfid));
    for (const gfid of this.#looked.keys()) if (!there.has(gfid)) this.#looked.delete(gfid);
  }

  /**
   * PVs that may be over their limit by now, those first that were not looked at for longest. A PV grows by what the brick is asked
   * to write, so that of one with room for more than that the look before still holds.
   */
  #due(all: readonly GuardTarget[], mark: GrowthMark | undefined): GuardTarget[] {
    const now = this.#options.clock.monotonic();
    const due: { target: GuardTarget; at: number }[] = [];
    for (const target of all) {
      const last = this.#looked.get(target.gfid);
      const isDue =
        last?.limitBytes !== target.limitBytes ||
        mark === undefined ||
        this.#mustTell ||
        (isQuietSince(mark, last.at) && !last.isOver
          ? now - last.at >= QUIET_AGE_MS
          : now - last.at >= (mark.bytes === last.mark.bytes ? MAX_AGE_MS : UNFLUSHED_MS) ||
            growthBetween(last.mark, mark) >= last.enoughFor);
      if (isDue) due.push({ target, at: last?.at ?? Number.NEGATIVE_INFINITY });
    }
    if (due.length > MAX_PER_PASS) due.sort((a, b) => a.at - b.at);
    return due.slice(0, MAX_PER_PASS).map(({ target }) => target);
  }

  #remember(
    targets: readonly GuardTarget[],
    looks: readonly (Look | undefined)[],
    mark: GrowthMark | undefined,
    at: number,
  ): void {
    const unknown = { epoch: -1, bytes: 0, jumps: undefined, changedAt: undefined };
    for (const [index, { gfid, limitBytes }] of targets.entries()) {
      const { room, isOver } = looks[index] ?? { room: 0, isOver: true };
      const enoughFor = Math.min(room * ROOM_PART, UNFLUSHED_BYTES);
      this.#looked.set(gfid, { limitBytes, at, isOver, mark: mark ?? unknown, enoughFor });
    }
  }

  /** In the order of the targets; undefined: no longer there, or no limit in force. */
  async #look(targets: readonly GuardTarget[], signal: AbortSignal): Promise<(Look | undefined)[]> {
    const { brick } = this.#options;
    const gfids = targets.map(({ gfid }) => gfid);
    const answers = await brick.statfsEach(gfids, WIDTH, signal);
    const looks = answers.map((statfs) => {
      const bytes = statfs === undefined ? undefined : shownUsage(statfs);
      const limit = statfs === undefined ? undefined : shownLimit(statfs);
      if (bytes === undefined || limit === undefined) return undefined;
      return { bytes, isOver: false, room: Number(limit - bytes) };
    });
    // A full PV still shows a free block; none is left only beyond the limit, where the answer is capped.
    const over = gfids.flatMap((gfid, index) => {
      const statfs = answers[index];
      return looks[index] === undefined && statfs?.simpleQuota === true ? [{ gfid, index, statfs }] : [];
    });
    await mapPool(over, WIDTH, async ({ gfid, index, statfs: { blocks, blockSize } }) => {
      const flushed = await refusable(brick.flushedBytes(gfid, signal));
      looks[index] = { bytes: flushed ?? blocks * blockSize, isOver: true, room: 0 };
    });
    return looks;
  }

  /** Over its limit, for the first time or by more than before: the check may not be at work. */
  #isSuspect({ gfid }: GuardTarget, look: Look | undefined): boolean {
    if (look?.isOver !== true) {
      this.#over.delete(gfid);
      return false;
    }
    const known = this.#over.get(gfid);
    const now = this.#options.clock.monotonic();
    if (known !== undefined && look.bytes <= known.bytes && now - known.probedAt < PROBE_AGAIN_MS) return false;
    this.#over.set(gfid, { bytes: look.bytes, probedAt: now });
    return true;
  }

  /** Those of the suspects that the brick would let grow; says so when that is because nothing is checked at all. */
  async #fooled(suspects: readonly GuardTarget[], signal: AbortSignal): Promise<GuardTarget[]> {
    const { brick, log } = this.#options;
    const fooled: GuardTarget[] = [];
    for (const target of suspects) {
      if ((await refusable(brick.wouldRefuse(target.gfid, 1n, signal))) === false) fooled.push(target);
    }
    const [first] = fooled;
    if (first !== undefined && (await refusable(brick.wouldRefuse(first.gfid, HUGE_BYTES, signal))) === false) {
      this.stats.tampering.off += 1;
      for (const target of fooled) this.tampering.count(target, 'off');
      log.warn(
        { pvs: fooled.map(({ pv }) => pv) },
        'enforcement was switched off on the whole brick, and PVs grew beyond their limits: switched on again',
      );
    }
    return fooled;
  }

  /**
   * With the check on, one that still lets a PV grow beyond its limit has been told a false usage. The PV may have been emptied
   * since it was looked at, and then it may grow: only one that is over its limit before and after the answer has been faked.
   */
  async #findFaked(fooled: readonly GuardTarget[], signal: AbortSignal): Promise<void> {
    const { brick, log } = this.#options;
    for (const target of fooled) {
      if (!(await this.#isOver(target, signal))) continue;
      if ((await refusable(brick.wouldRefuse(target.gfid, 1n, signal))) !== false) continue;
      if (!(await this.#isOver(target, signal))) continue;
      this.stats.tampering.faked += 1;
      this.tampering.count(target, 'faked');
      this.#mustTell = true;
      log.warn({ pv: target.pv }, 'the brick was told a false usage of this PV: it is told the true one from now on');
    }
  }

  async #isOver(target: GuardTarget, signal: AbortSignal): Promise<boolean> {
    const [look] = await this.#look([target], signal);
    return look?.isOver === true;
  }

  /**
   * The filter swallows what tenants send, so the real simple-quota below it cannot be reached, also not by us. It must itself
   * be made transparent, and stay so: it counts nothing, but may hold a size from the brick's start.
   */
  async #servesFilter(targets: readonly GuardTarget[], signal: AbortSignal): Promise<boolean> {
    const { brick, hasFilter, log } = this.#options;
    if (this.#filter === 'Absent') return false;
    if (this.#filter === 'Unknown' && !(await hasFilter())) {
      this.#filter = 'Absent';
      return false;
    }
    await brick.setChecks(false, signal);
    if (this.#filter === 'Unknown') {
      // The volfile may say more than the process runs. Then nothing is checked now, which must not last.
      const probed = await this.#isStillChecked(targets, signal).catch(async (error: unknown) => {
        await brick.setChecks(true, signal);
        throw error;
      });
      if (probed !== true) {
        await brick.setChecks(true, signal);
        if (probed === false) this.#filter = 'Absent';
        return false;
      }
      this.#filter = 'Present';
      log.info({}, 'the brick runs a filter of quota messages: it is kept transparent');
    }
    await mapPool(targets, WIDTH, async ({ gfid }) => await refusable(brick.tellUsage(gfid, 0n, signal)));
    return true;
  }

  /** Undefined: no PV answered. */
  async #isStillChecked(targets: readonly GuardTarget[], signal: AbortSignal): Promise<boolean | undefined> {
    for (const { gfid } of targets) {
      const refused = await refusable(this.#options.brick.wouldRefuse(gfid, HUGE_BYTES, signal));
      if (refused !== undefined) return refused;
    }
    return undefined;
  }
}

/** Undefined when the brick refused this one call: a PV that is just being removed must not stop the others. */
async function refusable<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAgentError(error, 'GlusterError')) return undefined;
    throw error;
  }
}
