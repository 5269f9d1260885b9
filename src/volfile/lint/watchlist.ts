/**
 * Under which names bricks are told what waits for heal (`afr-pending-xattr` of clients), and which names they note
 * (`xattrop-pending-watchlist` and `xattrop64-watchlist` of features/index). Where they do not fit, nothing is ever noted, and no
 * word is said of it (measured on 11.1).
 */
import { healSets, indexFacts, type HealSet } from '../facts.ts';
import type { Graph } from '../model.ts';
import { quote } from '../problem.ts';
import type { BrickAddress, Finding, LintContext, Rule } from './rule.ts';

/**
 * Sets that ask for this brick and blame others under names that it does not note. Bricks of several hosts may share a path, and
 * then it is not known which set is the brick's: one that fits is enough.
 */
function unnoted(sets: readonly HealSet[], brick: BrickAddress): { set: HealSet; names: string[] } | undefined {
  const { watch } = brick;
  if (watch === undefined) return undefined;
  const own = sets.filter(({ kind, children }) => kind === 'replicate' && children.some((child) => asks(child, brick)));
  const missing = own.map((set) => {
    const mine = set.children.filter((child) => asks(child, brick));
    // A brick is not blamed on itself; which child it is, is known only where one asks for it.
    const blamed = mine.length === 1 ? set.children.filter((child) => child !== mine[0]) : set.children;
    const names = blamed.flatMap(({ pendingName }) => (pendingName === undefined ? [] : `trusted.afr.${pendingName}`));
    return { set, names: names.filter((name) => !watch.some((prefix) => name.startsWith(prefix))) };
  });
  return missing.some(({ names }) => names.length === 0) ? undefined : missing[0];
}

function asks(child: HealSet['children'][number], { name, listenPort }: BrickAddress): boolean {
  return child.remoteSubvolume === name && (child.remotePort ?? listenPort) === listenPort;
}

function clientNames(graph: Graph, { expected }: LintContext): Finding[] {
  const sets = healSets(graph);
  return (expected.bricks ?? []).flatMap((brick) => {
    const found = unnoted(sets, brick);
    const volume = found && graph.byName.get(found.set.name);
    if (found === undefined || volume === undefined) return [];
    const message = `volume ${quote(volume.name)} blames bricks as ${shown(found.names)}, which brick ${quote(brick.name)} does not note (it watches ${shown(brick.watch)}): what waits for heal is never seen`;
    return { at: volume.at, message, remedy: REMEDY };
  });
}

function brickWatch(graph: Graph, { expected }: LintContext): Finding[] {
  const brick = indexFacts(graph);
  const found = brick && unnoted(expected.sets ?? [], brick);
  if (brick === undefined || found === undefined) return [];
  const message = `clients blame bricks as ${shown(found.names)} (volume ${quote(found.set.name)}), which is not watched here (${shown(brick.watch)}): what waits for heal is never noted`;
  return [{ at: brick.at, message, remedy: REMEDY }];
}

const REMEDY =
  'let afr-pending-xattr of clients and the watchlist of bricks begin alike: "trusted.afr.VOLUME-" for VOLUME-client-N; no blanks after commas';

function shown(names: readonly string[] = []): string {
  return names.length === 0 ? 'nothing' : names.map(quote).join(', ');
}

export const WATCHLIST_RULES: readonly Rule[] = [
  // Which of two files is wrong is not known: the brick serves all the same.
  { id: 'VF135', severity: 'warning', roles: ['brick'], check: brickWatch },
  { id: 'VF212', severity: 'error', roles: ['shd', 'client'], check: clientNames },
];
