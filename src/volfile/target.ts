/** One process and its volfile: remembers what the process runs and what was decided, and acts once for each change. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { SocketLook } from '../process/process-identity.ts';
import type { SignalOptions } from '../process/signal.ts';
import { reload } from './apply.ts';
import { majorVersion } from './installation.ts';
import type { KnownProcess } from './known-process.ts';
import type { ConditionFacts } from './conditions.ts';
import { OutcomeHistory } from './history.ts';
import type { ExpectedFacts, LintContext } from './lint/rule.ts';
import type { Graph } from './model.ts';
import { NO_NEIGHBOURS, withNeighbours, type Neighbours } from './neighbours.ts';
import type { OptionChange } from './plan.ts';
import { preview, type Preview } from './preview.ts';
import { ProcessSight } from './process-sight.ts';
import { hashVolfile, type VolfileSet } from './read-set.ts';
import { RestartDuty } from './restart-duty.ts';
import type { RestartPorts } from './restart.ts';
import { FileHistory } from './running.ts';
import type { VolfileStage } from './stage.ts';
import { StagedFile } from './staged-file.ts';
import { decide, settled, type Decision, type Settled, type Situation } from './state.ts';
import type { ProcessName, VolfileStatus } from './status.ts';
import { FileJudge, hashOf, judgeText, type Wanted } from './wanted.ts';

export interface VolfileTarget {
  process: ProcessName;
  /** Name in the volfile directory. */
  file: string;
  pidFile: string;
  /** Default: what the process was told with `-l`, read through its own root. */
  logFile?: string;
  /** Default: glusterfsd and glusterfs. */
  exeNames?: readonly string[];
  expected?: ExpectedFacts;
  /** Asks the process at its socket who it is. */
  socket: (signal: AbortSignal) => Promise<SocketLook>;
  /** How it is restarted where only that brings its file in; undefined: a person does that. */
  restart?: RestartPorts | undefined;
}

export interface TargetOptions {
  /** Major version of the processes; undefined: as each process shows it. */
  glusterVersion: () => '10' | '11' | undefined;
  /** Default: MIN_PROCESS_AGE_MS. In milliseconds. */
  minProcessAgeMs?: number;
  /** Staged mode: where the processes read their files. Default: they read the watched directory. */
  stage?: VolfileStage | undefined;
  /** From the end of a process until another must answer and run the file. Default: RETURN_DEADLINE_MS. In milliseconds. */
  returnDeadlineMs?: number;
  clock: Clock;
  log: Log;
  /** Where proc is mounted and how signals are sent; for tests. */
  system?: SignalOptions;
}

/**
 * A SIGHUP that comes while a process still starts makes it load its file a second time beside the first, and when that fails,
 * it exits (measured on 11.1). A start takes a tenth of a second; a loaded machine gets a hundred times that. In milliseconds.
 */
export const MIN_PROCESS_AGE_MS = 10_000;

/** The kubelet starts a container again at once, and after 10, 20 and 40 s when it keeps dying. In milliseconds. */
export const RETURN_DEADLINE_MS = 120_000;

type Readable = Wanted & { readable: true };

export class TargetState {
  readonly #target: VolfileTarget;
  readonly #options: TargetOptions;
  readonly #judge: FileJudge;
  readonly #staged: StagedFile;
  readonly #versions = new FileHistory();
  readonly #history: OutcomeHistory;
  /** Undefined: a person restarts the process. */
  readonly #restart: RestartDuty | undefined;
  readonly #sight: ProcessSight;
  /** The process that was met last was there in the last pass. */
  #live = false;

  constructor(target: VolfileTarget, options: TargetOptions) {
    const { clock, log, stage, system, returnDeadlineMs = RETURN_DEADLINE_MS } = options;
    this.#target = target;
    this.#options = options;
    this.#sight = new ProcessSight({ ...target, system });
    this.#judge = new FileJudge(target.file);
    this.#staged = new StagedFile(target.file, stage);
    const first = settled('Pending', 'NotLookedYet', 'not looked at yet');
    this.#history = new OutcomeHistory({ process: target.process, first, clock, log });
    const { process, file, restart: ports } = target;
    const staged = this.#staged;
    this.#restart = ports && new RestartDuty({ process, file, ports, staged, returnDeadlineMs, clock, log, system });
    this.#history.judge(this.#facts(), this.#staged.facts);
  }

  get status(): VolfileStatus {
    return { ...this.#facts(), conditions: this.#history.conditions };
  }

  #facts(): ConditionFacts {
    const running = this.#live ? this.#sight.last?.running : undefined;
    return {
      ...this.#history.status,
      file: this.#target.file,
      runningHash: running?.halfApplied === true ? undefined : running?.sha256,
      restartWaitsFor: this.#restart?.waitsFor,
    };
  }

