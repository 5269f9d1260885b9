/** What is known of the one process that runs now. A process that was started since is another one, and begins anew. */
import type { ProcessInfo } from '../process/identity.ts';
import { isSame, type ProcessIdentity } from '../process/process-identity.ts';
import { pathSeenBy, type ReloadResult } from './apply.ts';
import { parseGlusterArguments, type GlusterArguments } from './cmdline.ts';
import { findInstallation, type Installation } from './installation.ts';
import { readLogEnd } from './log-file.ts';
import { isPoisoned, linesSinceStart, loggedArguments, loggedGraph, wasReloaded } from './process-log.ts';
import type { FileHistory, RunningGraph } from './running.ts';
import type { Found } from './sighting.ts';
import { settled, type Settled } from './state.ts';
import type { Wanted } from './wanted.ts';

/** A process that has just started may not have written its graph to its log yet. In milliseconds. */
export const LOG_COMPLETE_MS = 30_000;

export class KnownProcess {
  readonly identity: ProcessIdentity;
  /** Undefined: unseen. */
  readonly info: ProcessInfo | undefined;
  /** Undefined: not known, of an unseen process whose log does not show them. */
  args: GlusterArguments | undefined;
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
    const { identity } = found;
    this.identity = identity;
    this.info = found.found === 'by-pid' ? found.process : undefined;
    this.args = this.info && parseGlusterArguments(this.info.cmdline);
    // An unseen one is known since it has bound its socket, which comes after the pid file and before the volfile.
    this.#pidFileWrittenAt = found.found === 'by-pid' ? found.pidFileWrittenAt : identity.startedAt;
    this.#upAt = Math.max(identity.startedAt, this.#pidFileWrittenAt);
    this.#procRoot = procRoot;
    this.#logFile = logFile ?? this.#see(this.args?.logFile);
  }

  isStill(identity: ProcessIdentity): boolean {
    return isSame(this.identity, identity);
  }

  get logFile(): string | undefined {
    return this.#logFile;
  }

  /** Its volfile as it sees it; undefined when we cannot look. */
  get seenPath(): string | undefined {
    return this.#see(this.args?.volfile);
  }

  /** Keys of options that its command line adds to the graph, as far as that is known. */
  get addedOptions(): ReadonlySet<string> {
    return this.args?.addedOptions ?? new Set();
  }

  /** Milliseconds since it was certainly up. */
  age(now: number): number {
    return now - this.#upAt;
  }

  /** Why a change of that file would not reach it; undefined: it reads it. */
  readsAnother(file: string): Settled | undefined {
    if (this.args === undefined) return undefined;
    const { volfile, volfileServer } = this.args;
    if (volfileServer) return settled('Unverified', 'NoVolfile', 'the process gets its volfile from a server');
    if (volfile === undefined) {
      return settled('Unverified', 'NoVolfile', 'the command line of the process names no volfile (-f)');
    }
    if (volfile.split('/').at(-1) === file) return undefined;
    return settled('Unverified', 'OtherFile', `the process reads ${volfile}, not ${file}`);
  }

  async findInstallation(): Promise<void> {
    if (this.info !== undefined) this.installation ??= await findInstallation(this.info.pid, this.#procRoot);
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
    const lines = this.#ownLines(text);
    this.poisoned ||= isPoisoned(lines);
    const graph = this.running === undefined ? loggedGraph(lines) : undefined;
    if (graph !== undefined) this.running = { graph, sha256: undefined, halfApplied: false };
    this.#learnUnseen(lines);
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

  /** Of an unseen one the log tells what /proc would; what somebody else has told it, since no signal of ours reaches it, too. */
  #learnUnseen(lines: readonly string[]): void {
    if (this.info !== undefined) return;
    this.args ??= loggedArguments(lines);
    if (this.running !== undefined && wasReloaded(lines)) {
      this.running = { ...this.running, sha256: undefined, halfApplied: true };
    }
  }

  #ownLines(text: string): string[] {
    const { startedAt } = this.identity;
    return linesSinceStart(text, startedAt, this.info === undefined ? startedAt : Number.POSITIVE_INFINITY);
  }

  #see(path: string | undefined): string | undefined {
    if (path === undefined || this.info === undefined) return undefined;
    return pathSeenBy(this.info.pid, path, this.#procRoot);
  }
}
