/** Whether the brick may be stopped, for eyes: asked of the peers again and again while somebody looks, and only then. */
import type { Disruption } from '../heal/disruption.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { errorMessage } from '../lib/errors.ts';

/** Each answer makes every agent of the set look at its disk. In milliseconds. */
const REFRESH_MS = 10_000;
/** An older answer says nothing of now, in milliseconds. */
const STALE_MS = 60_000;

export interface GlanceOptions {
  check: (signal: AbortSignal) => Promise<Disruption>;
  clock: Clock;
  log: Log;
  /** Fires when the agent stops. */
  signal: AbortSignal;
}

export class DisruptionGlance {
  readonly #options: GlanceOptions;
  #last: { disruption: Disruption; at: number } | undefined;
  #askedAt: number | undefined;
  #isAsking = false;

  constructor(options: GlanceOptions) {
    this.#options = options;
  }

  /** The last answer, at once; undefined: there is none yet, or none of late. Asks anew when that one is not fresh. */
  look(): Disruption | undefined {
    const now = this.#options.clock.monotonic();
    if (!this.#isAsking && (this.#askedAt === undefined || now - this.#askedAt >= REFRESH_MS)) {
      this.#askedAt = now;
      void this.#ask();
    }
    return this.#last === undefined || now - this.#last.at > STALE_MS ? undefined : this.#last.disruption;
  }

  async #ask(): Promise<void> {
    const { check, clock, log, signal } = this.#options;
    this.#isAsking = true;
    try {
      const disruption = await check(signal);
      this.#last = { disruption, at: clock.monotonic() };
    } catch (error) {
      // What is shown grows old, and is then unknown.
      log.debug({ reason: errorMessage(error) }, 'whether the brick may be stopped could not be asked');
    } finally {
      this.#isAsking = false;
    }
  }
}
