/** What brick and self-heal daemon have in common: start, stop, kill, pause, and a wait until they answer. */
import { rm } from 'node:fs/promises';
import net from 'node:net';
import { AgentError } from '../../src/lib/errors.ts';
import type { LabContext } from './context.ts';
import { makeFolders } from './lease.ts';
import { inNamespace, LabProcess, type ExitStatus } from './process.ts';
import { waitFor } from './wait.ts';

/** A replaced brick or a busy machine starts within a second or two; more means that it hangs. */
const START_DEADLINE_MS = 30_000;
const START_POLL_MS = 15;
const CONNECT_TIMEOUT_MS = 1_000;

/** The places of one "pod": what its containers would share. */
export interface PodPlaces {
  /** Appears as /run/gluster (= /var/run/gluster) to the process: statedumps and metrics land here. */
  runDir: string;
  /** Appears as /var/log/glusterfs. */
  logDir: string;
  /** The unix socket of the process (`-S`). */
  socket: string;
  pidFile: string;
  logFile: string;
}

export function podPlaces(dir: string, name: string): PodPlaces {
  const runDir = `${dir}/run`;
  const logDir = `${dir}/log`;
  return {
    runDir,
    logDir,
    socket: `${runDir}/${name}.socket`,
    pidFile: `${runDir}/${name}.pid`,
    logFile: `${logDir}/${name}.log`,
  };
}

export abstract class Daemon implements PodPlaces {
  readonly runDir: string;
  readonly logDir: string;
  readonly socket: string;
  readonly pidFile: string;
  readonly logFile: string;
  /** What it takes for the name of its host when it starts; undefined: this machine's. */
  hostname: string | undefined;
  protected readonly context: LabContext;
  readonly #what: string;
  #process: LabProcess | undefined;

  protected constructor(context: LabContext, what: string, places: PodPlaces) {
    this.context = context;
    this.#what = what;
    this.runDir = places.runDir;
    this.logDir = places.logDir;
    this.socket = places.socket;
    this.pidFile = places.pidFile;
    this.logFile = places.logFile;
  }

  protected abstract command(): string[];
  /** Rejects as long as the process does not answer. */
  protected abstract probe(): Promise<void>;

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** @throws AgentError `Conflict` when it does not run */
  get pid(): number {
    return this.#current().pid;
  }

  /** Starts the process and waits until it answers. */
  async start(): Promise<void> {
    if (this.running) throw new AgentError('Conflict', `${this.#what} runs already`);
    await makeFolders(this.runDir, this.logDir);
    // A killed process leaves its socket; a connect to it must not look like an answer of the new one.
    await rm(this.socket, { force: true });
    const { root, labDir } = this.context;
    const { runDir, logDir, hostname } = this;
    const started = await LabProcess.start({
      labDir,
      what: this.#what,
      command: inNamespace({ root, labDir, runDir, logDir, hostname }, this.command()),
      outputFile: `${this.logDir}/output`,
      logFile: this.logFile,
    });
    this.#process = started;
    this.context.track(started);
    await waitFor(`an answer of ${this.#what}`, async () => this.#answersOrEnded(started), {
      timeoutMs: START_DEADLINE_MS,
      intervalMs: START_POLL_MS,
    });
    await started.assertRunning();
  }

  /** A clean stop (SIGTERM); glusterfs exits with code 15 then. */
  async stop(): Promise<ExitStatus> {
    return await this.kill('SIGTERM');
  }

  /** Ends it and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ExitStatus> {
    return await this.#current().end(signal);
  }

  /** Sends a signal that does not end it, e.g. SIGHUP or SIGUSR1. */
  signal(signal: NodeJS.Signals): void {
    this.#current().signal(signal);
  }

  /** Freezes it: connects succeed, nothing answers. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** How it ended by itself, e.g. `{ signal: 'SIGSEGV' }`. */
  async exited(deadlineMs?: number): Promise<ExitStatus> {
    if (this.#process === undefined) throw new AgentError('Conflict', `${this.#what} was never started`);
    return await this.#process.exited(deadlineMs);
  }

  async #answersOrEnded(started: LabProcess): Promise<boolean> {
    if (started.running) await this.probe();
    return true;
  }

  #current(): LabProcess {
    if (!this.#process?.running) throw new AgentError('Conflict', `${this.#what} does not run`);
    return this.#process;
  }
}

/** Connects and hangs up; rejects when nobody listens. */
export async function probeConnect(target: net.NetConnectOpts): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(target);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('connect timed out')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
