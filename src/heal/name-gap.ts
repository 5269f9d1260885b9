/**
 * Names that an object has on some bricks and not on others, though nothing notes that they were missed: the directory's mark was lost,
 * so no crawl of an index makes them (measured on 11.1). Seen by the way where the copies of an object are compared. Pure.
 */
import { MAX_NAMES, type NameRecord } from '../brick/gfid-path.ts';
import type { Gfid } from '../lib/gfid.ts';
import { blameOf, type CopyRow } from './split-brain.ts';
import type { NameState } from './resolve-name.ts';

/** Names that are looked into further; each is a question to every brick. */
const MAX_DOUBTFUL = 8;

/** Names that a copy has and another one, which is there too, has not. @param rows of all bricks of the set */
export function doubtfulNames(rows: readonly CopyRow[]): NameRecord[] {
  const copies = rows.flatMap(({ copy }) => (typeof copy === 'string' || copy.type === 'directory' ? [] : [copy]));
  // Of one that has more, not all are known.
  if (copies.some(({ names }) => names.length >= MAX_NAMES)) return [];
  const all = new Map(copies.flatMap(({ names }) => names.map((record) => [keyOf(record), record] as const)));
  const isEverywhere = (key: string) => copies.every(({ names }) => names.some((record) => keyOf(record) === key));
  return [...all].flatMap(([key, record]) => (isEverywhere(key) ? [] : [record])).slice(0, MAX_DOUBTFUL);
}

/** Bricks that have the object and its directory and not the name, where nobody blames them for it; empty: there are none, or its heal is under way. */
export function bricksWithout(gfid: Gfid, { directory, named, objects }: NameState): number[] {
  const isMarked = directory.some((row) => directory.some(({ child }) => blameOf(row, child).entry > 0));
  if (isMarked || ![...named.values()].some((object) => object?.gfid === gfid)) return [];
  const isThere = (rows: readonly CopyRow[] | undefined, at: number): boolean =>
    rows?.some(({ brickIndex, copy }) => brickIndex === at && typeof copy !== 'string') === true;
  return [...named].flatMap(([at, object]) =>
    object === undefined && isThere(directory, at) && isThere(objects.get(gfid), at) ? [at] : [],
  );
}

function keyOf({ parent, name }: NameRecord): string {
  return `${parent}/${name}`;
}
