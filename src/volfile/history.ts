/** What became of the files of one process: the file, the last word on it and the words before, and the signals that were sent. */
import { updateConditions, type Condition } from '../lib/conditions.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { judgeVolfile, type ConditionFacts, type StagedFacts } from './conditions.ts';
import type { PlanAction } from './plan.ts';
import type { Settled } from './state.ts';
import {
  HISTORY_LENGTH,
  type OutcomeRecord,
  type ReloadRecord,
  type VolfileReader,
  type VolfileStatus,
} from './status.ts';
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
  #wanted: Wanted | undefined;
  #lastReload: ReloadRecord | undefined;
  #lastSuccessAt: number | undefined;
  readonly #counts = { reload: { succeeded: 0, failed: 0 }, restart: { succeeded: 0, failed: 0 } };
  #since: number;
  #conditions: readonly Condition[] = [];
  /** Counts the contents that the wanted file has had. */
  #generation = 0;

  constructor(options: OutcomeHistoryOptions) {
    this.#options = options;
    this.#last = options.first;
    this.#since = options.clock.now();
  }

  get last(): Settled {
    return this.#last;
  }

  /** The file of the last word. */
  get wanted(): Wanted | undefined {
    return this.#wanted;
  }

  /** All of the status that is no business of the running process. */
  get status(): Omit<VolfileStatus, 'file' | 'runningHash' | 'restartWaitsFor' | 'conditions'> {
    return {
      process: this.#options.process,
      wantedHash: hashOf(this.#wanted),
      ...this.#last,
      problems: this.#wanted?.readable === true ? [...this.#wanted.problems] : [],
      since: this.#since,
      lastReload: this.#lastReload,
      lastSuccessAt: this.#lastSuccessAt,
      reloads: { ...this.#counts.reload },
      restarts: { ...this.#counts.restart },
      history: [...this.#records],
    };
  }

  get conditions(): Condition[] {
    return [...this.#conditions];
  }

  /** To be called when all that they are made of is known: at first, and after each pass. */
  judge(facts: ConditionFacts, staged: StagedFacts | undefined): void {
    const inputs = judgeVolfile(facts, staged);
    const { clock } = this.#options;
    this.#conditions = updateConditions(this.#conditions, inputs, clock.now(), this.#generation);
  }

  /** The same file, judged anew. */
  refresh(wanted: Wanted): void {
    this.#wanted = wanted;
  }

  note(record: ReloadRecord): void {
    this.#lastReload = record;
    this.#counts[record.how][record.success ? 'succeeded' : 'failed'] += 1;
    if (record.success) this.#lastSuccessAt = record.at;
  }

  /**
   * @param durationMs how long it took to get there; undefined: nothing was done
   * @returns whether anything is new
   */
  settle(next: Settled, wanted: Wanted, durationMs?: number): boolean {
    const before = this.#last;
    const wantedHash = hashOf(wanted);
    const isSame =
      before.outcome === next.outcome && before.reason === next.reason && hashOf(this.#wanted) === wantedHash;
    if (this.#generation === 0 || hashOf(this.#wanted) !== wantedHash) this.#generation += 1;
    this.#last = next;
    this.#wanted = wanted;
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
