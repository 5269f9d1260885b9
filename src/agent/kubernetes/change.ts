/** When a state is worth an event. Pure. */

/** What was last known of something; undefined: nothing ever. */
export type Known = 'Good' | 'Bad' | undefined;

/** `Found`: it was bad when it was first known, so whoever looked before may have told. */
export type Change = 'Found' | 'Began' | 'Ended' | undefined;

/** @param now undefined: not known at the moment, which ends nothing and begins nothing */
export function changeOf(before: Known, now: Known): Change {
  if (now === undefined || now === before) return undefined;
  if (now === 'Bad') return before === undefined ? 'Found' : 'Began';
  return before === 'Bad' ? 'Ended' : undefined;
}
