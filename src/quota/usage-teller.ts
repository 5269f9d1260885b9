import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';
import { isQuietSince, type GrowthMark } from './growth.ts';
import { shownUsage, type QuotaStatfs } from './live-limit.ts';
import { isDistributed, volumeUsage, type BrickUsage, type VolumeUsage } from './volume-usage.ts';

/** PVs that are asked and told at the same time. */
const WIDTH = 32;

/** The running brick. */
export interface UsageBrick {
  readonly isUp: boolean;
  readonly generation: number;
  /** STATFS as the quota helper: the brick's count, written to disk on the way. */
  statfs(gfid: Gfid, signal: AbortSignal): Promise<QuotaStatfs>;
  /** The exact count on disk, for a PV at its limit, where STATFS is capped. */
  flushedSize(gfid: Gfid, signal: AbortSignal): Promise<bigint | undefined>;
  tellUsage(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<void>;
}

export interface UsageTellerOptions {
  brick: UsageBrick;
  /** PVs with a limit in force. */
  targets: () => readonly { pv: string; gfid: Gfid }[];
  ownSubvolume: number;
  /** What other bricks have told of a PV, and which subvolumes there are. */
  others: (pv: string) => BrickUsage[];
  subvolumes: () => ReadonlySet<number>;
  /** A subvolume that has not told for so long is done without, in milliseconds: after a start it takes a moment until all have. */
  patienceMs: number;
  /** What the brick has been asked to write until now; undefined, also as an answer: that cannot be known. Never rejects but for a shutdown. */
  growth?: ((signal: AbortSignal) => Promise<GrowthMark | undefined>) | undefined;
  clock: Clock;
  log: Log;
}

/** The brick's own count of a PV. */
interface OwnCount {
  usedBytes: bigint;
  /** Monotonic milliseconds of when it was asked for. */
  askedAt: number;
  generation: number;
  gfid: Gfid;
  /** What it was last told, and when; undefined: nothing yet. */
  told: { bytes: bigint; at: number } | undefined;
}

/** What a brick at rest was told is told again after this long, in milliseconds: somebody may have told it something else. */
const TELL_AGAIN_MS = 60_000;

/**
 * On a distributed volume each brick counts its own files only, and N subvolumes would let N times the limit be stored. So each pass
 * asks the brick for its count and tells it the volume's.
 *
 * The first telling changes the brick process for good: from then on its own flushes do not raise the total any more, so every PV has
 * to be told in every pass until the process ends (measured on 11.1), but for a brick that nothing is written to: it has nothing to flush, and its total
 * stays as it was told. On a volume of one subvolume nothing is ever told.
 *
 * A brick may have been told by this agent's earlier life. Where another subvolume stays silent, the sum without it is told, then: what is
 * written on this brick would count for nothing else.
 */
export class UsageTeller {
  readonly #options: UsageTellerOptions;
  #own = new Map<string, OwnCount>();
  /** Of the last pass: until then the counts of PVs that are quiet are as good as new. */
  #quietAt = Number.NEGATIVE_INFINITY;
  #mark: GrowthMark | undefined;
  #usages = new Map<string, VolumeUsage>();
  #failing: string | undefined;
  /** In monotonic milliseconds. */
  #firstPassAt: number | undefined;

  constructor(options: UsageTellerOptions) {
    this.#options = options;
  }

  /** Our own count of each PV, for the agents of the other bricks; ages in milliseconds. */
  ownUsage(): { pv: string; usedBytes: bigint; ageMs: number }[] {
    const now = this.#options.clock.monotonic();
    return [...this.#own].map(([pv, { usedBytes, askedAt }]) => {
      const at = isQuietSince(this.#mark, askedAt) ? Math.max(askedAt, this.#quietAt) : askedAt;
      return { pv, usedBytes, ageMs: now - at };
    });
  }

  /** What was last told for a PV, or why nothing was. */
  usageOf(pv: string): VolumeUsage | undefined {
    return this.#usages.get(pv);
  }

  /** Whether the brick is told in every pass what the PV uses. */
  isTold(pv: string): boolean {
    const usage = this.#usages.get(pv);
    return usage !== undefined && this.#isToBeTold(usage, this.#options.subvolumes());
  }

  /** @throws AgentError `Aborted`; one PV's failure costs nothing but its turn */
  async pass(signal: AbortSignal): Promise<void> {
    const { brick, targets, subvolumes, growth, clock } = this.#options;
    const there = subvolumes();
    if (!brick.isUp || there.size < 2) return;
    this.#mark = await growth?.(signal);
    this.#quietAt = clock.monotonic();
    const all = targets();
    const known = new Set(all.map(({ pv }) => pv));
    for (const pv of this.#own.keys()) if (!known.has(pv)) this.#forget(pv);
    this.#firstPassAt ??= clock.monotonic();
    const failures = await mapPool(all, WIDTH, async ({ pv, gfid }) => await this.#tell(pv, gfid, there, signal));
    this.#report(failures.find((failure) => failure !== undefined));
  }

  /** @returns why it failed */
  async #tell(pv: string, gfid: Gfid, there: ReadonlySet<number>, signal: AbortSignal): Promise<string | undefined> {
    const { brick, clock, ownSubvolume, others } = this.#options;
    try {
      const known = this.#own.get(pv);
      const isQuiet =
        known?.gfid === gfid && known.generation === brick.generation && isQuietSince(this.#mark, known.askedAt);
      const own = isQuiet ? known : await this.#ask(gfid, signal);
      if (own === undefined) return undefined;
      this.#own.set(pv, own);
      const usage = volumeUsage({ subvolume: ownSubvolume, usedBytes: own.usedBytes }, others(pv), there);
      this.#usages.set(pv, usage);
      if (usage.kind === 'OwnOnly' || !this.#isToBeTold(usage, there)) return undefined;
      const now = clock.monotonic();
      if (own.told?.bytes === usage.usedBytes && now - own.told.at < TELL_AGAIN_MS) return undefined;
      await brick.tellUsage(gfid, usage.usedBytes, signal);
      own.told = { bytes: usage.usedBytes, at: now };
      return undefined;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#forget(pv);
      return `${pv}: ${errorMessage(error)}`;
    }
  }

  #isToBeTold(usage: VolumeUsage, there: ReadonlySet<number>): boolean {
    if (usage.kind !== 'Incomplete') return usage.kind === 'Sum';
    const { ownSubvolume, patienceMs, clock } = this.#options;
    if (!isDistributed(ownSubvolume, there) || this.#firstPassAt === undefined) return false;
    return clock.monotonic() - this.#firstPassAt >= patienceMs;
  }

  async #ask(gfid: Gfid, signal: AbortSignal): Promise<OwnCount | undefined> {
    const { brick, clock } = this.#options;
    const [askedAt, { generation }] = [clock.monotonic(), brick];
    const statfs = await brick.statfs(gfid, signal);
    const usedBytes = shownUsage(statfs) ?? (statfs.simpleQuota ? await brick.flushedSize(gfid, signal) : undefined);
    return usedBytes === undefined ? undefined : { usedBytes, askedAt, generation, gfid, told: undefined };
  }

  #forget(pv: string): void {
    this.#own.delete(pv);
    this.#usages.delete(pv);
  }

  #report(failure: string | undefined): void {
    if (failure !== undefined && this.#failing === undefined) {
      this.#options.log.warn({ reason: failure }, 'a brick was not told the usage of the volume');
    }
    this.#failing = failure;
  }
}
