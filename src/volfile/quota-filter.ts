/**
 * The filter of quota messages: a second features/simple-quota with `use-backend` right above the one that counts. A tenant's
 * `glusterfs.quota.*` ends in it and does not reach the real one.
 */
import { volfileFactReader } from './fact-reader.ts';
import { booleanOption, childrenOf, isType, reachableFrom, topOf, type Graph, type Volume } from './model.ts';

const SIMPLE_QUOTA = 'features/simple-quota';

/** Whether a brick's volfile has it; one that is missing or wrong is not known to have one. */
export function quotaFilterReader(dir: string | undefined, file: string): () => Promise<boolean> {
  const read = volfileFactReader(dir, file, hasQuotaFilter);
  return async () => (await read()) ?? false;
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
