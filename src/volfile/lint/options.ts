/** Rules about the options of the translators that are known: a bad value stops a reload half-way, a misspelt key is ignored. */
import type { Graph } from '../model.ts';
import { knownKeys, lookUpOption } from '../options/table.ts';
import { checkValue, type ValueFault } from '../options/value.ts';
import { quote } from '../problem.ts';
import type { Finding, Rule } from './rule.ts';

function badValues(what: ValueFault['what']): Rule['check'] {
  return (graph) =>
    graph.volumes.values().flatMap((volume) =>
      volume.options.values().flatMap(({ key, value, at }) => {
        const { found } = lookUpOption(volume.type, key);
        const fault = found && checkValue(found.value, value);
        if (fault?.what !== what) return [];
        const message = `option ${quote(key)} of volume ${quote(volume.name)} is ${quote(value)}`;
        return [{ at, message, remedy: `it takes ${fault.expected}` }];
      }),
    );
}

/** Looking for what was meant takes microseconds; in a file full of strange words it would add up. */
const MAX_SUGGESTIONS = 20;

function unknownKeys(graph: Graph): Iterable<Finding> {
  let suggestions = 0;
  return graph.volumes.values().flatMap((volume) =>
    volume.options.values().flatMap(({ key, at }) => {
      const lookup = lookUpOption(volume.type, key);
      if (lookup.found !== undefined || lookup.why === 'unlisted-type') return [];
      suggestions += 1;
      const near = suggestions > MAX_SUGGESTIONS ? undefined : nearest(key, knownKeys(volume.type));
      const message = `${volume.type} has no option ${quote(key)}: GlusterFS ignores it`;
      return [{ at, message, remedy: near === undefined ? 'remove it' : `did you mean ${near}?` }];
    }),
  );
}

/** A misspelt option; three edits make another word of most. */
const MAX_EDITS = 2;

function nearest(word: string, candidates: readonly string[]): string | undefined {
  // glusterd's names for `gluster volume set` end with the key: cluster.heal-timeout.
  const tail = word.slice(word.lastIndexOf('.') + 1);
  if (candidates.includes(tail)) return tail;
  if (word.length > 64) return undefined;
  let best: { key: string; edits: number } | undefined;
  for (const key of candidates) {
    const edits = editDistance(word, key);
    if (edits <= MAX_EDITS && (best === undefined || edits < best.edits)) best = { key, edits };
  }
  return best?.key;
}

/** Insertions, deletions and replacements that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export const OPTION_RULES: readonly Rule[] = [
  { id: 'VF301', severity: 'error', check: badValues('form') },
  { id: 'VF302', severity: 'error', check: badValues('range') },
  { id: 'VF303', severity: 'warning', check: unknownKeys },
];
