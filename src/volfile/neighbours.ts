/** What the volfiles of one pod have to say about each other: a brick's and those of its clients must agree. */
import { indexFacts, healSets, type HealSet } from './facts.ts';
import type { BrickAddress, ExpectedFacts, LintRole } from './lint/rule.ts';
import { isType, topOf, type Graph } from './model.ts';
import { parseVolfile } from './parse.ts';
import type { VolfileSet } from './read-set.ts';

export interface Neighbours {
  /** Bricks whose own files are at hand. */
  bricks: readonly BrickAddress[];
  /** Each client's file, the self-heal daemon's among them. */
  clients: readonly { file: string; sets: readonly HealSet[] }[];
}

export const NO_NEIGHBOURS: Neighbours = { bricks: [], clients: [] };

export function neighboursOf(files: readonly { file: string; graph: Graph }[]): Neighbours {
  const isBrick = ({ graph }: { graph: Graph }): boolean => isType(topOf(graph), 'protocol/server');
  return {
    bricks: files.filter(isBrick).flatMap(({ graph }) => indexFacts(graph) ?? []),
    clients: files.filter((of) => !isBrick(of)).map(({ file, graph }) => ({ file, sets: healSets(graph) })),
  };
}

/**
 * @param expected what is known from elsewhere; of a brick that it names, the file says more
 * @param file whose facts these are; it need not agree with an older content of its own
 */
export function withNeighbours(
  expected: ExpectedFacts,
  role: LintRole,
  file: string,
  neighbours: Neighbours,
): ExpectedFacts {
  const clients = neighbours.clients.filter((client) => client.file !== file).map(({ sets }) => sets);
  if (role === 'brick') return { ...expected, clients };
  const watchOf = new Map(neighbours.bricks.map(({ name, watch }) => [name, watch]));
  const bricks = (expected.bricks ?? []).map(({ name, listenPort, watch }): BrickAddress => {
    return { name, listenPort, watch: watch ?? watchOf.get(name) };
  });
  return { ...expected, bricks, clients };
}

/** Parses each content once. */
export class NeighbourFiles {
  readonly #names: readonly string[];
  readonly #graphs = new Map<string, { sha256: string; graph: Graph | undefined }>();
  #last: { key: string; neighbours: Neighbours } = { key: '', neighbours: NO_NEIGHBOURS };

  /** @param names of the files of this pod's processes; others of the directory are of no concern */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** In a volfile directory; a file that cannot be read says nothing. */
  lookIn({ files }: VolfileSet): Neighbours {
    return this.look((name) => {
      const entry = files.get(name);
      return entry?.ok === true ? entry : undefined;
    });
  }

  /** @param read a file by name; undefined for one that is not there */
  look(read: (name: string) => { sha256: string; bytes: Uint8Array } | undefined): Neighbours {
    const found = this.#names.flatMap((name) => {
      const file = read(name);
      return file === undefined ? [] : [{ name, ...file }];
    });
    const key = found.map(({ name, sha256 }) => `${name} ${sha256}`).join();
    if (key === this.#last.key) return this.#last.neighbours;
    const graphs = found.flatMap(({ name, sha256, bytes }) => {
      const graph = this.#graphOf(name, sha256, bytes);
      return graph === undefined ? [] : { file: name, graph };
    });
    this.#last = { key, neighbours: neighboursOf(graphs) };
    return this.#last.neighbours;
  }

  #graphOf(name: string, sha256: string, bytes: Uint8Array): Graph | undefined {
    const known = this.#graphs.get(name);
    if (known?.sha256 === sha256) return known.graph;
    const parsed = parseVolfile(bytes);
    const graph = parsed.ok ? parsed.graph : undefined;
    this.#graphs.set(name, { sha256, graph });
    return graph;
  }
}
