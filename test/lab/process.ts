/** One process of a lab: started in its own mount namespace, tracked by pid, dead when its owner dies. */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, errnoOf } from '../../src/lib/errors.ts';
import { withDeadline } from '../../src/lib/deadline.ts';
import { recordProcess } from './lease.ts';

/** How long a process may take to die of a signal; 11.1 needs up to a second for SIGTERM. */
const EXIT_DEADLINE_MS = 20_000;
/** Enough of a log to see why a process did not start. */
const TAIL_LINES = 15;

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LabProcessOptions {
  /** The lab's folder, where the pid is recorded. */
  labDir: string;
  what: string;
  command: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** File for standard output and error; shown when the process fails. */
  outputFile: string;
  /** The program's own log, also shown when it fails. */
  logFile?: string;
}

export class LabProcess {
  readonly pid: number;
  readonly what: string;
  readonly #child: ChildProcess;
  readonly #options: LabProcessOptions;
  readonly #exit: Promise<ExitStatus>;
  #exitStatus: ExitStatus | undefined;

  private constructor(child: ChildProcess, pid: number, options: LabProcessOptions) {
    this.#child = child;
    this.#options = options;
    this.pid = pid;
    this.what = options.what;
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exitStatus = { code, signal };
        resolve(this.#exitStatus);
      });
    });
  }

  static async start(options: LabProcessOptions): Promise<LabProcess> {
    const output = await open(options.outputFile, 'a');
    try {
      // The kernel kills it when the owner dies in whatever way; its own session keeps a terminal's Ctrl-C away from it.
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...options.command], {
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
        ...(options.env ? { env: options.env } : {}),
      });
      const pid = await spawned(child, options.what);
      const started = new LabProcess(child, pid, options);
      recordProcess(options.labDir, pid);
      child.unref();
      return started;
    } finally {
      await output.close();
    }
  }

  get running(): boolean {
    return this.#exitStatus === undefined;
  }

  /** How it ended; undefined while it runs. */
  get exitStatus(): ExitStatus | undefined {
    return this.#exitStatus;
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Sends a signal that ends the process and waits until it is gone. A stopped process is resumed first. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<ExitStatus> {
    this.signal(signal);
    this.signal('SIGCONT');
    return await this.exited();
  }

  async exited(deadlineMs: number = EXIT_DEADLINE_MS): Promise<ExitStatus> {
    // The child does not keep the owner alive by itself, a caller who waits for it does.
    this.#child.ref();
    try {
      return await withDeadline(deadlineMs, `end of ${this.what} (pid ${this.pid})`, async () => this.#exit);
    } finally {
      this.#child.unref();
    }
  }

  /** @throws AgentError `Internal` with the last lines of its log when the process has ended */
  async assertRunning(): Promise<void> {
    if (this.#exitStatus === undefined) return;
    const { code, signal } = this.#exitStatus;
    const { logFile, outputFile } = this.#options;
    const tails = [await tail(outputFile), logFile === undefined ? '' : await tail(logFile)].filter(Boolean);
    throw new AgentError('Internal', `${this.what} ended (exit ${code ?? signal})\n${tails.join('\n')}`);
  }
}

export interface NamespacePlan {
  root: string;
  labDir: string;
  runDir: string;
  logDir: string;
  /** That the process knows of itself; undefined: this machine's. */
  hostname?: string | undefined;
}

/** The command line that runs `command` where GlusterFS is, in a private mount namespace. */
export function inNamespace(plan: NamespacePlan, command: readonly string[]): string[] {
  const script = join(import.meta.dirname, 'namespace.sh');
  const places = [plan.root, plan.labDir, plan.runDir, plan.logDir, join(plan.labDir, 'hosts')];
  const mounted = ['unshare', '--mount', '--propagation', 'private', 'sh', script, ...places, ...command];
  if (plan.hostname === undefined) return mounted;
  return ['unshare', '--uts', 'sh', '-c', 'echo "$0" >/proc/sys/kernel/hostname; exec "$@"', plan.hostname, ...mounted];
}

export async function tail(path: string, lines: number = TAIL_LINES): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

async function spawned(child: ChildProcess, what: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new AgentError('Internal', `${what} could not be started: ${cause.message}`, { cause }));
    });
    child.once('spawn', () => {
      if (child.pid !== undefined) resolve(child.pid);
    });
  });
}
