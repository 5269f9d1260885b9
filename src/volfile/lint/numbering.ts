/**
 * Clients number the bricks of a set: replicas blame each other under these names, and a disperse set puts its fragments by the
 * order. Two clients that number them differently, one of them mostly the self-heal daemon, ruin what they write for each other.
 */
import { healSets, type HealSet } from '../facts.ts';
import type { Graph } from '../model.ts';
import { quote } from '../problem.ts';
import type { Finding, LintContext, Rule } from './rule.ts';

/** One process at a place of the network. Names and addresses of one host differ from file to file, and then nothing is said. */
function addressOf({ remoteHost, remotePort, remoteSubvolume }: HealSet['children'][number]): string | undefined {
  if (remoteHost === undefined || remoteSubvolume === undefined) return undefined;
  return [remoteHost.toLowerCase(), remotePort ?? '', remoteSubvolume].join('\n');
}

/** What each brick is called; in a file that names one twice, by all names. */
function numbersOf(sets: readonly HealSet[]): Map<string, Set<string>> {
  const numbers = new Map<string, Set<string>>();
  for (const { kind, children } of sets) {
    for (const [index, child] of children.entries()) {
      const address = addressOf(child);
      if (address === undefined) continue;
      const number = kind === 'replicate' ? `${child.pendingName}` : `fragment ${index}`;
      numbers.set(address, (numbers.get(address) ?? new Set()).add(number));
    }
  }
  return numbers;
}

function otherNumbering(graph: Graph, { expected }: LintContext): Finding[] {
  const own = healSets(graph);
  const here = numbersOf(own);
  const others = (expected.clients ?? []).map(numbersOf);
  return own.flatMap((set) => {
    const at = graph.byName.get(set.name)?.at;
    for (const child of set.children) {
      const address = addressOf(child);
      const mine = address === undefined ? undefined : here.get(address);
      if (at === undefined || address === undefined || mine === undefined) continue;
      const other = others
        .map((numbers) => numbers.get(address))
        .find((names) => names !== undefined && ![...names].some((name) => mine.has(name)));
      if (other === undefined) continue;
      const message = `volume ${quote(set.name)} has brick ${quote(child.remoteSubvolume ?? '')} of ${quote(child.remoteHost ?? '')} as ${shown(mine)}, another client's file as ${shown(other)}: what one writes the other spoils`;
      const remedy = 'let all files name the bricks of a set in the same order, under the same names';
      return [{ at, message, remedy }];
    }
    return [];
  });
}

function shown(names: ReadonlySet<string>): string {
  return [...names].slice(0, 2).map(quote).join(' and ');
}

export const NUMBERING_RULES: readonly Rule[] = [
  { id: 'VF215', severity: 'error', roles: ['shd', 'client'], check: otherNumbering },
];
