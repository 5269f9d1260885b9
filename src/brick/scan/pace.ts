/** How fast a scan may go, and whether it goes on: asked at every entry, looked at now and then. */
import { AgentError } from '../../lib/errors.ts';

/** Entries between two looks at the clock; some 0.5 ms of work. */
const LOOK_EVERY = 128;
/** A pause comes after this much work, in milliseconds: short enough that the brick's clients feel no burst. */
const SLICE_MS = 10;
/** Between two reports, in milliseconds. */
const REPORT_MS = 250;

export interface PaceOptions {
  id: number;
  /** Index 0 holds the id of the scan that is to stop; shared with the main thread. */
  flag: Int32Array<SharedArrayBuffer>;
  /** Part of the time that is worked, above 0 to 1. */
  duty: number;
  report: () => void;
  /** Milliseconds; replaced by tests. */
  now?: () => number;
  /** Sleeps for that many milliseconds, or until the flag changes; replaced by tests. */
  sleep?: (ms: number) => void;
}

export class Pace {
  readonly #options: PaceOptions;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => void;
  #entries = 0;
  #sliceStart: number;
  #reportedAt: number;
  #restMs = 0;

  constructor(options: PaceOptions) {
    const { flag } = options;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    // Giving up changes the flag, which ends the pause.
    this.#sleep = options.sleep ?? ((ms) => void Atomics.wait(flag, 0, Atomics.load(flag, 0), ms));
    this.#sliceStart = this.#now();
    this.#reportedAt = this.#sliceStart;
  }

  /** Milliseconds spent asleep. */
  get restMs(): number {
    return this.#restMs;
  }

  /** @throws AgentError `Aborted` when this scan is to stop */
  readonly tick = (): void => {
    this.#entries += 1;
    if (this.#entries % LOOK_EVERY === 0) this.look();
  };

  /** As `tick`, at once. */
  look(): void {
    const { flag, id, duty, report } = this.#options;
    if (Atomics.load(flag, 0) === id) throw new AgentError('Aborted', 'the scan was given up');
    const now = this.#now();
    if (now - this.#reportedAt >= REPORT_MS) {
      this.#reportedAt = now;
      report();
    }
    const worked = now - this.#sliceStart;
    if (worked < SLICE_MS) return;
    if (duty < 1) this.#sleep((worked * (1 - duty)) / duty);
    this.#sliceStart = this.#now();
    this.#restMs += this.#sliceStart - now;
  }
}
