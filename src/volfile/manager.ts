/** Watches the volfiles and brings them into the processes that read them: one object for the agent to own. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Loop, type LoopStats } from '../lib/loop.ts';
import type { SignalOptions } from '../process/signal.ts';
import { NeighbourFiles, NO_NEIGHBOURS } from './neighbours.ts';
import type { Preview } from './preview.ts';
import { hashText, type VolfileSet } from './read-set.ts';
import type { VolfileStage } from './stage.ts';
import type { VolfileReader, VolfileStatus } from './status.ts';
import { ServedVolfile, type ServedTarget } from './served.ts';
import { TargetState, type VolfileTarget } from './target.ts';
import { VolfileWatch } from './watch.ts';

export interface VolfileManagerOptions {
  /** The mounted ConfigMap, or a plain directory. */
  dir: string;
  targets: readonly VolfileTarget[];
  /** The clients' volfile, where the brick hands it out. */
  served?: ServedTarget | undefined;
  /** Major version of the processes; undefined: as each process shows it. */
  glusterVersion: () => '10' | '11' | undefined;
  /** A younger process gets no signal. Default: MIN_PROCESS_AGE_MS. In milliseconds. */
  minProcessAgeMs?: number;
  /** See `TargetOptions`. */
  returnDeadlineMs?: number;
  /** Staged mode: acceptable files are copied there, and the processes read them there. */
  stage?: VolfileStage | undefined;
  clock: Clock;
  log: Log;
  /** Ends everything. */
  signal: AbortSignal;
  /** Nothing is watched, read or done before; must settle when the signal fires, and never rejects. Default: at once. */
  begin?: Promise<void> | undefined;
  /** Called when the status of one process has changed. */
  onChange?: (status: VolfileStatus) => void;
  /** Where proc is mounted and how signals are sent; for tests. */
  system?: SignalOptions;
}

/** A restarted process is noticed within this; a look costs a few reads of /proc. In milliseconds. */
export const PROCESS_POLL_MS = 10_000;

/** While a process is restarted: a brick is back within half a second, and every moment counts for its clients. In milliseconds. */
export const RESTART_POLL_MS = 250;

/**
 * A restart that waits is tried again after this, and a random part more: of agents that try in step none would ever hear that it
 * is safe. In milliseconds.
 */
export const RESTART_RETRY_MS = 3_000;

export class VolfileManager {
  readonly #options: VolfileManagerOptions;
  readonly #targets: TargetState[];
  readonly #served: ServedVolfile | undefined;
  readonly #watch: VolfileWatch;
  readonly #loop: Loop;
  readonly #neighbours: NeighbourFiles;
  #set: VolfileSet | undefined;
  /** Passes run one after the other: two signals to one process would make evidence of each other. */
  #queue: Promise<void> = Promise.resolve();

  /** Ends with the signal. */
  constructor(options: VolfileManagerOptions) {
    this.#options = options;
    const { begin, clock, dir, log, signal } = options;
    this.#targets = options.targets.map((target) => new TargetState(target, options));
    this.#neighbours = new NeighbourFiles(this.#names());
    this.#served = options.served && new ServedVolfile(options.served, options);
    const interval = (): number => this.#intervalMs();
    this.#loop = new Loop({
      name: 'volfile',
      get intervalMs() {
        return interval();
      },
      clock,
      log,
      signal,
      begin,
      pass: async () => await this.#enqueue(),
    });
    this.#watch = new VolfileWatch({ dir, clock, log, signal, begin, onChange: (set) => this.#onSet(set) });
  }

  /** One for each target, in their order, and for the clients when the brick hands out their file. */
  status(): VolfileStatus[] {
    const served = this.#served?.status;
    return [...this.#targets.map((target) => target.status), ...(served === undefined ? [] : [served])];
  }

  /** What would follow for each process if the directory held these files and no others. Nothing is done. */
  async preview(files: ReadonlyMap<string, string>): Promise<Preview[]> {
    const neighbours = new NeighbourFiles(this.#names()).look((name) => {
      const text = files.get(name);
      return text === undefined ? undefined : { sha256: hashText(text), bytes: Buffer.from(text) };
    });
    const previews: Preview[] = [];
    for (const target of this.#targets) {
      previews.push(await target.preview(files.get(target.status.file), this.#options.signal, neighbours));
    }
    const { file } = this.#options.served ?? {};
    const served = file === undefined ? undefined : this.#served?.preview(files.get(file), neighbours);
    return served === undefined ? previews : [...previews, served];
  }

  /** The same of one process and its file; undefined when no such process is looked after. */
  async previewOf(process: VolfileReader, text: string): Promise<Preview | undefined> {
    const neighbours = this.#set === undefined ? NO_NEIGHBOURS : this.#neighbours.lookIn(this.#set);
    if (process === 'client') return this.#served?.preview(text, neighbours);
    return await this.#targets
      .find((target) => target.status.process === process)
      ?.preview(text, this.#options.signal, neighbours);
  }

  loops(): LoopStats[] {
    return [this.#watch.stats, this.#loop.stats];
  }

  /** Reads the files and looks at the processes now; resolves when that is done. @throws AgentError `Aborted` at shutdown */
  async refresh(): Promise<void> {
    this.#set = await this.#watch.read();
    await this.#enqueue();
  }

  /** Resolves when the signal has fired and nothing is left running. */
  async stopped(): Promise<void> {
    await Promise.all([this.#loop.stopped(), this.#watch.stopped()]);
    await this.#queue;
  }

  #onSet(set: VolfileSet): void {
    this.#set = set;
    this.#loop.wake();
  }

  async #enqueue(): Promise<void> {
    const pass = this.#queue.then(async () => await this.#pass());
    this.#queue = pass.catch(() => undefined);
    await pass;
  }

  async #pass(): Promise<void> {
    const { onChange, signal } = this.#options;
    const set = this.#set;
    if (set === undefined || signal.aborted) return;
    const neighbours = this.#neighbours.lookIn(set);
    for (const target of this.#targets) {
      const mayRestart = this.#targets.every((other) => other === target || !other.isRestarting);
      if (await target.pass(set, signal, mayRestart, neighbours)) onChange?.(target.status);
    }
    const brick = this.#targets.find((target) => target.status.process === 'brick');
    if (brick === undefined || this.#served === undefined) return;
    const changed = await this.#served.pass(set, brick.status, brick.graph, signal, neighbours);
    if (changed && this.#served.status !== undefined) onChange?.(this.#served.status);
  }

  /** The files of this pod's processes. */
  #names(): string[] {
    const { targets, served } = this.#options;
    return [...targets.map(({ file }) => file), ...(served === undefined ? [] : [served.file])];
  }

  #intervalMs(): number {
    if (this.#targets.some((target) => target.isRestarting)) return RESTART_POLL_MS;
    const waits = this.#targets.some((target) => target.status.restartWaitsFor !== undefined);
    return waits ? RESTART_RETRY_MS * (1 + Math.random()) : PROCESS_POLL_MS;
  }
}