  /** Of the wanted file; undefined when it cannot be parsed. */
  get graph(): Graph | undefined {
    const { wanted } = this.#history;
    return wanted?.readable === true ? wanted.graph : undefined;
  }

  /** The process was ended, and what comes in its place is watched. */
  get isRestarting(): boolean {
    return this.#restart?.isUnderWay === true;
  }

  /**
   * Looks at the file and the process, and acts where it is safe.
   *
   * @param neighbours what the other files of the pod say
   * @param mayRestart false while another process of this pod is being restarted
   * @returns whether the status changed
   */
  async pass(set: VolfileSet, signal: AbortSignal, mayRestart = true, neighbours = NO_NEIGHBOURS): Promise<boolean> {
    try {
      return await this.#pass(set, signal, mayRestart, neighbours);
    } finally {
      this.#history.judge(this.#facts(), this.#staged.facts);
    }
  }

  async #pass(set: VolfileSet, signal: AbortSignal, mayRestart: boolean, neighbours: Neighbours): Promise<boolean> {
    const { clock } = this.#options;
    const sighting = await this.#sight.look(signal);
    const known = await this.#sight.meet(sighting);
    const context = this.#context(neighbours);
    const wanted = this.#judge.judge(set, context);
    const obstacle = await this.#staged.place(set, wanted, context, this.#versions);
    known?.consult(this.#versions);
    this.#live = known !== undefined;
    this.#restart?.look();
    const judge = (): Decision =>
      decide({
        wanted,
        sighting,
        running: known?.running,
        poisoned: known?.poisoned ?? false,
        gluster: context.gluster,
        addedOptions: known?.addedOptions ?? new Set(),
      });
    if (this.#restart?.isUnderWay === true) {
      if (known !== undefined && wanted.readable) await known.searchLog(wanted.sha256, clock.now());
      const { last } = this.#history;
      // An unseen one was found by its answer.
      const probe = async (): Promise<boolean> => sighting.found === 'by-socket' || (await this.#sight.answers(signal));
      const step = await this.#restart.follow({ sighting, known, wanted, decision: judge(), last, answers: probe });
      if (step.record !== undefined) this.#history.note(step.record);
      if (step.settled !== undefined) {
        if (step.settled.outcome === 'Applied' && known !== undefined) this.#remember(known, wanted);
        return this.#history.settle(step.settled, wanted, step.record?.durationMs);
      }
    }
    const failed = this.#restart?.failure(wanted, this.#live ? known?.running?.sha256 : undefined);
    if (failed !== undefined) return this.#history.settle(failed, wanted);
    if (obstacle !== undefined) return this.#history.settle(obstacle, wanted);
    if (known !== undefined && this.#isOldEnough(known)) this.#staged.seenRunning(known.running?.sha256);
    // The last word counts only while nothing else was said since: a file that came and went again is looked at anew.
    if (
      known !== undefined &&
      wanted.readable &&
      known.settledFor === hashOf(this.#history.wanted) &&
      known.settledFor === wanted.sha256
    ) {
      this.#history.refresh(wanted);
      if (known.unanswered !== undefined) return await this.#ask(known, wanted, known.unanswered, signal);
      // A reload that did not bring it in is no last word where a restart may; another signal would not help.
      const { last } = this.#history;
      if (this.#restart === undefined || last.outcome !== 'RestartRequired') return false;
      return this.#history.settle(await this.#begin(this.#restart, known, wanted, last, mayRestart, signal), wanted);
    }
    if (known !== undefined) known.unanswered = undefined;
    if (known !== undefined && wanted.readable) await known.searchLog(wanted.sha256, clock.now());
    const decision = judge();
    if (decision.do === 'settle') {
      const { settled: next } = decision;
      if (known !== undefined && wanted.readable) {
        if (next.outcome === 'Unchanged') known.settledFor = wanted.sha256;
        if (next.outcome === 'RestartRequired' && this.#restart !== undefined) {
          return this.#history.settle(
            await this.#begin(this.#restart, known, wanted, next, mayRestart, signal),
            wanted,
          );
        }
      }
      return this.#history.settle(next, wanted);
    }
    if (known === undefined || !wanted.readable) return false;
    const foreign = known.readsAnother(this.#target.file);
    if (foreign !== undefined) return this.#history.settle({ ...foreign, changes: decision.changes }, wanted);
    if (!this.#isOldEnough(known)) {
      const message = `${known.identity.name} has just started; a reload now could end it`;
      return this.#history.settle(settled('Pending', 'JustStarted', message, decision.changes), wanted);
    }
    return await this.#reload(known, wanted, decision.changes, signal);
  }

  /** What would be done if the file held this text. @param text undefined: if it were gone */
  async preview(text: string | undefined, signal: AbortSignal, neighbours = NO_NEIGHBOURS): Promise<Preview> {
    const { process, file } = this.#target;
    const sighting = await this.#sight.look(signal);
    const known = this.#sight.of(sighting);
    const context = this.#context(neighbours);
    const situation: Situation = {
      wanted: judgeText(file, text, context),
      sighting,
      running: known?.running,
      poisoned: known?.poisoned ?? false,
      gluster: context.gluster,
      addedOptions: known?.addedOptions ?? new Set(),
    };
    return preview({ process, file, situation, foreign: known?.readsAnother(file) });
  }

  /** By what is known of the process that was met last. */
  #context(neighbours: Neighbours): LintContext {
    const { process: role, file, expected = {} } = this.#target;
    const installation = this.#sight.last?.installation;
    const gluster = this.#options.glusterVersion() ?? majorVersion(installation?.version);
    const facts = withNeighbours(expected, role, file, neighbours);
    return { role, expected: facts, gluster, xlators: installation?.xlators };
  }

  async #reload(known: KnownProcess, wanted: Readable, changes: OptionChange[], signal: AbortSignal): Promise<boolean> {
    const { clock, system } = this.#options;
    const { logFile, info, seenPath } = known;
    // Decided otherwise: no signal reaches an unseen one.
    if (info === undefined) return false;
    const result = await reload({
      process: info,
      seenPath,
      wantedHash: wanted.sha256,
      changes,
      logFile,
      clock,
      signal,
      ...(system === undefined ? {} : { system }),
    });
    const { outcome, reason, message, signalledAt, durationMs } = result;
    const verdict: Settled = { outcome, reason, message, changes, differences: [] };
    if (signalledAt === undefined) return this.#history.settle(verdict, wanted);
    const after = seenPath === undefined ? undefined : await hashVolfile(seenPath);
    const meanwhile = after !== undefined && after !== wanted.sha256;
    known.remember(result, wanted, meanwhile);
    const success = !meanwhile && (outcome === 'Applied' || outcome === 'Unchanged');
    this.#history.note({ how: 'reload', at: signalledAt, success, durationMs });
    if (success) this.#staged.seenRunning(known.running?.sha256);
    if (meanwhile) {
      return this.#history.settle(settled('Unverified', 'ChangedMeanwhile', MEANWHILE, changes), wanted, durationMs);
    }
    known.settledFor = wanted.sha256;
    if (reason !== 'ProcessDied') return await this.#ask(known, wanted, verdict, signal, durationMs);
    const taken = await this.#staged.takeBack(wanted);
    return this.#history.settle({ ...verdict, message: `${message}${taken.message}` }, wanted, durationMs);
  }

  /** The last word on a reload, unless the process does not answer: then it is asked again in each pass. */
  async #ask(
    known: KnownProcess,
    wanted: Readable,
    verdict: Settled,
    signal: AbortSignal,
    durationMs?: number,
  ): Promise<boolean> {
    const { name } = known.identity;
    if (await this.#sight.answers(signal)) {
      known.unanswered = undefined;
      return this.#history.settle(verdict, wanted, durationMs);
    }
    known.unanswered = verdict;
    const message = `${name} does not answer since the reload`;
    return this.#history.settle({ ...verdict, outcome: 'Failed', reason: 'NotAnswering', message }, wanted, durationMs);
  }

  #isOldEnough(known: KnownProcess): boolean {
    return known.age(this.#options.clock.now()) >= (this.#options.minProcessAgeMs ?? MIN_PROCESS_AGE_MS);
  }

  async #begin(
    restart: RestartDuty,
    known: KnownProcess,
    wanted: Readable,
    why: Settled,
    mayRestart: boolean,
    signal: AbortSignal,
  ): Promise<Settled> {
    const young = this.#isOldEnough(known) ? undefined : `${known.identity.name} has just started`;
    const obstacle = mayRestart ? young : 'another process of this pod is being restarted';
    return await restart.begin(known, wanted.sha256, why, obstacle, signal);
  }

  /** It has started with the wanted file, and answers. */
  #remember(known: KnownProcess, wanted: Wanted): void {
    known.settledFor = hashOf(wanted);
    this.#staged.seenRunning(hashOf(wanted));
  }
}

const MEANWHILE = 'the file changed while the process read it: what it runs is not known to the byte';
