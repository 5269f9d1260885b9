import { childrenOf, reachableFrom, topOf, volumesOfType, type Graph } from './model.ts';

/** Subvolumes that the files of a volume are distributed over, by the clients' volfile; 1 where there is no distribute. */
export function distributedOver(graph: Graph): number {
  const used = reachableFrom(graph, topOf(graph));
  const counts = volumesOfType(graph, 'cluster/distribute')
    .filter(({ name }) => used.has(name))
    .map((volume) => childrenOf(graph, volume).length);
  return Math.max(1, ...counts);
}
