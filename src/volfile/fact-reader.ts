import type { Graph } from './model.ts';
import { parseVolfile } from './parse.ts';
import { readVolfileSet } from './read-set.ts';

/**
 * Reads one fact of a volfile, as the file stands now; a process may run an older one. A content that is the same is not parsed
 * again: it is asked every now and then.
 *
 * @param dir undefined, like a file that is missing or wrong: the fact is not known
 */
export function volfileFactReader<T>(
  dir: string | undefined,
  file: string,
  factOf: (graph: Graph) => T,
): () => Promise<T | undefined> {
  let last: { sha256: string; fact: T | undefined } | undefined;
  return async () => {
    const entry = dir === undefined ? undefined : (await readVolfileSet(dir)).files.get(file);
    if (entry?.ok !== true) return undefined;
    if (last?.sha256 !== entry.sha256) {
      const parsed = parseVolfile(entry.bytes);
      last = { sha256: entry.sha256, fact: parsed.ok ? factOf(parsed.graph) : undefined };
    }
    return last.fact;
  };
}
