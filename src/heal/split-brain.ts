/**
 * Whether the copies of an object are in split-brain, from the rows of all bricks of its set. Pure.
 *
 * Each copy keeps one row of a matrix: which copies missed changes of data, metadata or entries. A copy that nobody blames is a
 * source; where every copy is blamed by another one there is none, and the self-heal daemon cannot tell which is right. A copy
 * that blames itself is not believed about others. An arbiter has a row like every other and no data, so that it is never the
 * source of data (rules of replicate; verdicts compared with glfsheal on 11.1).
 *
 * Under one name there may be different objects: gfids that differ, or types. That is a split-brain only where the directory has
 * no source of entries; else the daemon removes the one that is wrong.
 */
import type { BrickCopy, NamedObject } from '../brick/copies.ts';
import type { MissingObject } from '../brick/heal-entries.ts';
import type { Gfid } from '../lib/gfid.ts';
import { CHANGE_KINDS, decodeChangelog, type ChangeKind, type Changelog } from './changelog.ts';

export type SplitKind = ChangeKind | 'gfid' | 'type';

/** What one brick has of an object. */
export interface CopyRow {
  brickIndex: number;
  /** Under which name others blame it. */
  child: string;
  isArbiter: boolean;
  copy: BrickCopy | MissingObject;
}

export interface KindVerdict {
  kind: ChangeKind;
  /** Bricks whose copy nobody blames; for data without the arbiter. */
  sources: number[];
  /** Bricks that are blamed. */
  blamed: number[];
}

const AFR = 'trusted.afr.';

/** What the row of a copy says of one child; all zero where it says nothing. */
export function blameOf({ copy }: CopyRow, child: string): Changelog {
  const hex = typeof copy === 'string' ? undefined : copy.counters[AFR + child];
  return (hex === undefined ? undefined : decodeChangelog(hex)) ?? { data: 0, metadata: 0, entry: 0 };
}

/** A transaction is under way, or was cut off. */
export function dirtyOf({ copy }: CopyRow): Changelog {
  const hex = typeof copy === 'string' ? undefined : copy.counters[`${AFR}dirty`];
  return (hex === undefined ? undefined : decodeChangelog(hex)) ?? { data: 0, metadata: 0, entry: 0 };
}

/** @param rows one for each brick of the set, or the verdict is wrong */
export function judgeKinds(rows: readonly CopyRow[]): KindVerdict[] {
  return CHANGE_KINDS.map((kind) => {
    const believed = rows.filter((row) => blameOf(row, row.child)[kind] === 0);
    const isBlamed = ({ child, brickIndex }: CopyRow): boolean =>
      rows.some((row) => row.brickIndex === brickIndex && blameOf(row, child)[kind] > 0) ||
      believed.some((row) => blameOf(row, child)[kind] > 0);
    const blamed = rows.filter(isBlamed);
    const sources = rows.filter(
      (row) => !blamed.includes(row) && typeof row.copy !== 'string' && !(kind === 'data' && row.isArbiter),
    );
    const index = ({ brickIndex }: CopyRow): number => brickIndex;
    return { kind, sources: sources.map(index), blamed: blamed.map(index) };
  });
}

/** What can be healed of each type; other counters are set by the way and mean nothing. */
const HEALED: Record<BrickCopy['type'], readonly ChangeKind[]> = {
  file: ['data', 'metadata'],
  directory: ['metadata', 'entry'],
  symlink: ['metadata'],
  special: ['metadata'],
};

/** Kinds of which somebody is blamed and nobody is a source. */
export function splitKinds(rows: readonly CopyRow[]): ChangeKind[] {
  const type = typeOfRows(rows);
  if (type === undefined) return [];
  return judgeKinds(rows).flatMap(({ kind, sources, blamed }) =>
    blamed.length > 0 && sources.length === 0 && HEALED[type].includes(kind) ? [kind] : [],
  );
}

/** Undefined: no brick has it. */
export function typeOfRows(rows: readonly CopyRow[]): BrickCopy['type'] | undefined {
  return rows.flatMap(({ copy }) => (typeof copy === 'string' ? [] : [copy.type]))[0];
}

/**
 * What is wrong with the name of an object.
 *
 * @param own the object
 * @param named what the bricks have under one of its names
 */
export function mismatchOf(own: NamedObject, named: readonly (NamedObject | undefined)[]): 'gfid' | 'type' | undefined {
  const others = named.flatMap((other) => (other === undefined || other.gfid === own.gfid ? [] : [other]));
  if (others.length === 0) return undefined;
  return others.some(({ type }) => type !== own.type) ? 'type' : 'gfid';
}

/** One object that is in split-brain for certain. */
export interface SplitBrain {
  gfid: Gfid;
  kinds: SplitKind[];
  type: BrickCopy['type'];
  /** In latin1, from the brick's root; undefined: this brick does not know. */
  path: string | undefined;
  copies: SplitCopy[];
}

export interface SplitCopy {
  brickIndex: number;
  isArbiter: boolean;
  copy: BrickCopy | MissingObject;
  /** Whom it blames, by brick. */
  blames: { brickIndex: number; counters: Changelog }[];
  /** With a mismatch: what this brick has under the name. */
  named: NamedObject | undefined;
}

export function copiesOf(rows: readonly CopyRow[], named: ReadonlyMap<number, NamedObject | undefined>): SplitCopy[] {
  return rows.map((row) => ({
    brickIndex: row.brickIndex,
    isArbiter: row.isArbiter,
    copy: row.copy,
    blames: rows.flatMap(({ brickIndex, child }) => {
      const counters = blameOf(row, child);
      return CHANGE_KINDS.some((kind) => counters[kind] > 0) ? [{ brickIndex, counters }] : [];
    }),
    named: named.get(row.brickIndex),
  }));
}

/**
 * Whether two looks at an object, some seconds apart, say the same: a write in flight sets counters for a moment, and its dirty
 * mark changes or goes.
 */
export function isSettled(before: readonly CopyRow[], now: readonly CopyRow[]): boolean {
  return now.every((row) => {
    const dirty = dirtyOf(row);
    if (CHANGE_KINDS.every((kind) => dirty[kind] === 0)) return true;
    const earlier = before.find(({ brickIndex }) => brickIndex === row.brickIndex);
    return earlier !== undefined && CHANGE_KINDS.every((kind) => dirtyOf(earlier)[kind] === dirty[kind]);
  });
}
