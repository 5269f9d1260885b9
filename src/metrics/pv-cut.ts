/** Which PVs have series of their own, where there may not be as many as there are PVs. Pure. */
import { usedBytes, type PvState } from '../quota/pv-state.ts';

/**
 * Those with a condition that does not hold come first, because alerts are about them, then those that use most; the same use
 * goes by name, so that a series does not come and go.
 *
 * @param max 0: all
 */
export function mostInteresting(states: readonly PvState[], max: number): readonly PvState[] {
  if (max === 0 || states.length <= max) return states;
  const ranked = states.map((state) => ({
    state,
    isWrong: state.conditions.some(({ status }) => status === 'False'),
    used: Number(usedBytes(state) ?? state.scan?.diskBytes ?? 0n),
  }));
  ranked.sort((a, b) => Number(b.isWrong) - Number(a.isWrong) || b.used - a.used || (a.state.pv < b.state.pv ? -1 : 1));
  return ranked.slice(0, max).map(({ state }) => state);
}

export type Verdict = 'True' | 'False' | 'Unknown';

/** How many PVs there are, and how many of those with a limit of each condition and verdict; those that no PV has are 0. */
export function countConditions(states: Iterable<PvState>): {
  pvs: number;
  conditions: ReadonlyMap<string, Record<Verdict, number>>;
} {
  const counts = new Map<string, Record<Verdict, number>>();
  let pvs = 0;
  for (const { desired, conditions } of states) {
    pvs += 1;
    if (desired.limitBytes === undefined) continue;
    for (const { type, status } of conditions) {
      let count = counts.get(type);
      if (count === undefined) counts.set(type, (count = { True: 0, False: 0, Unknown: 0 }));
      count[status] += 1;
    }
  }
  return { pvs, conditions: counts };
}
