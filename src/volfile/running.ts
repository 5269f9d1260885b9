/**
 * Which graph a process runs. It read the file when it started, so what was in the file at that moment is what it runs; when
 * that moment is too close to a change to tell, it is not known.
 */
import type { Graph } from './model.ts';

export interface RunningGraph {
  graph: Graph;
  /** Undefined when the graph was read from the log of the process. */
  sha256: string | undefined;
  /** A reload stopped half-way: single options may have the values of another file. */
  halfApplied: boolean;
}

interface Version {
  sha256: string;
  graph: Graph | undefined;
  /** Wall-clock milliseconds. */
  since: number;
}

/** 11.1 reads its volfile 4 ms after it wrote its pid file; a loaded machine may take longer. In milliseconds. */
export const READ_WINDOW_MS = 2000;

/** Start times are good to about 20 ms, file times to one tick of the kernel (10 ms at worst). In milliseconds. */
export const TIME_ERROR_MS = 50;

/** Both times are of files, by the same clock of the kernel: two of its ticks. In milliseconds. */
export const FILE_TIME_ERROR_MS = 20;

/** A shell may prepare a brick for a while before it becomes glusterfsd; a pid file written later than this was touched. */
export const MAX_SHELL_MS = 60_000;

/** A process is restarted soon after it died; older versions than these are not asked for. */
const MAX_VERSIONS = 20;

/** What one file has held, and since when. */
export class FileHistory {
  readonly #versions: Version[] = [];

  /** @param since wall-clock milliseconds when the file got this content, as its file system says */
  record(sha256: string, graph: Graph | undefined, since: number): void {
    if (this.#versions.at(-1)?.sha256 === sha256) return;
    this.#versions.push({ sha256, graph, since });
    if (this.#versions.length > MAX_VERSIONS) this.#versions.shift();
  }

  /**
   * What a process has read that was started at the first time and wrote its pid file at the second, right before it read its
   * volfile. Undefined when that is not certain, or could not have been parsed.
   */
  readBy(startedAt: number, pidFileWrittenAt: number): RunningGraph | undefined {
    const upAt = Math.max(startedAt, pidFileWrittenAt);
    const wroteItself = upAt - startedAt <= MAX_SHELL_MS && upAt === pidFileWrittenAt;
    const atLatest = wroteItself ? upAt - FILE_TIME_ERROR_MS : startedAt - TIME_ERROR_MS;
    const index = this.#versions.findLastIndex(({ since }) => since <= atLatest);
    const version = this.#versions[index];
    const next = this.#versions[index + 1];
    if (version?.graph === undefined) return undefined;
    if (next !== undefined && next.since <= upAt + READ_WINDOW_MS) return undefined;
    return { graph: version.graph, sha256: version.sha256, halfApplied: false };
  }
}
