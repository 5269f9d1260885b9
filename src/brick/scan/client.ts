import { Worker } from 'node:worker_threads';
import type { Clock } from '../../lib/clock.ts';
import { AgentError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { endThread } from '../end-thread.ts';
import type { ScanRequest, ScanResponse, ScanResult, ScanWorkerData } from './messages.ts';
import type { ScanTotals } from './tree.ts';

/** A thread without work is ended after this, in milliseconds. */
const IDLE_MS = 10_000;
/**
 * Room for the names of directories that wait in a deep or wide tree (a million take some 60 MB); a tree that needs more ends
 * its own scan and nothing else. In MiB.
 */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 160, maxYoungGenerationSizeMb: 4 };

export interface ScanWorkerOptions {
  brickPath: string;
  /** A scan that reports nothing for this long hangs in a system call, in milliseconds. */
  deadlineMs: number;
  clock: Clock;
  log: Log;
}

export interface ScanOptions {
  place: string;
  /** Part of the time that is worked, above 0 to 1. */
  duty: number;
  signal: AbortSignal;
  onProgress?: (totals: ScanTotals) => void;
}

interface Running {
  id: number;
  path: string;
  hung: boolean;
  timer: NodeJS.Timeout;
  onProgress: ((totals: ScanTotals) => void) | undefined;
  resolve: (result: ScanResult | undefined) => void;
  reject: (error: AgentError) => void;
}

/**
 * The main thread's side of a scan thread: one scan at a time. The thread is started with the first scan, and apart from the
 * control worker, which must answer within its deadline while a scan runs for hours.
 */
export class ScanWorker {
  readonly #options: ScanWorkerOptions;
  readonly #flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #worker: Worker | undefined;
  #running: Running | undefined;
  #nextId = 1;
  #stopped = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: ScanWorkerOptions) {
    this.#options = options;
  }

  /**
   * Measures a PV's directory. A signal ends it within milliseconds unless the disk hangs.
   *
   * @returns undefined when there is no such directory
   * @throws AgentError `Aborted`, `BrickHung` while the disk does not answer (also for every scan until it does), `BrickFenced`,
   *   `BrickIo`; `Conflict` when a scan runs already
   */
  async scan(path: string, options: ScanOptions): Promise<ScanResult | undefined> {
    if (this.#stopped) throw new AgentError('Aborted', `scan of ${path}: the agent is stopping`);
    if (this.#running?.hung === true) {
      throw new AgentError('BrickHung', `scan of ${path}: an earlier scan (${this.#running.path}) hangs in the brick`);
    }
    if (this.#running !== undefined) throw new AgentError('Conflict', `scan of ${path}: another scan runs`);
    const { signal, place, duty, onProgress } = options;
    if (signal.aborted) throw new AgentError('Aborted', `scan of ${path}: given up`);
    const id = this.#nextId;
    this.#nextId += 1;
    const request: ScanRequest = { id, path, place, duty };
    return await new Promise<ScanResult | undefined>((resolve, reject) => {
      // The thread answers with Aborted; only then is it free for the next.
      const abort = (): void => this.#cancel(id);
      signal.addEventListener('abort', abort, { once: true });
      const settle = (): void => signal.removeEventListener('abort', abort);
      const timer = setTimeout(() => this.#overdue(id), this.#options.deadlineMs);
      this.#running = {
        id,
        path,
        hung: false,
        timer,
        onProgress,
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#require().postMessage(request);
    });
  }

  /** Ends the thread, if need be in the middle of its work. @returns false when a system call holds it; see endThread */
  async stop(): Promise<boolean> {
    this.#stopped = true;
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    const running = this.#take();
    if (running !== undefined) this.#cancel(running.id);
    running?.reject(new AgentError('Aborted', 'the scan worker is stopping'));
    return worker === undefined || (await endThread(worker));
  }

  #cancel(id: number): void {
    Atomics.store(this.#flag, 0, id);
    Atomics.notify(this.#flag, 0);
  }

  #require(): Worker {
    clearTimeout(this.#idle);
    if (this.#worker !== undefined) return this.#worker;
    const data: ScanWorkerData = { brickPath: this.#options.brickPath, flag: this.#flag };
    const worker = new Worker(workerEntry(), { workerData: data, resourceLimits: HEAP_LIMITS, name: 'scan' });
    worker.on('message', (response: ScanResponse) => this.#answered(response));
    worker.on('error', (error) => this.#options.log.error({ err: error }, 'scan worker failed'));
    worker.on('exit', (code) => this.#exited(worker, code));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(response: ScanResponse): void {
    const running = this.#running;
    if (running === undefined || running.id !== response.id) return;
    if (running.hung) this.#options.log.warn({ path: running.path }, 'the scan goes on: the brick answers again');
    running.hung = false;
    if (response.kind === 'progress') {
      running.timer.refresh();
      running.onProgress?.(response.totals);
      return;
    }
    this.#take();
    this.#endWhenIdle();
    if (response.kind === 'done') running.resolve(response.result);
    else if (response.kind === 'missing') running.resolve(undefined);
    else running.reject(new AgentError(response.code, response.message));
  }

  /** Scans are hours apart once every PV has had its first: a thread that waits for the next would hold its memory for nothing. */
  #endWhenIdle(): void {
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      if (worker === undefined || this.#running !== undefined) return;
      this.#worker = undefined;
      void endThread(worker);
    }, IDLE_MS);
    this.#idle.unref();
  }

  /** The caller gets its answer; the thread keeps its place until the system call comes back, and ends the scan then. */
  #overdue(id: number): void {
    const running = this.#running;
    if (running?.id !== id || running.hung) return;
    running.hung = true;
    this.#cancel(id);
    const { deadlineMs, log } = this.#options;
    log.error({ path: running.path, deadlineMs }, 'a scan hangs: the brick does not answer');
    running.reject(new AgentError('BrickHung', `scan of ${running.path}: no progress for ${deadlineMs} ms`));
  }

  #exited(worker: Worker, code: number): void {
    if (this.#worker !== worker) return;
    // The next scan starts another thread; the one that brought this one down is not tried again by itself.
    this.#worker = undefined;
    this.#take()?.reject(new AgentError('BrickIo', `the scan worker ended with code ${code}`));
  }

  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) clearTimeout(running.timer);
    return running;
  }
}

/** The thread's code: the source beside this file, or its bundle beside the agent's. */
function workerEntry(): URL {
  const entry = import.meta.url.endsWith('.ts') ? './thread.ts' : './scan-worker.js';
  return new URL(entry, import.meta.url);
}
