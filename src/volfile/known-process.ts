/** What is known of the one process that runs now. A process that was started since is another one, and begins anew. */
import type { ProcessInfo } from '../process/identity.ts';
import { isSame, type ProcessIdentity } from '../process/process-identity.ts';
import { pathSeenBy, type ReloadResult } from './apply.ts';
import { parseGlusterArguments, type GlusterArguments } from './cmdline.ts';
import { findInstallation, type Installation } from './installation.ts';
import { readLogEnd } from './log-file.ts';
import { isPoisoned, linesSinceStart, loggedGraph } from './process-log.ts';
import type { FileHistory, RunningGraph } from './running.ts';
import type { Found } from './sighting.ts';
import { settled, type Settled } from './state.ts';
import type { Wanted } from './wanted.ts';

/** A process that has just started may not have written its graph to its log yet. In milliseconds. */
export const LOG_COMPLETE_MS = 30_000;

export class KnownProcess {
  readonly identity: ProcessIdentity;
  readonly info: ProcessInfo;
  readonly args: GlusterArguments;
  /** Undefined as long as the process does not show it. */
  installation: Installation | undefined;
  running: RunningGraph | undefined;
  poisoned = false;
  /** SHA-256 of the file about which the last word is spoken, so that a signal is sent once. */
  settledFor: string | undefined;
  /** The outcome of a reload since which the process does not answer. */
  unanswered: Settled | undefined;
  /** Wall-clock milliseconds; a program may become glusterfsd long after its process was started. */
  readonly #upAt: number;
  readonly #pidFileWrittenAt: number;
  readonly #logFile: string | undefined;
  readonly #procRoot: string | undefined;
  #searchedFor: string | undefined;

  /** @param logFile undefined: what the process was told on its command line */
  constructor(found: Found, logFile: string | undefined, procRoot: string | undefined) {
    const { identity, process, pidFileWrittenAt } = found;
    this.identity = identity;
    this.info = process;
    this.args = parseGlusterArguments(process.cmdline);
    this.#upAt = Math.max(identity.startedAt, pidFileWrittenAt);
    this.#pidFileWrittenAt = pidFileWrittenAt;
    this.#procRoot = procRoot;
    this.#logFile = logFile ?? (this.args.logFile === undefined ? undefined : this.#see(this.args.logFile));
  }

  isStill(identity: ProcessIdentity): boolean {
    return isSame(this.identity, identity);
  }

  get logFile(): string | undefined {
    return this.#logFile;
  }

  /** Its volfile as it sees it. */
  get seenPath(): string | undefined {
    return this.args.volfile === undefined ? undefined : this.#see(this.args.volfile);
  }

  /** Milliseconds since it was certainly up. */
  age(now: number): number {
    return now - this.#upAt;
  }

  /** Why a change of that file would not reach it; undefined: it reads it. */
  readsAnother(file: string): Settled | undefined {
    const { volfile, volfileServer } = this.args;
    if (volfileServer) return settled('Unverified', 'NoVolfile', 'the process gets its volfile from a server');
    if (volfile === undefined) {
      return settled('Unverified', 'NoVolfile', 'the command line of the process names no volfile (-f)');
    }
    if (volfile.split('/').at(-1) === file) return undefined;
    return settled('Unverified', 'OtherFile', `the process reads ${volfile}, not ${file}`);
  }

  async findInstallation(): Promise<void> {
    this.installation ??= await findInstallation(this.info.pid, this.#procRoot);
  }

  /** What it has read when it started, where the times of its file tell. */
  consult(versions: FileHistory): void {
    this.running ??= versions.readBy(this.identity.startedAt, this.#pidFileWrittenAt);
  }

  /** Once for each file: its log tells what neither this agent's memory nor the times of the files can. */
  async searchLog(sha256: string, now: number): Promise<void> {
    if (this.#logFile === undefined || this.#searchedFor === sha256) return;
    const text = await readLogEnd(this.#logFile);
    if (text === undefined) return;
    const lines = linesSinceStart(text, this.identity.startedAt);
    this.poisoned ||= isPoisoned(lines);
    const graph = this.running === undefined ? loggedGraph(lines) : undefined;
    if (graph !== undefined) this.running = { graph, sha256: undefined, halfApplied: false };
    if (this.running !== undefined || this.age(now) > LOG_COMPLETE_MS) this.#searchedFor = sha256;
  }

  /**
   * What it runs after a signal. Only options differed, so its tree is known even where its values are not.
   *
   * @param meanwhile the file changed while it was read
   */
  remember({ graph }: ReloadResult, wanted: Wanted & { readable: true }, meanwhile: boolean): void {
    if (graph === 'poisoned') this.poisoned = true;
    if (graph === 'half' && this.running !== undefined) this.running = { ...this.running, halfApplied: true };
    if (wanted.graph === undefined || (graph !== 'taken' && graph !== 'unsure')) return;
    const sha256 = graph === 'taken' && !meanwhile ? wanted.sha256 : undefined;
    this.running = { graph: wanted.graph, sha256, halfApplied: false };
  }

  #see(path: string): string {
    return pathSeenBy(this.info.pid, path, this.#procRoot);
  }
}
