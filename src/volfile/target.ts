/** One process and its volfile: remembers what the process runs and what was decided, and acts once for each change. */
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { GLUSTER_EXE_NAMES, proveProcess, type ProcessProof } from '../process/identity.ts';
import type { SignalOptions } from '../process/signal.ts';
import { answers, reload } from './apply.ts';
import type { GlusterArguments } from './cmdline.ts';
import { KnownProcess } from './known-process.ts';
import type { ExpectedFacts, LintContext } from './lint/rule.ts';
import type { OptionChange } from './plan.ts';
import { hashVolfile, type VolfileSet } from './read-set.ts';
import { FileHistory } from './running.ts';
import { isAcceptable, type VolfileStage } from './stage.ts';
import { decide, type Settled } from './state.ts';
import {
  HISTORY_LENGTH,
  type OutcomeRecord,
  type ProcessName,
  type ReloadRecord,
  type VolfileStatus,
} from './status.ts';
import { FileJudge, type Wanted } from './wanted.ts';

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
  /** Does the process answer at its port or socket? */
  probe: (signal: AbortSignal) => Promise<boolean>;
}

export interface TargetOptions {
  /** Major version of the processes; undefined: as each process shows it. */
  glusterVersion: () => '10' | '11' | undefined;
  /** Default: MIN_PROCESS_AGE_MS. In milliseconds. */
  minProcessAgeMs?: number;
  /** Staged mode: where the processes read their files. Default: they read the watched directory. */
  stage?: VolfileStage | undefined;
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

type Readable = Wanted & { readable: true };

export class TargetState {
  readonly #target: VolfileTarget;
  readonly #options: TargetOptions;
  readonly #judge: FileJudge;
  readonly #stagedJudge: FileJudge;
  readonly #versions = new FileHistory();
  readonly #history: OutcomeRecord[] = [];
  #known: KnownProcess | undefined;
  /** The process of #known was there in the last pass. */
  #live = false;
  #wanted: Wanted | undefined;
  #settled: Settled;
  #since: number;
  #lastReload: ReloadRecord | undefined;
  #lastSuccessAt: number | undefined;
  #reloads = { succeeded: 0, failed: 0 };
  /** SHA-256 of the staged file that a process died of: not staged again until another one was. */
  #deadly: string | undefined;
  /** What was staged before the file that is staged now. */
  #lastGood: Uint8Array | undefined;

  constructor(target: VolfileTarget, options: TargetOptions) {
    this.#target = target;
    this.#options = options;
    this.#judge = new FileJudge(target.file);
    this.#stagedJudge = new FileJudge(target.file);
    this.#since = options.clock.now();
    this.#settled = settled('Pending', 'NotLookedYet', 'not looked at yet');
  }

