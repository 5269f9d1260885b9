/**
 * Brings a volfile into a process by ending it: asked first whether it may go, ended by one signal, and watched until what its
 * supervisor starts in its place answers and runs the file. Nothing waits in here: every pass looks once.
 */
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { ProcessInfo } from '../process/identity.ts';
import { isSame, type ProcessIdentity } from '../process/process-identity.ts';
import { signalProven, type SignalOptions } from '../process/signal.ts';
import type { RunningGraph } from './running.ts';
import type { Sighting } from './sighting.ts';

/** A process that may be ended. */
export interface Endable {
  identity: ProcessIdentity;
  /** Undefined: unseen, so that no signal reaches it. */
  info: ProcessInfo | undefined;
  running: RunningGraph | undefined;
}

/** How one process may be ended. */
export interface RestartPorts {
  /** Why it must not be ended now, in one sentence; undefined: it may, and all who need to know do, until `leave`. */
  enter: (holdMs: number, signal: AbortSignal) => Promise<string | undefined>;
  leave: () => void;
  /** Ends it over its own socket, where no signal reaches it or none is allowed; undefined: there is no such way. */
  terminate?: ((process: Endable, signal: AbortSignal) => Promise<void>) | undefined;
}

export interface RestartOptions {
  ports: RestartPorts;
  /** From the signal until another process must answer and run the file, in milliseconds. */
  returnDeadlineMs: number;
  clock: Clock;
  system?: SignalOptions | undefined;
}

/** 11.1 ends within a second of SIGTERM; one that waits for a slow disk takes longer. In milliseconds. */
export const END_DEADLINE_MS = 30_000;

/** Others are told a little longer than it can take, so that they never hear of an end too early. In milliseconds. */
const HOLD_MARGIN_MS = 30_000;

/** A process that dies at its start is started again by its supervisor; so many deaths are no accident. */
const MAX_DEATHS = 3;

/** What the process that came back runs may have to be read from its log, which it still writes. In milliseconds. */
const UNKNOWN_GRAPH_MS = 10_000;

/** Start times are good to about 20 ms, those of files to a tick of the kernel. In milliseconds. */
const START_ERROR_MS = 100;

export type BeginResult =
  | { begun: true }
  /** `gone`: there is nothing to end any more. */
  | { begun: false; gone: boolean; message: string };

export type FollowResult =
  | { state: 'under-way'; message: string }
  /** The process runs a file, which may be a newer one; the caller compares. */
  | { state: 'back'; message: string; at: number; durationMs: number }
  /** `isDown`: nothing runs that answers, so another file may help. */
  | { state: 'failed'; message: string; isDown: boolean; at: number; durationMs: number };

/** What a look at the process has found. */
export interface Seen {
  sighting: Sighting;
  running: RunningGraph | undefined;
  /** It runs what the file says, as far as its log shows. */
  runsWanted: boolean;
  answers: () => Promise<boolean>;
}

interface Flight {
  old: ProcessIdentity;
  wasUnseen: boolean;
  sha256: string;
  /** Wall-clock milliseconds. */
  at: number;
  /** Monotonic milliseconds. */
  startedAt: number;
  /** The last process that was seen since. */
  met: ProcessIdentity | undefined;
  /** Monotonic milliseconds since when it answers. */
  answeredAt: number | undefined;
  deaths: number;
}

export class ProcessRestart {
  readonly #options: RestartOptions;
  #flight: Flight | undefined;

  constructor(options: RestartOptions) {
    this.#options = options;
  }

  /** A process was ended and is not back. */
  get isUnderWay(): boolean {
    return this.#flight !== undefined;
  }

  /** SHA-256 of the file that is to be brought in. */
  get file(): string | undefined {
    return this.#flight?.sha256;
  }

  /**
   * @param stillRight asked after the wait for others, right before the signal: why not after all
   * @throws AgentError `Aborted` when the signal fires
   */
  async begin(
    process: Endable,
    sha256: string,
    stillRight: () => Promise<string | undefined>,
    signal: AbortSignal,
  ): Promise<BeginResult> {
    const { ports, clock, returnDeadlineMs } = this.#options;
    const refusal = await ports.enter(END_DEADLINE_MS + returnDeadlineMs + HOLD_MARGIN_MS, signal);
    if (refusal !== undefined) return { begun: false, gone: false, message: refusal };
    let ended: BeginResult = { begun: false, gone: false, message: 'given up' };
    try {
      const wrong = await stillRight();
      ended = wrong === undefined ? await this.#end(process, signal) : { begun: false, gone: false, message: wrong };
    } finally {
      if (!ended.begun) ports.leave();
    }
    if (ended.begun) {
      const at = clock.now();
      const startedAt = clock.monotonic();
      const wasUnseen = process.info === undefined;
      const met = { met: undefined, answeredAt: undefined, deaths: 0 };
      this.#flight = { old: process.identity, wasUnseen, sha256, at, startedAt, ...met };
    }
    return ended;
  }

