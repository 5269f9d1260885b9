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

/** A process reads its volfile within milliseconds of its start; a loaded machine may take longer. In milliseconds. */
export const READ_WINDOW_MS = 2000;

/** Start times are good to about 20 ms, file times to one tick of the kernel (10 ms at worst). In milliseconds. */
export const TIME_ERROR_MS = 50;

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
   * What a process has read that was started at the first time, and was glusterfsd at the second (a shell may come before it).
   * Undefined when that is not certain, or could not have been parsed.
   */
  readBy(startedAt: number, upAt: number): RunningGraph | undefined {
    const index = this.#versions.findLastIndex(({ since }) => since <= startedAt - TIME_ERROR_MS);
    const version = this.#versions[index];
    const next = this.#versions[index + 1];
    if (version?.graph === undefined) return undefined;
    if (next !== undefined && next.since <= upAt + READ_WINDOW_MS) return undefined;
    return { graph: version.graph, sha256: version.sha256, halfApplied: false };
  }
}
