/** What became of the files of one process: the last word, and the words before it. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { PlanAction } from './plan.ts';
import type { Settled } from './state.ts';
import { HISTORY_LENGTH, type OutcomeRecord, type VolfileReader } from './status.ts';
import { hashOf, type Wanted } from './wanted.ts';

export interface OutcomeHistoryOptions {
  process: VolfileReader;
  first: Settled;
  clock: Clock;
  log: Log;
}

export class OutcomeHistory {
  readonly #options: OutcomeHistoryOptions;
  readonly #records: OutcomeRecord[] = [];
  #last: Settled;
  #wantedHash: string | undefined;
  #since: number;

  constructor(options: OutcomeHistoryOptions) {
    this.#options = options;
    this.#last = options.first;
    this.#since = options.clock.now();
  }

  get last(): Settled {
    return this.#last;
  }

  /** Wall-clock milliseconds since when outcome, reason and file are these. */
  get since(): number {
    return this.#since;
  }

  /** Newest last. */
  get records(): OutcomeRecord[] {
    return [...this.#records];
  }

  /**
   * @param durationMs how long it took to get there; undefined: nothing was done
   * @returns whether anything is new
   */
  settle(next: Settled, wanted: Wanted, durationMs?: number): boolean {
    const before = this.#last;
    const wantedHash = hashOf(wanted);
    const isSame = before.outcome === next.outcome && before.reason === next.reason && this.#wantedHash === wantedHash;
    this.#last = next;
    this.#wantedHash = wantedHash;
    if (isSame) return before.message !== next.message;
    const { process, clock } = this.#options;
    const { outcome, reason, message } = next;
    this.#since = clock.now();
    this.#records.push({ at: this.#since, plan: planOf(next), outcome, reason, message, wantedHash, durationMs });
    if (this.#records.length > HISTORY_LENGTH) this.#records.shift();
    const facts = { process, outcome, reason, sha256: wantedHash, durationMs };
    this.#options.log[outcome === 'Failed' || outcome === 'Rejected' ? 'warn' : 'info'](facts, message);
    return true;
  }
}

/** What was done about the file, or would have to be. */
function planOf({ outcome, reason }: Settled): PlanAction {
  switch (outcome) {
    case 'Rejected':
      return 'refuse';
    case 'RestartRequired':
      return 'restart';
    case 'Applied':
      return reason === 'Restarted' ? 'restart' : 'reload';
    case 'Unchanged':
    case 'Unverified':
    case 'Pending':
    case 'Failed':
      if (reason === 'Restarting' || reason === 'RestartFailed') return 'restart';
      return RELOADS.has(reason) ? 'reload' : 'none';
  }
}

/** Reasons that speak of a reload that was sent, or waits for its moment. */
const RELOADS: ReadonlySet<Settled['reason']> = new Set([
  'AlreadyLoaded',
  'NoEvidence',
  'OptionNotConfirmed',
  'SignalFailed',
  'ChangedMeanwhile',
  'JustStarted',
  'NotYetVisible',
  'ProcessDied',
  'NotAnswering',
] as const);
