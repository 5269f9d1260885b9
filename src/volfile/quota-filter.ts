/**
 * The filter of quota messages: a second features/simple-quota with `use-backend` right above the one that counts. A tenant's
 * `glusterfs.quota.*` ends in it and does not reach the real one.
 */
import { booleanOption, childrenOf, isType, reachableFrom, topOf, type Graph, type Volume } from './model.ts';
import { parseVolfile } from './parse.ts';
import { readVolfileSet } from './read-set.ts';

const SIMPLE_QUOTA = 'features/simple-quota';

/**
 * Whether a brick's volfile has it, as the file stands now; the process may run an older one.
 *
 * @param dir undefined, like a file that is missing or wrong: not known to have one
 */
export async function readQuotaFilter(dir: string | undefined, file: string): Promise<boolean> {
  const entry = dir === undefined ? undefined : (await readVolfileSet(dir)).files.get(file);
  const parsed = entry?.ok === true ? parseVolfile(entry.bytes) : undefined;
  return parsed?.ok === true && hasQuotaFilter(parsed.graph);
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
