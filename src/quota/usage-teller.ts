import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';
import { shownUsage, type QuotaStatfs } from './live-limit.ts';
import { volumeUsage, type BrickUsage, type VolumeUsage } from './volume-usage.ts';

/** PVs that are asked and told at the same time. */
const WIDTH = 32;

/** The running brick. */
export interface UsageBrick {
  readonly isUp: boolean;
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
  clock: Clock;
  log: Log;
}

/**
 * On a distributed volume each brick counts its own files only, and N subvolumes would let N times the limit be stored. So each pass
 * asks the brick for its count and tells it the volume's.
 *
 * The first telling changes the brick process for good: from then on its own flushes do not raise the total any more, so every PV has
 * to be told in every pass until the process ends (measured on 11.1). On a volume of one subvolume nothing is ever told.
 */
export class UsageTeller {
  readonly #options: UsageTellerOptions;
  #own = new Map<string, { usedBytes: bigint; at: number }>();
  #usages = new Map<string, VolumeUsage>();
  #failing: string | undefined;

  constructor(options: UsageTellerOptions) {
    this.#options = options;
  }

  /** Our own count of each PV, for the agents of the other bricks; ages in milliseconds. */
  ownUsage(): { pv: string; usedBytes: bigint; ageMs: number }[] {
    const now = this.#options.clock.monotonic();
    return [...this.#own].map(([pv, { usedBytes, at }]) => ({ pv, usedBytes, ageMs: now - at }));
  }

  /** What was last told for a PV, or why nothing was. */
  usageOf(pv: string): VolumeUsage | undefined {
    return this.#usages.get(pv);
  }

  /** @throws AgentError `Aborted`; one PV's failure costs nothing but its turn */
  async pass(signal: AbortSignal): Promise<void> {
    const { brick, targets, subvolumes } = this.#options;
    if (!brick.isUp || subvolumes().size < 2) return;
    const all = targets();
    const known = new Set(all.map(({ pv }) => pv));
    for (const pv of this.#own.keys()) if (!known.has(pv)) this.#forget(pv);
    const failures = await mapPool(all, WIDTH, async ({ pv, gfid }) => await this.#tell(pv, gfid, signal));
    this.#report(failures.find((failure) => failure !== undefined));
  }

  /** @returns why it failed */
  async #tell(pv: string, gfid: Gfid, signal: AbortSignal): Promise<string | undefined> {
    const { brick, clock, ownSubvolume, others, subvolumes } = this.#options;
    try {
      const statfs = await brick.statfs(gfid, signal);
      const usedBytes = shownUsage(statfs) ?? (statfs.simpleQuota ? await brick.flushedSize(gfid, signal) : undefined);
      if (usedBytes === undefined) return undefined;
      this.#own.set(pv, { usedBytes, at: clock.monotonic() });
      const usage = volumeUsage({ subvolume: ownSubvolume, usedBytes }, others(pv), subvolumes());
      this.#usages.set(pv, usage);
      if (usage.kind === 'Sum') await brick.tellUsage(gfid, usage.usedBytes, signal);
      return undefined;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#forget(pv);
      return `${pv}: ${errorMessage(error)}`;
    }
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
