/**
 * How a split-brain of a name is ended: bricks have different objects under it, and the directory has no source of names. Pure.
 *
 * One object is kept. The bricks that have another one lose the name, by an UNLINK through the brick as replicate itself does it
 * when it knows which name is wrong; then the heal of the directory, which merges, makes the kept object there. Directories are
 * never removed: what is in them may be anything.
 */
import type { BrickCopy, NamedObject } from '../brick/copies.ts';
import type { NameRecord } from '../brick/gfid-path.ts';
import type { Gfid } from '../lib/gfid.ts';
import { CHANGE_KINDS } from './changelog.ts';
import { idOf, type Policy, type ResolutionPlan } from './resolve.ts';
import { dirtyOf, splitKinds, type CopyRow } from './split-brain.ts';

/** What the bricks of a set have under one name. */
export interface NameState {
  record: NameRecord;
  /** Their copies of the directory. */
  directory: readonly CopyRow[];
  /** What each has under the name. */
  named: ReadonlyMap<number, NamedObject | undefined>;
  /** Their copies of each object that any of them has under the name. */
  objects: ReadonlyMap<Gfid, readonly CopyRow[]>;
}

/** One name that a brick loses. */
export interface NameRemoval extends NameRecord {
  brickIndex: number;
  /** The object that it is there. */
  gfid: Gfid;
  /** The brick's copy of it as it was read; else nothing is removed. */
  expected: BrickCopy;
}

interface Candidate {
  brickIndex: number;
  isArbiter: boolean;
  gfid: Gfid;
  copy: BrickCopy;
  isDirty: boolean;
}

export function planName(
  state: NameState,
  policy: Policy,
  sourceBrick: number | undefined,
): { plan: ResolutionPlan } | { refusal: string } {
  const { record, directory, named } = state;
  if (!splitKinds(directory).includes('entry')) {
    return refuse('the directory has a source of names: the self-heal daemon removes the wrong ones, start a heal');
  }
  const candidates: Candidate[] = [];
  for (const [brickIndex, object] of named) {
    if (object === undefined) continue;
    const row = state.objects.get(object.gfid)?.find((row) => row.brickIndex === brickIndex);
    if (row === undefined || typeof row.copy === 'string') {
      return refuse(`brick ${brickIndex} has the name, and not what it means`);
    }
    const isDirty = CHANGE_KINDS.some((kind) => dirtyOf(row)[kind] > 0);
    candidates.push({ brickIndex, isArbiter: row.isArbiter, gfid: object.gfid, copy: row.copy, isDirty });
  }
  if (new Set(candidates.map(({ gfid }) => gfid)).size < 2)
    return refuse('the bricks have the same object by that name now');
  const busy = candidates.filter(({ isDirty }) => isDirty);
  if (busy.length > 0) {
    return refuse(`it is being written, or a client died over it (dirty on brick ${indexes(busy)}): try again later`);
  }
  const source = chooseSource(candidates, named.size, policy, sourceBrick);
  if (typeof source === 'string') return refuse(source);
  const keepers = candidates.filter(({ gfid }) => gfid === source.gfid);
  if (keepers.every(({ isArbiter }) => isArbiter)) return refuse('only the arbiter has that object, and no data of it');
  const losers = candidates.filter(({ gfid }) => gfid !== source.gfid);
  const directories = losers.filter(({ copy }) => copy.type === 'directory');
  if (directories.length > 0) {
    return refuse(
      `brick ${indexes(directories)} has a directory of that name, which is not removed: keep it with source-brick ${directories[0]?.brickIndex}, or move what is in it away by hand (docs/heal.md)`,
    );
  }
  const removals = losers.map(({ brickIndex, gfid, copy }) => ({ ...record, brickIndex, gfid, expected: copy }));
  const plan = {
    gfid: source.gfid,
    kinds: [],
    source: source.brickIndex,
    keepers: keepers.map(index),
    losers: losers.map(index),
    steps: [],
    removals,
  };
  return { plan: { ...plan, id: idOf([plan, candidates]) } };
}

function chooseSource(
  candidates: readonly Candidate[],
  bricks: number,
  policy: Policy,
  sourceBrick: number | undefined,
): Candidate | string {
  if (policy === 'source-brick') {
    if (sourceBrick === undefined) return 'source-brick needs the index of a brick';
    const source = candidates.find(({ brickIndex }) => brickIndex === sourceBrick);
    return source ?? `brick ${sourceBrick} cannot be the source: it has nothing of that name, or is not of this set`;
  }
  if (policy === 'majority') {
    const source = candidates.find(({ gfid }) => 2 * candidates.filter((other) => other.gfid === gfid).length > bricks);
    return source ?? 'no object is that of more than half of the bricks: use source-brick';
  }
  const cannot = whyNot(policy, candidates);
  if (cannot !== undefined) return `${cannot}: use source-brick or majority`;
  const able = candidates.filter(({ isArbiter }) => !isArbiter);
  const measure = ({ copy }: Candidate): number => (policy === 'bigger-file' ? copy.size : copy.modifiedAt);
  const best = Math.max(...able.map(measure));
  const [source, ...tied] = able.filter((candidate) => measure(candidate) === best);
  if (source === undefined) return 'no brick has a copy with data';
  if (tied.every(({ gfid }) => gfid === source.gfid)) return source;
  return `${policy} does not tell bricks ${indexes([source, ...tied])} apart: use source-brick`;
}

/** Why it says nothing of such objects; undefined: it does. */
function whyNot(policy: Policy, candidates: readonly Candidate[]): string | undefined {
  const types = new Set(candidates.map(({ copy }) => copy.type));
  if (policy === 'latest-mtime') {
    // It changes with its names, and not with what is written below it.
    return types.has('directory') ? 'latest-mtime does not tell when something in a directory was changed' : undefined;
  }
  return [...types].every((type) => type === 'file') ? undefined : `${policy} compares files alone`;
}

function index({ brickIndex }: Candidate): number {
  return brickIndex;
}

function indexes(candidates: readonly Candidate[]): string {
  return candidates.map(index).join(', ');
}

function refuse(refusal: string): { refusal: string } {
  return { refusal };
}
