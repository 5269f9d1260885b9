/**
 * The volfile that a brick hands out to clients which mount from it (`volspec-directory` of protocol/server, 11 only). On SIGHUP a
 * brick tells its clients to fetch again, also when its own file is the same (measured on 11.1). This agent is one of them.
 */
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { isSameProcess, readProcess, type ProcessInfo } from '../process/identity.ts';
import type { SocketLook } from '../process/process-identity.ts';
import { signalProven } from '../process/signal.ts';
import { pathSeenBy, POLL_MS, seesFile, SETTLE_MS } from './apply.ts';
import { parseGlusterArguments } from './cmdline.ts';
import type { ConditionFacts } from './conditions.ts';
import { OutcomeHistory } from './history.ts';
import type { ExpectedFacts, LintContext } from './lint/rule.ts';
import { isType, optionOf, topOf, type Graph } from './model.ts';
import { NO_NEIGHBOURS, withNeighbours, type Neighbours } from './neighbours.ts';
import { planChange } from './plan.ts';
import { rejected, type Preview } from './preview.ts';
import { ProcessSight } from './process-sight.ts';
import { hashText, type VolfileSet } from './read-set.ts';
import { FileHistory, READ_WINDOW_MS } from './running.ts';
import type { Found } from './sighting.ts';
import { StagedFile } from './staged-file.ts';
import { refused, settled, type Settled } from './state.ts';
import type { VolfileStatus } from './status.ts';
import { MIN_PROCESS_AGE_MS, type TargetOptions } from './target.ts';
import { accept, FileJudge, hashOf, judgeText, type AcceptedFile, type Refusal } from './wanted.ts';

export interface ServedTarget {
  /** The clients' volfile in the volfile directory; clients ask for it without `.vol`. */
  file: string;
  /** Of the brick. */
  pidFile: string;
  /** Asks the brick at its socket who it is. */
  socket: (signal: AbortSignal) => Promise<SocketLook>;
  expected?: ExpectedFacts;
  /** What the brick hands out under a name; undefined: nothing. @throws AgentError */
  getSpec: (key: string, signal: AbortSignal) => Promise<string | undefined>;
  /** How often the brick has told this agent, as one of its clients, to fetch again. */
  calls: () => number;
}

/** A brick tells its clients within a millisecond of its reload. In milliseconds. */
const CALL_DEADLINE_MS = 5000;
const FETCH_DEADLINE_MS = 5000;

const SUFFIX = '.vol';

export class ServedVolfile {
  readonly #target: ServedTarget;
  readonly #options: TargetOptions;
  readonly #sight: ProcessSight;
  readonly #judge: FileJudge;
  readonly #staged: StagedFile;
  readonly #versions = new FileHistory();
  readonly #history: OutcomeHistory;
  /** The file that the clients of this process know, or were told of. */
  #told: { process: ProcessInfo; sha256: string; word: Settled } | undefined;
  #isServed = false;
  #served: string | undefined;

  constructor(target: ServedTarget, options: TargetOptions) {
    const { clock, log, stage } = options;
    this.#target = target;
    this.#options = options;
    this.#sight = new ProcessSight({ ...target, system: options.system });
    this.#judge = new FileJudge(target.file);
    this.#staged = new StagedFile(target.file, stage);
    const first = settled('Pending', 'NotLookedYet', 'not looked at yet');
    this.#history = new OutcomeHistory({ process: 'client', first, clock, log });
  }

  /** Undefined while the brick hands out no volfiles. */
  get status(): VolfileStatus | undefined {
    return this.#isServed ? { ...this.#facts(), conditions: this.#history.conditions } : undefined;
  }

  #facts(): ConditionFacts {
    return { ...this.#history.status, file: this.#target.file, runningHash: this.#served, restartWaitsFor: undefined };
  }

  /**
   * To be called after the brick's own pass.
   *
   * @param brick what became of the brick's own file, which it reads again with the same signal
   * @param graph of that file
   * @returns whether the status changed
   */
  async pass(
    set: VolfileSet,
    brick: VolfileStatus,
    graph: Graph | undefined,
    signal: AbortSignal,
    neighbours = NO_NEIGHBOURS,
  ): Promise<boolean> {
    try {
      return await this.#pass(set, brick, graph, signal, neighbours);
    } finally {
      this.#history.judge(this.#facts(), this.#staged.facts);
    }
  }

