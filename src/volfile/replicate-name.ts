/**
 * How the replicate translator of a brick's set is called. Clients lock under that name, and so does the self-heal daemon, whose
 * volfile has it: if the two differed, no heal would be safe either.
 */
import { childrenOf, isType, type Graph } from './model.ts';
import { parseVolfile } from './parse.ts';
import { readVolfileSet } from './read-set.ts';

/** @param client the brick's protocol/client, e.g. `pool1-client-2`. @returns undefined when the file does not tell */
export function replicateOf(graph: Graph, client: string): string | undefined {
  const found = graph.volumes.filter(
    (volume) => isType(volume, 'cluster/replicate') && childrenOf(graph, volume).some(({ name }) => name === client),
  );
  return found.length === 1 ? found[0]?.name : undefined;
}

export async function readReplicateName(
  dir: string | undefined,
  file: string,
  client: string,
): Promise<string | undefined> {
  const entry = dir === undefined ? undefined : (await readVolfileSet(dir)).files.get(file);
  const parsed = entry?.ok === true ? parseVolfile(entry.bytes) : undefined;
  return parsed?.ok === true ? replicateOf(parsed.graph, client) : undefined;
}
