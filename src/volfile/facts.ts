/** What a brick's and a self-heal daemon's volfile say about themselves, for whoever talks to these processes. */
import { Beginnings } from './beginnings.ts';
import { booleanOption, childrenOf, healVolumes, isType, optionOf, topOf, type Graph, type Volume } from './model.ts';
import type { Position } from './problem.ts';

export interface BrickFacts {
  /** The child of protocol/server that clients ask for as `remote-subvolume`; Gluster's brick name. */
  name: string;
  serverName: string;
  /** Undefined when the volfile leaves it to the command line. */
  listenPort: number | undefined;
  /** storage/posix's directory. */
  directory: string | undefined;
  volumeId: string | undefined;
  authPath: string | undefined;
  /** features/simple-quota is there and not passed through. */
  simpleQuota: boolean;
}

/** `undefined` when the graph is not a brick's: no protocol/server with a child on top. Several children: the first. */
export function brickFacts(graph: Graph): BrickFacts | undefined {
  const server = topOf(graph);
  const [child] = childrenOf(graph, server);
  if (!isType(server, 'protocol/server') || child === undefined) return undefined;
  const posix = findBelow(graph, child, 'storage/posix');
  const quota = findBelow(graph, child, 'features/simple-quota');
  return {
    name: child.name,
    serverName: server.name,
    listenPort: portNumber(optionOf(server, 'transport.socket.listen-port') ?? optionOf(server, 'listen-port')),
    directory: posix && optionOf(posix, 'directory'),
    volumeId: posix && optionOf(posix, 'volume-id')?.toLowerCase(),
    authPath: optionOf(server, 'auth-path'),
    simpleQuota: quota !== undefined && !booleanOption(quota, 'pass-through', true),
  };
}

/** What clients must agree with. */
export interface IndexFacts {
  name: string;
  listenPort: number;
  /** Beginnings of the names under which blame is noted; undefined without features/index. */
  watch: string[] | undefined;
  at: Position;
}

/** Undefined when the graph is not a brick's, or does not name its port. */
export function indexFacts(graph: Graph): IndexFacts | undefined {
  const facts = brickFacts(graph);
  if (facts?.listenPort === undefined) return undefined;
  const { name, listenPort } = facts;
  const server = topOf(graph);
  const index = findBelow(graph, server, 'features/index');
  return { name, listenPort, watch: index && watchOf(index), at: (index ?? server).at };
}

/** Under which name the bricks of a disperse set are told that a file waits for heal. */
export const DISPERSE_BLAME = 'trusted.ec.dirty';

/**
 * Both lists are one for 11.1, which takes a blank for a part of the name, and whose `xattrop64-watchlist` is never empty. What
 * `xattrop-dirty-watchlist` names too is noted as dirty only, where the daemon of a disperse set does not look (all measured).
 */
function watchOf(index: Volume): string[] {
  const lists = prefixes(index, 'xattrop-pending-watchlist').concat(
    prefixes(index, 'xattrop64-watchlist', DISPERSE_BLAME),
  );
  const dirty = new Beginnings(prefixes(index, 'xattrop-dirty-watchlist'));
  return lists.filter((prefix) => !prefix.startsWith('trusted.ec.') || !dirty.has(prefix));
}

function prefixes(index: Volume, key: string, fallback = ''): string[] {
  return (optionOf(index, key) ?? fallback).split(',').filter((prefix) => prefix !== '');
}

export interface HealChild {
  /** The protocol/client volume, e.g. `pool1-client-0`. */
  name: string;
  remoteHost: string | undefined;
  remoteSubvolume: string | undefined;
  remotePort: number | undefined;
  /** The suffix of `trusted.afr.` under which the others blame this brick; replicate only. */
  pendingName: string | undefined;
}

export interface HealSet {
  /** The translator that heal operations name. */
  name: string;
  kind: 'replicate' | 'disperse';
  /** `iam-self-heal-daemon`: without it heal operations crash the process. */
  healDaemon: boolean;
  /** In the order in which statistics number them. */
  children: HealChild[];
  /** The last child of a replicate set is an arbiter. */
  arbiter: boolean;
  /** Bricks that must be there for anything to be healed; undefined: the volfile does not say. */
  needed: number | undefined;
}

/** The replica and disperse sets of a self-heal daemon's (or client's) graph, in file order. */
export function healSets(graph: Graph): HealSet[] {
  const clients = firstBelow(graph, 'protocol/client');
  return healVolumes(graph).map((volume) => {
    const replicate = isType(volume, 'cluster/replicate');
    const pending = replicate ? optionOf(volume, 'afr-pending-xattr')?.split(',') : undefined;
    const children = childrenOf(graph, volume);
    return {
      name: volume.name,
      kind: replicate ? 'replicate' : 'disperse',
      healDaemon: booleanOption(volume, 'iam-self-heal-daemon', false),
      arbiter: replicate && optionOf(volume, 'arbiter-count') === '1',
      needed: replicate ? MIN_COPIES : fragmentsOf(volume, children.length),
      children: children.map((child, index) => healChild(child, clients.get(child.name), replicate, pending?.[index])),
    };
  });
}

/** Replicate compares and copies between two at least: with one it says "< 2 bricks in replica are up" (measured on 11.1). */
const MIN_COPIES = 2;

/** Of how many fragments a disperse set makes a file. */
function fragmentsOf(volume: Volume, children: number): number | undefined {
  const redundancy = Number(optionOf(volume, 'redundancy') ?? 'NaN');
  return Number.isSafeInteger(redundancy) && redundancy > 0 && redundancy < children
    ? children - redundancy
    : undefined;
}

/** Depth first from `volume`; undefined when there is none of the type. */
export function findBelow(graph: Graph, volume: Volume, type: string): Volume | undefined {
  const seen = new Set<string>();
  const pending = [volume];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next.name)) continue;
    seen.add(next.name);
    if (isType(next, type)) return next;
    // One by one: half a million arguments are more than a call takes.
    for (const child of childrenOf(graph, next).reverse()) pending.push(child);
  }
  return undefined;
}

/** A TCP port in decimal; undefined for anything else. */
export function portNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9]\d{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

/**
 * What `findBelow` finds, for every volume at once: a chain of replica sets, each searched to its end, would cost minutes.
 * A volume stands after its subvolumes.
 */
function firstBelow(graph: Graph, type: string): ReadonlyMap<string, Volume> {
  const found = new Map<string, Volume>();
  for (const volume of graph.volumes) {
    const below = isType(volume, type)
      ? volume
      : volume.subvolumes
          .values()
          .map((name) => found.get(name))
          .find((client) => client !== undefined);
    if (below !== undefined) found.set(volume.name, below);
  }
  return found;
}

function healChild(
  child: Volume,
  client: Volume | undefined,
  replicate: boolean,
  pending: string | undefined,
): HealChild {
  return {
    name: child.name,
    remoteHost: client && optionOf(client, 'remote-host'),
    remoteSubvolume: client && optionOf(client, 'remote-subvolume'),
    remotePort: client && portNumber(optionOf(client, 'remote-port')),
    pendingName: replicate ? (pending?.trim() ?? child.name) : undefined,
  };
}
