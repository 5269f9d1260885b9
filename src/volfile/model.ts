/** A volfile as a graph of translators, with the place of everything in the file. */
import type { Position } from './problem.ts';

export interface OptionEntry {
  key: string;
  value: string;
  /** Of the word `option`. */
  at: Position;
}

export interface Volume {
  name: string;
  /** As written, e.g. `cluster/replicate`; see canonicalType. */
  type: string;
  /** The last one of each key counts, as for GlusterFS (measured on 11.1). */
  options: ReadonlyMap<string, OptionEntry>;
  /** Earlier entries of a key that stands in `options` too. */
  overridden: readonly OptionEntry[];
  /** Names of volumes defined earlier in the file. */
  subvolumes: readonly string[];
  /** Of the word `volume`. */
  at: Position;
}

export interface Graph {
  /** In file order: every volume stands after its subvolumes. Never empty. */
  volumes: readonly Volume[];
  byName: ReadonlyMap<string, Volume>;
}

export type Role = 'brick' | 'shd' | 'client' | 'unknown';

/** Links in the directory of translators: one code, several names (listed from an 11.1 installation). */
const TYPE_ALIASES: ReadonlyMap<string, string> = new Map([
  ['cluster/afr', 'cluster/replicate'],
  ['cluster/ec', 'cluster/disperse'],
  ['cluster/dht', 'cluster/distribute'],
  ['features/posix-locks', 'features/locks'],
  ['performance/stat-prefetch', 'performance/md-cache'],
  ['system/posix-acl', 'features/access-control'],
]);

export function canonicalType(type: string): string {
  return TYPE_ALIASES.get(type) ?? type;
}

export function isType(volume: Volume, type: string): boolean {
  return canonicalType(volume.type) === type;
}

/** The volume the process serves: GlusterFS takes the last one of the file. */
export function topOf(graph: Graph): Volume {
  const top = graph.volumes.at(-1);
  if (top === undefined) throw new RangeError('a graph has at least one volume');
  return top;
}

/** In file order. @param type canonical */
export function volumesOfType(graph: Graph, type: string): readonly Volume[] {
  return typesOf(graph).get(type) ?? [];
}

/** Some sixty rules ask for volumes by type; looking through all of them each time would be most of what a lint takes. */
const TYPES_OF = new WeakMap<Graph, ReadonlyMap<string, readonly Volume[]>>();

function typesOf(graph: Graph): ReadonlyMap<string, readonly Volume[]> {
  const known = TYPES_OF.get(graph);
  if (known !== undefined) return known;
  const types = Map.groupBy(graph.volumes, ({ type }) => canonicalType(type));
  TYPES_OF.set(graph, types);
  return types;
}

export function optionOf(volume: Volume, key: string): string | undefined {
  return volume.options.get(key)?.value;
}

export function childrenOf(graph: Graph, volume: Volume): Volume[] {
  return volume.subvolumes.flatMap((name) => graph.byName.get(name) ?? []);
}

/** The names of `volume` and of everything below it. */
export function reachableFrom(graph: Graph, volume: Volume): Set<string> {
  const seen = new Set<string>([volume.name]);
  const pending = [volume];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const name of next.subvolumes) {
      const child = seen.has(name) ? undefined : graph.byName.get(name);
      if (child === undefined) continue;
      seen.add(name);
      pending.push(child);
    }
  }
  return seen;
}

/** GlusterFS's booleans, in any case; `undefined` for any other word. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (['1', 'on', 'yes', 'true', 'enable'].includes(word)) return true;
  if (['0', 'off', 'no', 'false', 'disable'].includes(word)) return false;
  return undefined;
}

/** @param fallback the translator's default, used when the option is absent or is not a boolean */
export function booleanOption(volume: Volume, key: string, fallback: boolean): boolean {
  const value = optionOf(volume, key);
  return (value === undefined ? undefined : parseBoolean(value)) ?? fallback;
}

/** What the graph is for. A self-heal daemon's graph that lacks its options looks like a client's. */
export function roleOf(graph: Graph): Role {
  if (isType(topOf(graph), 'protocol/server')) return 'brick';
  const healers = healVolumes(graph);
  if (healers.some((volume) => booleanOption(volume, 'iam-self-heal-daemon', false))) return 'shd';
  return volumesOfType(graph, 'protocol/client').length > 0 ? 'client' : 'unknown';
}

/** The replicate and disperse volumes, in file order. */
export function healVolumes(graph: Graph): readonly Volume[] {
  const replicate = volumesOfType(graph, 'cluster/replicate');
  const disperse = volumesOfType(graph, 'cluster/disperse');
  if (disperse.length === 0) return replicate;
  if (replicate.length === 0) return disperse;
  return graph.volumes.filter((volume) => isType(volume, 'cluster/replicate') || isType(volume, 'cluster/disperse'));
}
