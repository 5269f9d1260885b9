/** The last lines of the agent's own log, for a support bundle: the container's log may be gone, or not be asked for by whoever helps. */

/** Together 128 KB at most, in UTF-16 code units twice that. */
const MAX_LINES = 256;
const MAX_LINE_LENGTH = 512;

export class RecentLog {
  readonly #lines: string[] = [];
  #next = 0;

  /** Of a longer line, which would be no JSON any more, the member `msg` and what stands before stay where they can. */
  add(line: string): void {
    this.#lines[this.#next] = line.length > MAX_LINE_LENGTH ? shorten(line) : line.trimEnd();
    this.#next = (this.#next + 1) % MAX_LINES;
  }

  /** Oldest first. */
  lines(): string[] {
    return [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
  }
}

function shorten(line: string): string {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null) return '{}';
    // What is long is a stack or the configuration; what says what happened is short.
    const kept = Object.entries(parsed).filter(([, value]) => typeof value !== 'object' && String(value).length <= 200);
    const short = JSON.stringify({ ...Object.fromEntries(kept), cut: true });
    return short.length <= 2 * MAX_LINE_LENGTH ? short : '{"cut":true}';
  } catch {
    return '{"cut":true}';
  }
}
