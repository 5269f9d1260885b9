/**
 * How a split-brain of data or metadata is ended: which copy is kept, and what the others have to stop saying of it. Pure.
 *
 * Nothing is copied here. The counters by which other bricks blame the kept copies are taken back, each exactly as it was read;
 * what is left says who missed what, and the self-heal daemon does the rest, as after any other outage.
 */
import { createHash } from 'node:crypto';
import type { Gfid } from '../lib/gfid.ts';
import { CHANGE_KINDS, type ChangeKind, type Changelog } from './changelog.ts';
import type { NameRemoval } from './resolve-name.ts';
import { blameOf, dirtyOf, type CopyRow, type SplitBrain } from './split-brain.ts';

export const POLICIES = ['bigger-file', 'latest-mtime', 'source-brick', 'majority'] as const;
export type Policy = (typeof POLICIES)[number];

export interface PlanStep {
  /** Whose row is changed. */
  brickIndex: number;
  /** About whom, by the name behind `trusted.afr.`. */
  child: string;
  /** Added to the counters; what is taken back is negative. */
  add: Changelog;
}

export interface ResolutionPlan {
  gfid: Gfid;
  kinds: ChangeKind[];
  /** The brick whose copy wins, and those that agree with it. */
  source: number;
  keepers: number[];
  /** Bricks whose copy is overwritten. */
  losers: number[];
  /** In this order. */
  steps: PlanStep[];
  /** Names that bricks lose, where different objects have one. */
  removals: NameRemoval[];
  /** Changes with every copy: size, time, owner, mode and all counters. */
  id: string;
}

export type Planned = { plan: ResolutionPlan } | { refusal: string };

/** For data and metadata. @param rows those of all bricks of the set, read now */
export function planResolution(
  { gfid, kinds }: Pick<SplitBrain, 'gfid' | 'kinds'>,
  rows: readonly CopyRow[],
  policy: Policy,
  sourceBrick: number | undefined,
): Planned {
  const split = CHANGE_KINDS.filter((kind) => kind !== 'entry' && kinds.includes(kind));
  if (split.length === 0)
    return refuse('no policy is needed: the self-heal daemon merges the names of a directory, start a heal');
  const busy = rows.filter((row) => CHANGE_KINDS.some((kind) => dirtyOf(row)[kind] > 0));
  if (busy.length > 0) {
    return refuse(`it is being written, or a client died over it (dirty on brick ${indexes(busy)}): try again later`);
  }
  const source = chooseSource(rows, split, policy, sourceBrick);
  if (typeof source === 'string') return refuse(source);
  const keepers = keepersOf(rows, split, source);
  const losers = rows.filter((row) => !keepers.includes(row));
  const steps = [
    ...losers.flatMap((loser) => blameStep(source, loser, split)),
    ...losers.flatMap((loser) => keepers.flatMap((keeper) => negation(loser, keeper, split))),
  ];
  const plan = {
    gfid,
    kinds: split,
    source: source.brickIndex,
    keepers: keepers.map(index),
    losers: losers.map(index),
    steps,
    removals: [],
  };
  return { plan: { ...plan, id: idOf([plan, rows]) } };
}

/** Names exactly what was planned; 16 hex digits are enough, since it is only compared with a plan that is made anew. */
export function idOf(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts, sorted)).digest('hex').slice(0, 16);
}

/** A file system gives attributes in no order. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Why the copies are not whole yet; undefined: nobody is blamed and they look the same. */
export function isWhole(rows: readonly CopyRow[], kinds: readonly ChangeKind[]): string | undefined {
  for (const row of rows) {
    for (const other of rows) {
      const counters = blameOf(row, other.child);
      if (kinds.some((kind) => counters[kind] > 0))
        return `brick ${row.brickIndex} still blames brick ${other.brickIndex}`;
    }
  }
  const [first, ...others] = rows;
  if (first === undefined || typeof first.copy === 'string') return 'a copy is missing';
  const { mode, uid, gid, size, type } = first.copy;
  for (const { copy, isArbiter, brickIndex } of others) {
    if (typeof copy === 'string') return `brick ${brickIndex} has no copy`;
    const isSame =
      copy.mode === mode &&
      copy.uid === uid &&
      copy.gid === gid &&
      (isArbiter || type !== 'file' || copy.size === size);
    if (!isSame) return `the copy of brick ${brickIndex} differs from that of brick ${first.brickIndex}`;
  }
  return undefined;
}

