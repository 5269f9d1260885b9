/** Restarts of one process for its volfile, as its target sees them: when one begins, what it waits for, and what came of it. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { signalProven, type SignalOptions } from '../process/signal.ts';
import { seesFile } from './apply.ts';
import type { KnownProcess } from './known-process.ts';
import { ProcessRestart, type RestartPorts } from './restart.ts';
import type { Sighting } from './sighting.ts';
import type { StagedFile } from './staged-file.ts';
import { settled, type Decision, type Settled } from './state.ts';
import type { ProcessName, ReloadRecord } from './status.ts';
import type { Wanted } from './wanted.ts';

export interface RestartDutyOptions {
  process: ProcessName;
  /** Name of the volfile. */
  file: string;
  ports: RestartPorts;
  staged: StagedFile;
  /** As of `TargetOptions`, in milliseconds. */
  returnDeadlineMs: number;
  clock: Clock;
  log: Log;
  system?: SignalOptions | undefined;
}

/** What a look at the process and the file has found. */
export interface RestartLook {
  sighting: Sighting;
  known: KnownProcess | undefined;
  wanted: Wanted;
  /** What would be done about the file if no restart were under way. */
  decision: Decision;
  /** What was said last; changes and differences of it stay true. */
  last: Settled;
  answers: () => Promise<boolean>;
}

export interface RestartStep {
  /** Undefined: it is over, and the wanted file is another one by now. */
  settled: Settled | undefined;
  /** Undefined: it is still under way. */
  record: ReloadRecord | undefined;
}

export class RestartDuty {
  readonly #options: RestartDutyOptions;
  readonly #restart: ProcessRestart;
  /** Why a restart that is due has not begun; undefined: none is due. */
  #waitsFor: string | undefined;
  #waited = false;
  /** The file that a restart did not bring in: not tried again until it changes. */
  #failed: { sha256: string; settled: Settled } | undefined;

  constructor(options: RestartDutyOptions) {
    this.#options = options;
    this.#restart = new ProcessRestart(options);
  }

  get isUnderWay(): boolean {
    return this.#restart.isUnderWay;
  }

  get waitsFor(): string | undefined {
    return this.#waitsFor;
  }

  /** To be called at the start of each pass. */
  look(): void {
    this.#waited = this.#waitsFor !== undefined;
    this.#waitsFor = undefined;
  }

  /** What a restart has said of this file, as long as it stays and no process runs it after all. */
  failure(wanted: Wanted, runningHash: string | undefined): Settled | undefined {
    const failed = this.#failed;
    if (failed === undefined || !wanted.readable) return undefined;
    if (wanted.sha256 === failed.sha256 && runningHash !== failed.sha256) return failed.settled;
    this.#failed = undefined;
    return undefined;
  }

  /**
   * Ends the process when that is safe now; else the next pass asks again.
   *
   * @param why what makes a restart necessary
   * @param obstacle why it is not even asked for
   * @throws AgentError `Aborted` when the signal fires
   */
  async begin(
    known: KnownProcess,
    sha256: string,
    why: Settled,
    obstacle: string | undefined,
    signal: AbortSignal,
  ): Promise<Settled> {
    const { identity, seenPath } = known;
    const reason = known.readsAnother(this.#options.file)?.message ?? obstacle;
    if (reason !== undefined) return this.#wait(why, reason);
    const stillRight = async (): Promise<string | undefined> =>
      (await seesFile(seenPath, sha256)) ? undefined : `${identity.name} does not see this file`;
    const result = await this.#restart.begin(known, sha256, stillRight, signal);
    if (result.begun) {
      const message = `${why.message}; ${identity.name} was told to end, and its supervisor has to start another`;
      return { ...why, outcome: 'Pending', reason: 'Restarting', message };
    }
    return result.gone ? settled('Pending', 'ProcessNotRunning', result.message) : this.#wait(why, result.message);
  }

  /** To be called in each pass while it is under way. */
  async follow({ sighting, known, wanted, decision, last, answers }: RestartLook): Promise<RestartStep> {
    const sha256 = this.#restart.file;
    const result = await this.#restart.follow({
      sighting,
      running: known?.running,
      runsWanted: decision.do === 'reload' ? decision.changes.length === 0 : decision.settled.outcome === 'Unchanged',
      answers,
    });
    const { changes, differences } = last;
    if (result.state === 'under-way') {
      const { message } = result;
      return {
        settled: { outcome: 'Pending', reason: 'Restarting', message, changes, differences },
        record: undefined,
      };
    }
    const { at, durationMs } = result;
    const record: ReloadRecord = { how: 'restart', at, success: result.state === 'back', durationMs };
    const isWanted = wanted.readable && wanted.sha256 === sha256;
    if (result.state === 'back') {
      // It may have started from a file that is newer than the restart.
      const runsWanted = isWanted || (wanted.readable && known?.running?.sha256 === wanted.sha256);
      const { message } = result;
      const back: Settled = { outcome: 'Applied', reason: 'Restarted', message, changes, differences };
      return { settled: runsWanted ? back : undefined, record };
    }
    const undone = result.isDown && isWanted ? await this.#undo(wanted, known) : '';
    const message = `${result.message}${undone}`;
    const failed: Settled = { outcome: 'Failed', reason: 'RestartFailed', message, changes, differences };
    if (sha256 !== undefined) this.#failed = { sha256, settled: failed };
    return { settled: isWanted ? failed : undefined, record };
  }

  #wait(why: Settled, reason: string): Settled {
    const { process, log } = this.#options;
    this.#waitsFor = reason;
    if (!this.#waited) log.info({ process, reason }, 'a restart waits');
    return why;
  }

  /** Lets the supervisor start from the last good file; one that lives and never answered is in the way of that. */
  async #undo(wanted: Wanted, known: KnownProcess | undefined): Promise<string> {
    const { done, message } = await this.#options.staged.takeBack(wanted);
    // One that is unseen is known by its answers only.
    if (!done || known?.info === undefined) return message;
    const sent = await signalProven(known.info, 'SIGTERM', this.#options.system);
    // It has died by itself meanwhile: nothing is in the way.
    if (!sent.ok && sent.reason === 'Gone') return message;
    return `${message}; ${sent.ok ? `${known.identity.name}, which never answered, was told to end` : sent.message}`;
  }
}
