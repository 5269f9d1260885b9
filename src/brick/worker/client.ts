import type { Worker } from 'node:worker_threads';
import { Backoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { AgentError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { endThread } from '../end-thread.ts';
import type { BrickOp, BrickOps, BrickResponse, BrickWorkerStart } from './messages.ts';
import { startBrickThread } from './start-thread.ts';

/** Calls that may wait for the worker; there is one caller a loop, so more is a mistake. */
const MAX_QUEUE = 64;
/** Pauses before a thread that died is started again, in milliseconds. */
const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;

export interface BrickWorkerOptions {
  brickPath: string;
  /** Default deadline of a call, in milliseconds. */
  deadlineMs: number;
  clock: Clock;
  log: Log;
  /** The first thread, where it was started ahead. */
  thread?: Worker;
}

interface Waiting {
  op: BrickOp;
  resolve: (output: unknown) => void;
  reject: (error: AgentError) => void;
  timer: NodeJS.Timeout;
}

/**
 * The main thread's side of the brick worker.
 *
 * A call that passes its deadline marks the brick as hung: the thread sits in a system call that nothing can interrupt. From
 * then on every call fails at once with `BrickHung` and nothing more is sent, until the late answer comes. No second thread is
 * started for a hung one: it would hang as well.
 */
export class BrickWorker {
  readonly #options: BrickWorkerOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #restart = new Backoff(RESTART_MIN_MS, RESTART_MAX_MS);
  #worker: Worker | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #nextId = 1;
  #hung: { since: number; op: BrickOp; ids: Set<number> } | undefined;
  #stopped = false;

  constructor(options: BrickWorkerOptions) {
    this.#options = options;
    this.#start(options.thread ?? startBrickThread());
  }

  /** Since when a call has not come back, as wall-clock milliseconds; undefined when none is overdue. */
  get hungSince(): number | undefined {
    return this.#hung?.since;
  }

  /** Calls that were sent and not answered. */
  get queueLength(): number {
    return this.#waiting.size;
  }

  /**
   * @throws AgentError `BrickHung` while an earlier call is overdue, `Timeout` when this one becomes so, `Aborted`, or what the
   *   operation itself threw
   */
  async call<K extends BrickOp>(
    op: K,
    input: BrickOps[K]['input'],
    options: { deadlineMs?: number; signal?: AbortSignal } = {},
  ): Promise<BrickOps[K]['output']> {
    const worker = this.#require(op);
    const id = this.#nextId;
    this.#nextId += 1;
    const deadlineMs = options.deadlineMs ?? this.#options.deadlineMs;
    const { signal } = options;
    return await new Promise<BrickOps[K]['output']>((resolve, reject) => {
      if (signal?.aborted) {
        reject(new AgentError('Aborted', `${op}: given up`));
        return;
      }
      const abort = (): void => waiting.reject(new AgentError('Aborted', `${op}: given up`));
      const settle = (): void => signal?.removeEventListener('abort', abort);
      const waiting: Waiting = {
        op,
        timer: setTimeout(() => this.#overdue(id, deadlineMs), deadlineMs),
        resolve: (output) => {
          settle();
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the thread answers each id with the output of its own row
          resolve(output as BrickOps[K]['output']);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, waiting);
      worker.postMessage({ id, op, input });
    });
  }

  /** Ends the thread, if need be in the middle of its work. @returns false when a system call holds it; see endThread */
  async stop(): Promise<boolean> {
    this.#stopped = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll(new AgentError('Aborted', 'the brick worker is stopping'));
    return worker === undefined || (await endThread(worker));
  }

  #require(op: BrickOp): Worker {
    if (this.#hung !== undefined) {
      const seconds = Math.round((this.#options.clock.now() - this.#hung.since) / 1000);
      throw new AgentError('BrickHung', `${op}: the brick has not answered ${this.#hung.op} for ${seconds} s`);
    }
    if (this.#worker === undefined) throw new AgentError('BrickIo', `${op}: the brick worker is not running`);
    if (this.#waiting.size >= MAX_QUEUE) throw new AgentError('BrickIo', `${op}: ${MAX_QUEUE} calls wait already`);
    return this.#worker;
  }

  #start(worker: Worker): void {
    const start: BrickWorkerStart = { brickPath: this.#options.brickPath };
    worker.postMessage(start);
    this.#worker = worker;
    worker.on('message', (response: BrickResponse) => this.#answered(response));
    worker.on('error', (error) => this.#options.log.error({ err: error }, 'brick worker failed'));
    worker.on('exit', (code) => this.#exited(worker, code));
    // A listener for messages keeps the process alive.
    worker.unref();
  }

  #answered(response: BrickResponse): void {
    this.#restart.reset();
    this.#recover(response.id);
    const waiting = this.#waiting.get(response.id);
    if (waiting === undefined) return;
    this.#waiting.delete(response.id);
    clearTimeout(waiting.timer);
    if (response.ok) waiting.resolve(response.output);
    else waiting.reject(new AgentError(response.code, response.message));
  }

  /** The first call that is overdue holds up all that wait behind it in the same thread. */
  #overdue(id: number, deadlineMs: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const now = this.#options.clock.now();
    this.#hung = { since: now - deadlineMs, op: waiting.op, ids: new Set(this.#waiting.keys()) };
    this.#options.log.error({ op: waiting.op, deadlineMs }, 'the brick does not answer: marked as hung');
    waiting.reject(new AgentError('Timeout', `${waiting.op}: the brick did not answer within ${deadlineMs} ms`));
    this.#waiting.delete(id);
    this.#failAll(new AgentError('BrickHung', `the brick has not answered ${waiting.op} for ${deadlineMs} ms`));
  }

  /** Hung until the last call that was sent before has been answered. */
  #recover(id: number): void {
    if (this.#hung === undefined || !this.#hung.ids.delete(id) || this.#hung.ids.size > 0) return;
    const ms = this.#options.clock.now() - this.#hung.since;
    this.#hung = undefined;
    this.#options.log.warn({ ms }, 'the brick answers again');
  }

  #exited(worker: Worker, code: number): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#hung = undefined;
    this.#failAll(new AgentError('BrickIo', `the brick worker ended with code ${code}`));
    if (this.#stopped) return;
    const delayMs = this.#restart.next();
    this.#options.log.error({ code, delayMs }, 'brick worker ended, starting another');
    this.#restartTimer = setTimeout(() => this.#start(startBrickThread()), delayMs);
  }

  #failAll(error: AgentError): void {
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }
}
