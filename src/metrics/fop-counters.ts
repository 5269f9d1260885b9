/**
 * Makes counters of a brick's profile that Prometheus can take rates of. Pure but for what it remembers of the answer before.
 *
 * The brick tells a number of calls and their mean, so their sum is the product. Both are read while they change and the mean is
 * printed with six decimals: the product may fall by a little although time only grows, and a counter that falls is taken for a
 * restart. So a sum never falls unless the brick began anew.
 */
import type { BrickProfile } from '../rpc/profile-reply.ts';

export interface FopFigures {
  calls: number;
  /** Sum of all calls, in seconds. */
  seconds: number;
  /** Longest call since the brick began to count, in seconds. */
  longestSeconds: number;
}

export interface FopCounts {
  /** Whether the brick counts operations now (`count-fop-hits` and `latency-measurement`); undefined: not known yet. */
  counting: boolean | undefined;
  /** By name in capitals; empty unless it counts. */
  fops: ReadonlyMap<string, FopFigures>;
}

/** The brick tells its age in whole seconds, and an answer may be some old; a beginning later than this is another one. */
const BEGINNING_ERROR_MS = 5_000;
const NANOSECONDS = 1e9;
/** What the agent itself asks of the brick all the time: it must be seen in the counts. */
const WITNESS = 'STATFS';

interface Seen {
  /** Monotonic milliseconds. */
  beganAt: number;
  sums: Map<string, { calls: number; seconds: number }>;
  /** What the agent knew of, and the brick had counted, when the two were compared last. */
  answers: number;
  witnessed: bigint;
}

export class FopCounters {
  #seen: Seen | undefined;
  #counting: boolean | undefined;

  /**
   * @param answers calls of the agent's own for file-system figures that the brick had answered before it was asked for the profile
   * @param now monotonic milliseconds
   */
  take(profile: BrickProfile, answers: number, now: number): FopCounts {
    const beganAt = now - Number(profile.seconds ?? 0n) * 1000;
    const witnessed = profile.fops.get(WITNESS)?.hits ?? 0n;
    const before = this.#seen;
    const isAnother =
      before === undefined || beganAt - before.beganAt > BEGINNING_ERROR_MS || hasFewer(profile, before.sums);
    const seen: Seen = isAnother ? { beganAt, sums: new Map(), answers, witnessed } : before;
    this.#seen = seen;
    if (isAnother) {
      this.#counting = witnessed > 0n ? true : undefined;
    } else if (witnessed > seen.witnessed) {
      this.#counting = true;
      Object.assign(seen, { answers, witnessed });
    } else if (answers > seen.answers) {
      // It has answered us since, and did not count it.
      this.#counting = false;
    }
    const fops = new Map<string, FopFigures>();
    for (const [name, { hits, averageNs, maxNs }] of profile.fops) {
      if (averageNs === undefined || maxNs === undefined) continue;
      const calls = Number(hits);
      const seconds = Math.max(seen.sums.get(name)?.seconds ?? 0, (calls * averageNs) / NANOSECONDS);
      seen.sums.set(name, { calls, seconds });
      fops.set(name, { calls, seconds, longestSeconds: maxNs / NANOSECONDS });
    }
    return { counting: this.#counting, fops: this.#counting === true ? fops : new Map() };
  }
}

function hasFewer(profile: BrickProfile, sums: Seen['sums']): boolean {
  for (const [name, { calls }] of sums) {
    if (Number(profile.fops.get(name)?.hits ?? 0n) < calls) return true;
  }
  return false;
}