  async #pass(
    set: VolfileSet,
    brick: VolfileStatus,
    graph: Graph | undefined,
    signal: AbortSignal,
    neighbours: Neighbours,
  ): Promise<boolean> {
    const wasServed = this.#isServed;
    this.#isServed = graph !== undefined && isHandingOut(graph);
    if (!this.#isServed) return wasServed;
    const context = this.#context(neighbours);
    const wanted = this.#judge.judge(set, context);
    const obstacle = await this.#staged.place(set, wanted, context, this.#versions);
    if (obstacle !== undefined) return this.#history.settle(obstacle, wanted);
    const { accepted, refusal } = accept(wanted);
    if (accepted === undefined) return this.#history.settle(untold(refusal), wanted);
    const next = await this.#tell(accepted, brick, signal);
    return this.#history.settle(next.settled, wanted, next.durationMs);
  }

  /** What would be done if the file held this text; undefined while the brick hands out no volfiles. */
  preview(text: string | undefined, neighbours = NO_NEIGHBOURS): Preview | undefined {
    if (!this.#isServed) return undefined;
    const { file } = this.#target;
    const wanted = judgeText(file, text, this.#context(neighbours));
    const { accepted, refusal } = accept(wanted);
    const now = this.#history.wanted;
    const graph = now?.readable === true && now.sha256 === this.#served ? now.graph : undefined;
    const of = {
      process: 'client' as const,
      file,
      wantedHash: hashOf(wanted),
      runningHash: this.#served,
      problems: wanted.readable ? wanted.problems : [],
    };
    if (accepted === undefined) {
      const { outcome, reason, message } = untold(refusal);
      return { ...of, plan: rejected(wanted), action: 'refuse', outcome, reason, message };
    }
    const plan = graph === undefined ? undefined : planChange(graph, accepted);
    if (accepted.sha256 === this.#served) {
      const message = 'the brick hands out this file';
      return { ...of, plan, action: 'none', outcome: 'Unchanged', reason: 'Served', message };
    }
    const message =
      'the brick is told (SIGHUP) to have its clients fetch it again; they take options and trees while in use';
    return { ...of, plan, action: 'reload', outcome: 'Applied', reason: 'Refetched', message };
  }

  #context(neighbours: Neighbours): LintContext {
    const expected = withNeighbours(this.#target.expected ?? {}, 'client', this.#target.file, neighbours);
    return { role: 'client', expected, gluster: '11', xlators: undefined };
  }

  async #tell(
    wanted: AcceptedFile,
    brick: VolfileStatus,
    signal: AbortSignal,
  ): Promise<{ settled: Settled; durationMs?: number }> {
    const { sha256 } = wanted;
    const sighting = await this.#sight.look(signal);
    if (sighting.found === 'none') {
      const { isGone, message } = sighting;
      if (isGone) return { settled: settled('Pending', 'ProcessNotRunning', message) };
      return { settled: settled('Unverified', 'ProcessUnproven', message) };
    }
    const obstacle = await this.#notServed(wanted, signal);
    if (obstacle !== undefined) return { settled: obstacle };
    if (sighting.found === 'by-socket') return { settled: untellable(sighting, wanted) };
    const { process } = sighting;
    const upAt = Math.max(process.startedAt, sighting.pidFileWrittenAt);
    const told = this.#told;
    if (told?.sha256 === sha256 && isSameProcess(process, told.process)) return { settled: told.word };
    // Clients fetch whenever they connect, and all of this process's have connected since it is up.
    if (wanted.changedAt + READ_WINDOW_MS < upAt) {
      const word = settled('Unchanged', 'Served', SERVED);
      this.#told = { process, sha256, word };
      return { settled: word };
    }
    const isSame = brick.runningHash !== undefined && brick.runningHash === brick.wantedHash;
    if (!isSame || (brick.outcome !== 'Applied' && brick.outcome !== 'Unchanged')) {
      const message = `clients are told by a signal that makes the brick read its own file, too, which has to be settled first (${brick.outcome})`;
      return { settled: settled('Pending', 'BrickUnsettled', message) };
    }
    if (this.#options.clock.now() - upAt < (this.#options.minProcessAgeMs ?? MIN_PROCESS_AGE_MS)) {
      return { settled: settled('Pending', 'JustStarted', `pid ${process.pid} has just started`) };
    }
    return await this.#signal(process, wanted, brick.runningHash ?? '', signal);
  }

  async #signal(
    process: ProcessInfo,
    wanted: AcceptedFile,
    brickHash: string,
    signal: AbortSignal,
  ): Promise<{ settled: Settled; durationMs?: number }> {
    const { clock, system } = this.#options;
    const { volfile } = parseGlusterArguments(process.cmdline);
    const seenPath = volfile === undefined ? undefined : pathSeenBy(process.pid, volfile, system?.procRoot);
    if (!(await seesFile(seenPath, brickHash))) {
      const message = `pid ${process.pid} would read another file of its own`;
      return { settled: settled('Pending', 'BrickUnsettled', message) };
    }
    const startedAt = clock.monotonic();
    const calls = this.#target.calls();
    const sent = await signalProven(process, 'SIGHUP', system);
    if (!sent.ok) return { settled: settled('Unverified', 'SignalFailed', sent.message) };
    while (this.#target.calls() === calls && clock.monotonic() - startedAt < CALL_DEADLINE_MS) {
      await clock.sleep(POLL_MS, signal);
    }
    const isTold = this.#target.calls() !== calls;
    await clock.sleep(SETTLE_MS, signal);
    const isAlive = isSameProcess(process, await readProcess(process.pid, system));
    const obstacle = isAlive ? await this.#notServed(wanted, signal) : undefined;
    const durationMs = Math.round(clock.monotonic() - startedAt);
    const success = isAlive && isTold && obstacle === undefined;
    this.#history.note({ how: 'reload', at: sent.at, success, durationMs });
    if (!isAlive) {
      return { settled: settled('Failed', 'ProcessDied', `pid ${process.pid} did not survive the signal`), durationMs };
    }
    if (obstacle !== undefined) return { settled: obstacle, durationMs };
    const told = 'the brick has told its clients to fetch again, this agent among them, and hands out this file';
    const silent = 'the brick hands out this file, but has told this agent, one of its clients, nothing';
    const word = isTold ? settled('Applied', 'Refetched', told) : settled('Unverified', 'NoEvidence', silent);
    this.#told = { process, sha256: wanted.sha256, word };
    return { settled: word, durationMs };
  }

  /** What keeps a client that asks now from getting the file. */
  async #notServed(wanted: AcceptedFile, signal: AbortSignal): Promise<Settled | undefined> {
    const { file, getSpec } = this.#target;
    this.#served = undefined;
    if (!file.endsWith(SUFFIX)) {
      return settled('Unverified', 'NotServed', `bricks hand out files that end with ${SUFFIX}`);
    }
    const key = file.slice(0, -SUFFIX.length);
    try {
      const ask = async (own: AbortSignal): Promise<string | undefined> => await getSpec(key, own);
      const text = await withDeadline(FETCH_DEADLINE_MS, `fetching ${key} from the brick`, ask, signal);
      if (text === undefined) return settled('Unverified', 'NotServed', `the brick has no ${file} to hand out`);
      this.#served = hashText(text);
      if (this.#served === wanted.sha256) return undefined;
      return settled('Pending', 'NotYetVisible', 'the brick still hands out another file');
    } catch (error) {
      if (signal.aborted && isAgentError(error, 'Aborted')) throw error;
      return settled('Unverified', 'NotServed', `the brick does not hand it out: ${errorMessage(error)}`);
    }
  }
}

const SERVED = 'the brick hands out this file since it is up';

/** Clients that connect get the file; no signal reaches the brick, so those that are connected cannot be told. */
function untellable({ identity, why }: Found & { found: 'by-socket' }, wanted: AcceptedFile): Settled {
  if (wanted.changedAt + READ_WINDOW_MS < identity.startedAt) return settled('Unchanged', 'Served', SERVED);
  const message = `the brick hands out this file to who connects from now on, but no signal reaches it (${why}), so connected clients are not told`;
  return settled('Unverified', 'ProcessUnproven', message);
}

/** Why clients are not told of the file. */
function untold({ reason, message }: Refusal): Settled {
  return refused({ reason, message: `${message}; clients are not told` });
}

/** Whether a brick with this graph hands out volfiles. */
export function isHandingOut(graph: Graph): boolean {
  const top = topOf(graph);
  return isType(top, 'protocol/server') && optionOf(top, 'volspec-directory') !== undefined;
}
