/**
 * The filter of quota messages: a second features/simple-quota with `use-backend` right above the one that counts. A tenant's
 * `glusterfs.quota.*` ends in it and does not reach the real one.
 */
import { booleanOption, childrenOf, isType, reachableFrom, topOf, type Graph, type Volume } from './model.ts';
import { parseVolfile } from './parse.ts';
import { readVolfileSet } from './read-set.ts';

const SIMPLE_QUOTA = 'features/simple-quota';

/**
 * Looks whether a brick's volfile has it, as the file stands now; the process may run an older one. A content that is the same is
 * not parsed again: it is asked every few seconds.
 *
 * @param dir undefined, like a file that is missing or wrong: not known to have one
 */
export function quotaFilterReader(dir: string | undefined, file: string): () => Promise<boolean> {
  let last: { sha256: string; has: boolean } | undefined;
  return async () => {
    const entry = dir === undefined ? undefined : (await readVolfileSet(dir)).files.get(file);
    if (entry?.ok !== true) return false;
    if (last?.sha256 !== entry.sha256) {
      const parsed = parseVolfile(entry.bytes);
      last = { sha256: entry.sha256, has: parsed.ok && hasQuotaFilter(parsed.graph) };
    }
    return last.has;
  };
}

export function hasQuotaFilter(graph: Graph): boolean {
  const served = reachableFrom(graph, topOf(graph));
  return graph.volumes.some((volume) => {
    if (!served.has(volume.name) || !isActive(volume) || !booleanOption(volume, 'use-backend', false)) return false;
    const [below] = childrenOf(graph, volume);
    return below !== undefined && isActive(below) && !booleanOption(below, 'use-backend', false);
  });
}

/** It passes everything through unless told otherwise. */
function isActive(volume: Volume): boolean {
  return isType(volume, SIMPLE_QUOTA) && !booleanOption(volume, 'pass-through', true);
}
