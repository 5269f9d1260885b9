/** Heal counts as a brick gives them. */
import type { HealCounts, IndexCount } from '../../../src/heal/ports.ts';

const exactly = (entries: number): IndexCount => ({ entries, complete: true });

/** A brick with all three indices. */
export function counts(xattrop: number, entryChanges = 0, dirty = 0): HealCounts {
  return { xattrop: exactly(xattrop), dirty: exactly(dirty), entryChanges: exactly(entryChanges) };
}

export const ABSENT: IndexCount = { entries: undefined, complete: false };
export const atLeast = (entries: number): IndexCount => ({ entries, complete: false });