function chooseSource(
  rows: readonly CopyRow[],
  kinds: readonly ChangeKind[],
  policy: Policy,
  sourceBrick: number | undefined,
): CopyRow | string {
  const able = rows.filter(({ copy, isArbiter }) => typeof copy !== 'string' && !(isArbiter && kinds.includes('data')));
  if (policy === 'source-brick') {
    if (sourceBrick === undefined) return 'source-brick needs the index of a brick';
    const source = able.find(({ brickIndex }) => brickIndex === sourceBrick);
    return (
      source ??
      `brick ${sourceBrick} cannot be the source: it has no copy, or as an arbiter no data, or is not of this set`
    );
  }
  if (policy === 'majority') {
    const source = able.find((row) => 2 * keepersOf(rows, kinds, row).length > rows.length);
    return source ?? 'no copy is that of more than half of the bricks: use source-brick';
  }
  if (kinds.includes('metadata')) return `${policy} says nothing of metadata: use source-brick or majority`;
  const measure = ({ copy }: CopyRow): number =>
    typeof copy === 'string' ? -1 : policy === 'bigger-file' ? copy.size : copy.modifiedAt;
  const best = Math.max(...able.map(measure));
  const [source, ...tied] = able.filter((row) => measure(row) === best);
  if (source === undefined) return 'no brick has a copy with data';
  const keepers = keepersOf(rows, kinds, source);
  // Copies that agree are one; others of the same size or time are not told apart.
  if (tied.every((row) => keepers.includes(row))) return source;
  return `${policy} does not tell bricks ${indexes([source, ...tied])} apart: use source-brick`;
}

/** The source, and every brick that neither blames it or one another nor is blamed by them. */
function keepersOf(rows: readonly CopyRow[], kinds: readonly ChangeKind[], source: CopyRow): CopyRow[] {
  const isAtOdds = (a: CopyRow, b: CopyRow): boolean =>
    kinds.some((kind) => blameOf(a, b.child)[kind] > 0 || blameOf(b, a.child)[kind] > 0);
  const friends = rows.filter((row) => row === source || (typeof row.copy !== 'string' && !isAtOdds(row, source)));
  return friends.some((a) => friends.some((b) => isAtOdds(a, b))) ? [source] : friends;
}

/** The source has to blame whom it overwrites. */
function blameStep(source: CopyRow, loser: CopyRow, kinds: readonly ChangeKind[]): PlanStep[] {
  const now = blameOf(source, loser.child);
  const add = changelog((kind) => (kinds.includes(kind) && now[kind] === 0 ? 1 : 0));
  return isZero(add) ? [] : [{ brickIndex: source.brickIndex, child: loser.child, add }];
}

function negation(loser: CopyRow, keeper: CopyRow, kinds: readonly ChangeKind[]): PlanStep[] {
  const now = blameOf(loser, keeper.child);
  const add = changelog((kind) => (kinds.includes(kind) && now[kind] > 0 ? -now[kind] : 0));
  return isZero(add) ? [] : [{ brickIndex: loser.brickIndex, child: keeper.child, add }];
}

function changelog(of: (kind: ChangeKind) => number): Changelog {
  return { data: of('data'), metadata: of('metadata'), entry: of('entry') };
}

function isZero(counters: Changelog): boolean {
  return CHANGE_KINDS.every((kind) => counters[kind] === 0);
}

function index({ brickIndex }: CopyRow): number {
  return brickIndex;
}

function indexes(rows: readonly CopyRow[]): string {
  return rows.map(index).join(', ');
}

function refuse(refusal: string): Planned {
  return { refusal };
}