  /** To be called again and again while it is under way. */
  async follow(seen: Seen): Promise<FollowResult> {
    const flight = this.#flight;
    if (flight === undefined) return { state: 'under-way', message: 'no restart is under way' };
    const result = await this.#look(flight, seen);
    if (result.state !== 'under-way') {
      this.#flight = undefined;
      this.#options.ports.leave();
    }
    return result;
  }

  async #look(flight: Flight, { sighting, running, runsWanted, answers }: Seen): Promise<FollowResult> {
    const { clock, returnDeadlineMs } = this.#options;
    const { old } = flight;
    const now = clock.monotonic();
    const passed = now - flight.startedAt;
    const done = { at: flight.at, durationMs: Math.round(passed) };
    const failed = (message: string, isDown: boolean): FollowResult => ({ state: 'failed', message, isDown, ...done });
    const present = sighting.found === 'none' ? undefined : sighting.identity;
    if (isSame(old, present) || isOldOtherwise(flight, sighting)) {
      if (passed >= END_DEADLINE_MS) return failed(`${old.name} has not ended within ${seconds(passed)}`, false);
      return { state: 'under-way', message: `${old.name} is ending` };
    }
    if (flight.met !== undefined && !isSame(flight.met, present)) {
      flight.deaths += 1;
      flight.met = undefined;
      flight.answeredAt = undefined;
    }
    if (present !== undefined) {
      flight.met = present;
      if (await answers()) {
        flight.answeredAt ??= now;
        const back = `${old.name} was ended, and ${present.name} came in its place after ${seconds(passed)}`;
        if (running?.sha256 === flight.sha256 || runsWanted) {
          return { state: 'back', message: `${back}, answers and runs the file`, ...done };
        }
        if (running !== undefined) return failed(`${back}, but runs another file`, false);
        if (now - flight.answeredAt >= UNKNOWN_GRAPH_MS) return failed(`${back}; what it runs is not known`, false);
      }
    }
    const dead = flight.deaths === 0 ? '' : `; ${flight.deaths} died at their start`;
    if (flight.deaths >= MAX_DEATHS) return failed(`${old.name} was ended, and nothing came back${dead}`, true);
    if (passed >= returnDeadlineMs) {
      const why = sighting.found === 'none' ? sighting.message : `${sighting.identity.name} does not answer`;
      return failed(`${old.name} was ended, and nothing came back within ${seconds(passed)}: ${why}${dead}`, true);
    }
    return { state: 'under-way', message: `${old.name} was ended; its supervisor has to start another${dead}` };
  }

  async #end(process: Endable, signal: AbortSignal): Promise<BeginResult> {
    const { ports, system } = this.#options;
    const { identity, info } = process;
    const unseen = { ok: false, reason: 'NoPermission', message: `no signal reaches ${identity.name}` } as const;
    const sent = info === undefined ? unseen : await signalProven(info, 'SIGTERM', system);
    if (sent.ok) return { begun: true };
    const gone = sent.reason === 'Gone' || sent.reason === 'Changed';
    if (sent.reason !== 'NoPermission' || ports.terminate === undefined) {
      return { begun: false, gone, message: sent.message };
    }
    try {
      await ports.terminate(process, signal);
      return { begun: true };
    } catch (error) {
      if (signal.aborted && isAgentError(error, 'Aborted')) throw error;
      return { begun: false, gone: false, message: `${sent.message}; over its socket: ${errorMessage(error)}` };
    }
  }
}

/** The one that was told to end, known another way by now: what came in its place has started since. */
function isOldOtherwise({ wasUnseen, at }: Flight, sighting: Sighting): boolean {
  if (sighting.found === 'none' || (sighting.found === 'by-socket') === wasUnseen) return false;
  return sighting.identity.startedAt < at - START_ERROR_MS;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