  get status(): VolfileStatus {
    const running = this.#live ? this.#known?.running : undefined;
    return {
      process: this.#target.process,
      file: this.#target.file,
      wantedHash: hashOf(this.#wanted),
      runningHash: running?.halfApplied === true ? undefined : running?.sha256,
      ...this.#settled,
      problems: this.#wanted?.readable === true ? [...this.#wanted.problems] : [],
      since: this.#since,
      lastReload: this.#lastReload,
      lastSuccessAt: this.#lastSuccessAt,
      reloads: { ...this.#reloads },
      history: [...this.#history],
    };
  }

  /** Looks at the file and the process, and acts where it is safe. @returns whether the status changed */
  async pass(set: VolfileSet, signal: AbortSignal): Promise<boolean> {
    const { process: role, expected = {}, pidFile, exeNames = GLUSTER_EXE_NAMES } = this.#target;
    const proof = await proveProcess({ ...this.#options.system, pidFile, exeNames });
    const known = proof.ok ? await this.#meet(proof) : undefined;
    const installation = this.#known?.installation;
    const gluster = this.#options.glusterVersion() ?? majorVersion(installation?.version);
    const context: LintContext = { role, expected, gluster, xlators: installation?.xlators };
    const wanted = this.#judge.judge(set, context);
    const placed = await this.#place(set, wanted, context);
    if (placed.started.readable) {
      const { sha256, graph, changedAt } = placed.started;
      this.#versions.record(sha256, graph, changedAt);
    }
    known?.consult(this.#versions);
    this.#live = proof.ok;
    if (placed.obstacle !== undefined) return this.#settle(placed.obstacle, wanted);
    // The last word counts only while nothing else was said since: a file that came and went again is looked at anew.
    if (
      known !== undefined &&
      wanted.readable &&
      known.settledFor === hashOf(this.#wanted) &&
      known.settledFor === wanted.sha256
    ) {
      this.#wanted = wanted;
      return known.unanswered === undefined ? false : await this.#ask(known, wanted, known.unanswered, signal);
    }
    if (known !== undefined) known.unanswered = undefined;
    if (known !== undefined && wanted.readable) await known.searchLog(wanted.sha256, this.#options.clock.now());
    const decision = decide({
      wanted,
      proof,
      running: known?.running,
      poisoned: known?.poisoned ?? false,
      gluster,
      addedOptions: known?.args.addedOptions ?? new Set(),
    });
    if (decision.do === 'settle') {
      if (known !== undefined && wanted.readable && decision.settled.outcome === 'Unchanged') {
        known.settledFor = wanted.sha256;
      }
      return this.#settle(decision.settled, wanted);
    }
    if (known === undefined || !wanted.readable) return false;
    const foreign = readsAnother(known.args, this.#target.file);
    if (foreign !== undefined) return this.#settle({ ...foreign, changes: decision.changes }, wanted);
    if (known.age(this.#options.clock.now()) < (this.#options.minProcessAgeMs ?? MIN_PROCESS_AGE_MS)) {
      const message = `pid ${known.process.pid} has just started; a reload now could end it`;
      return this.#settle(settled('Pending', 'JustStarted', message, decision.changes), wanted);
    }
    return await this.#reload(known, wanted, decision.changes, signal);
  }

  /** Staged mode: brings an acceptable file to where the process reads it, before anything is decided. */
  async #place(set: VolfileSet, wanted: Wanted, context: LintContext): Promise<Placed> {
    const { stage } = this.#options;
    const { file } = this.#target;
    if (stage === undefined) return { started: wanted };
    const before = (await stage.read()).files.get(file);
    let obstacle: Settled | undefined;
    if (isAcceptable(wanted) && wanted.sha256 === this.#deadly) {
      obstacle = settled('Failed', 'ProcessDied', DEADLY);
    } else {
      try {
        if ((await stage.offer(file, set.files.get(file), wanted)) === 'staged') this.#deadly = undefined;
      } catch (error) {
        obstacle = settled(
          'Failed',
          'StagingFailed',
          `${file} cannot be put into ${stage.dir}: ${errorMessage(error)}`,
        );
      }
    }
    const started = this.#stagedJudge.judge(await stage.read(), context);
    if (before?.ok === true && before.sha256 !== hashOf(started)) this.#lastGood = before.bytes;
    return { started, obstacle };
  }

  async #reload(known: KnownProcess, wanted: Readable, changes: OptionChange[], signal: AbortSignal): Promise<boolean> {
    const { clock, log, system } = this.#options;
    const { logFile, process, seenPath } = known;
    const result = await reload({
      process,
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
    if (signalledAt === undefined) return this.#settle(verdict, wanted);
    const after = seenPath === undefined ? undefined : await hashVolfile(seenPath);
    const meanwhile = after !== undefined && after !== wanted.sha256;
    known.remember(result, wanted, meanwhile);
    const success = !meanwhile && (outcome === 'Applied' || outcome === 'Unchanged');
    this.#reloads[success ? 'succeeded' : 'failed'] += 1;
    this.#lastReload = { at: signalledAt, success, durationMs };
    if (success) this.#lastSuccessAt = signalledAt;
    log.info({ process: this.#target.process, pid: process.pid, outcome, reason, durationMs }, message);
    if (meanwhile) return this.#settle(settled('Unverified', 'ChangedMeanwhile', MEANWHILE, changes), wanted);
    known.settledFor = wanted.sha256;
    if (reason !== 'ProcessDied') return await this.#ask(known, wanted, verdict, signal);
    return this.#settle({ ...verdict, message: `${message}${await this.#takeBack(wanted)}` }, wanted);
  }

  /** Staged mode: the process shall start again from what it has lived with. @returns what to add to the message */
  async #takeBack(wanted: Readable): Promise<string> {
    const { stage } = this.#options;
    if (stage === undefined || this.#lastGood === undefined) return '';
    this.#deadly = wanted.sha256;
    try {
      await stage.write(this.#target.file, this.#lastGood);
      return '; the last good file is staged again';
    } catch (error) {
      return `; the last good file cannot be staged again: ${errorMessage(error)}`;
    }
  }

  /** The last word on a reload, unless the process does not answer: then it is asked again in each pass. */
  async #ask(known: KnownProcess, wanted: Readable, verdict: Settled, signal: AbortSignal): Promise<boolean> {
    const { pid } = known.process;
    if (await answers(this.#target.probe, `pid ${pid}`, signal)) {
      known.unanswered = undefined;
      return this.#settle(verdict, wanted);
    }
    known.unanswered = verdict;
    const message = `pid ${pid} does not answer since the reload`;
    return this.#settle({ ...verdict, outcome: 'Failed', reason: 'NotAnswering', message }, wanted);
  }

  async #meet(proof: ProcessProof & { ok: true }): Promise<KnownProcess> {
    if (this.#known?.isStill(proof.process) !== true) {
      this.#known = new KnownProcess(proof, this.#target.logFile, this.#options.system?.procRoot);
    }
    await this.#known.findInstallation();
    return this.#known;
  }

  #settle(next: Settled, wanted: Wanted): boolean {
    const before = this.#settled;
    const file = hashOf(this.#wanted);
    this.#settled = next;
    this.#wanted = wanted;
    const { outcome, reason, message } = next;
    if (before.outcome === outcome && before.reason === reason && file === hashOf(wanted)) {
      return before.message !== message;
    }
    this.#since = this.#options.clock.now();
    this.#history.push({ at: this.#since, outcome, reason, message, wantedHash: hashOf(wanted) });
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
    return true;
  }
}

/** What the process reads, or would read when it starts. */
interface Placed {
  started: Wanted;
  obstacle?: Settled | undefined;
}

const DEADLY = 'a process died when it read this file again, so the last good one stays staged; change the file';

const MEANWHILE = 'the file changed while the process read it: what it runs is not known to the byte';

function readsAnother(args: GlusterArguments, file: string): Settled | undefined {
  if (args.volfileServer) return settled('Unverified', 'NoVolfile', 'the process gets its volfile from a server');
  if (args.volfile === undefined) {
    return settled('Unverified', 'NoVolfile', 'the command line of the process names no volfile (-f)');
  }
  if (args.volfile.split('/').at(-1) === file) return undefined;
  return settled('Unverified', 'OtherFile', `the process reads ${args.volfile}, not ${file}`);
}

function majorVersion(version: string | undefined): '10' | '11' | undefined {
  const major = version?.split('.')[0];
  return major === '10' || major === '11' ? major : undefined;
}

function hashOf(wanted: Wanted | undefined): string | undefined {
  return wanted?.readable === true ? wanted.sha256 : undefined;
}

function settled(
  outcome: Settled['outcome'],
  reason: Settled['reason'],
  message: string,
  changes: OptionChange[] = [],
): Settled {
  return { outcome, reason, message, changes, differences: [] };
}
