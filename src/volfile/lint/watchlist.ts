/**
 * Under which names bricks are told what waits for heal (`afr-pending-xattr` of clients, one name for all in a disperse set), and
 * which names they note (`xattrop-pending-watchlist` and `xattrop64-watchlist` of features/index). Where they do not fit, nothing is
 * ever noted, and no word is said of it (measured on 11.1).
 */
import { Beginnings } from '../beginnings.ts';
import { brickFacts, DISPERSE_BLAME, healSets, indexFacts, type HealSet } from '../facts.ts';
import { volumesOfType, type Graph } from '../model.ts';
import { quote } from '../problem.ts';
import type { BrickAddress, Finding, LintContext, Rule } from './rule.ts';

/**
 * Sets that ask for this brick and blame others under names that it does not note. Bricks of several hosts may share a path, and
 * then it is not known which set is the brick's: one that fits is enough.
 */
function unnoted(sets: readonly HealSet[], brick: BrickAddress): { set: HealSet; names: string[] } | undefined {
  const { watch } = brick;
  if (watch === undefined) return undefined;
  const noted = new Beginnings(watch);
  const own = sets.filter(({ children }) => children.some((child) => asks(child, brick)));
  const missing = own.map((set) => ({ set, names: blames(set, brick).filter((name) => !noted.has(name)) }));
  return missing.some(({ names }) => names.length === 0) ? undefined : missing[0];
}

function blames({ kind, children }: HealSet, brick: BrickAddress): string[] {
  if (kind === 'disperse') return [DISPERSE_BLAME];
  const mine = children.filter((child) => asks(child, brick));
  // A brick is not blamed on itself; which child it is, is known only where one asks for it.
  const blamed = mine.length === 1 ? children.filter((child) => child !== mine[0]) : children;
  return blamed.flatMap(({ pendingName }) => (pendingName === undefined ? [] : `trusted.afr.${pendingName}`));
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
    return { at: volume.at, message, remedy: remedyFor(found.set) };
  });
}

function brickWatch(graph: Graph, { expected }: LintContext): Finding[] {
  const brick = indexFacts(graph);
  const found = brick && unnoted((expected.clients ?? []).flat(), brick);
  if (brick === undefined || found === undefined) return [];
  const message = `clients blame bricks as ${shown(found.names)} (volume ${quote(found.set.name)}), which is not watched here (${shown(brick.watch)}): what waits for heal is never noted`;
  return [{ at: brick.at, message, remedy: remedyFor(found.set) }];
}

function remedyFor({ kind }: HealSet): string {
  if (kind === 'disperse')
    return `let xattrop64-watchlist of bricks be ${DISPERSE_BLAME}, its default, and no other list name it`;
  return 'let afr-pending-xattr of clients and the watchlist of bricks begin alike: "trusted.afr.VOLUME-" for VOLUME-client-N; no blanks after commas';
}

const MAX_SHOWN = 8;

function shown(names: readonly string[] = []): string {
  if (names.length === 0) return 'nothing';
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  return `${names.slice(0, MAX_SHOWN).map(quote).join(', ')}${more}`;
}

/** The default of the list for replicas is a template that nobody fills in; that of the one for disperse sets works. */
function noWatchlist(graph: Graph, { expected }: LintContext): Finding[] {
  const facts = brickFacts(graph);
  const brick = facts?.listenPort === undefined ? undefined : { name: facts.name, listenPort: facts.listenPort };
  const own = (expected.clients ?? [])
    .flat()
    .filter(({ children }) => brick && children.some((child) => asks(child, brick)));
  if (own.length > 0 && own.every(({ kind }) => kind === 'disperse')) return [];
  return volumesOfType(graph, 'features/index')
    .filter(({ options }) => !options.has('xattrop-pending-watchlist') && !options.has('xattrop64-watchlist'))
    .map(({ name, at }) => ({
      at,
      message: `volume ${quote(name)} has no watchlist: what needs healing is never noted for replicas`,
      remedy: 'add "option xattrop-pending-watchlist trusted.afr.VOLUME-", or xattrop64-watchlist for disperse',
    }));
}

export const WATCHLIST_RULES: readonly Rule[] = [
  { id: 'VF131', severity: 'error', roles: ['brick'], check: noWatchlist },
  // Which of two files is wrong is not known: the brick serves all the same.
  { id: 'VF135', severity: 'warning', roles: ['brick'], check: brickWatch },
  { id: 'VF212', severity: 'error', roles: ['shd', 'client'], check: clientNames },
];
