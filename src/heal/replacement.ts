/**
 * How a brick that has lost its data is marked, so that the others know. Pure.
 *
 * No index of any brick knows that a brick was wiped or replaced. The mark is what `trusted.replace-brick` on a mount makes
 * replicate do: every other brick blames that one on the root of the volume, for metadata, entries and, which with granular entry
 * heal stands for "all names, not only those that are noted", data. The heal of the index goes down from there, with a backlog
 * that can be seen.
 *
 * What the marked brick has and the others have not would be removed. So only an empty brick is marked, and only when all others
 * of its set say what they have.
 */
import type { BrickSet } from './brick-set.ts';
import { CHANGE_KINDS, type Changelog } from './changelog.ts';
import type { BrickReport } from './disruption.ts';
import { idOf, type PlanStep } from './resolve.ts';
import { blameOf, judgeKinds, type CopyRow } from './split-brain.ts';

export interface ReplacementFacts {
  set: BrickSet;
  /** The brick to be marked. */
  target: number;
  /** What the agents of the set say of their bricks. */
  reports: readonly BrickReport[];
  /** Why agents do not answer. */
  silent: readonly string[];
  /** The copies of the volume's root on all bricks of the set, or why they are not known. */
  root: readonly CopyRow[] | string;
}

export interface ReplacementPlan {
  target: number;
  /** Under which name the others blame it. */
  child: string;
  /** One for each brick that does not blame it yet for all that it lacks. */
  steps: PlanStep[];
  id: string;
}

/** What a brick that has nothing lacks. */
const ALL_MISSED: Changelog = { data: 1, metadata: 1, entry: 1 };

export function planReplacement(facts: ReplacementFacts): { plan: ReplacementPlan } | { refusal: string } {
  const { set, target, root } = facts;
  const unfit = whyUnfit(facts);
  if (unfit !== undefined) return { refusal: unfit };
  if (typeof root === 'string') return { refusal: `the root of the volume cannot be compared: ${root}` };
  const own = root.find(({ brickIndex }) => brickIndex === target);
  const others = root.filter(({ brickIndex }) => brickIndex !== target);
  if (own === undefined || others.length !== set.members.length - 1) {
    return { refusal: 'the root of the volume is not known on all bricks of the set' };
  }
  if (others.some(({ copy }) => typeof copy === 'string')) {
    return { refusal: 'a brick of the set has no root of the volume' };
  }
  const accused = root.filter(({ child }) => CHANGE_KINDS.some((kind) => blameOf(own, child)[kind] > 0));
  if (accused.length > 0) {
    return { refusal: `brick ${target} blames brick ${indexes(accused)} for changes of the root: it is not a new one` };
  }
  const sourceless = judgeKinds(others).filter(({ kind, sources }) => kind !== 'data' && sources.length === 0);
  if (sourceless.length > 0) {
    return {
      refusal: `the other bricks blame one another for the root: end that first (brick-agent heal split-brain)`,
    };
  }
  const steps = others.flatMap((row) => markStep(row, own.child));
  const plan = { target, child: own.child, steps };
  return { plan: { ...plan, id: idOf([plan, others.map((row) => blameOf(row, own.child))]) } };
}

/** Adds to what a row says of the brick only where it says nothing yet. */
function markStep(row: CopyRow, child: string): PlanStep[] {
  const now = blameOf(row, child);
  const add: Changelog = { data: 0, metadata: 0, entry: 0 };
  for (const kind of CHANGE_KINDS) if (now[kind] === 0) add[kind] = ALL_MISSED[kind];
  return CHANGE_KINDS.some((kind) => add[kind] > 0) ? [{ brickIndex: row.brickIndex, child, add }] : [];
}

function whyUnfit({ set, target, reports, silent }: ReplacementFacts): string | undefined {
  if (!set.members.includes(target)) return `brick ${target} is not of this set (${set.members.join(', ')})`;
  const missing = set.members.filter((index) => !reports.some(({ brickIndex }) => brickIndex === index));
  if (missing.length > 0) {
    return `no agent answers for brick ${missing.join(', ')}${silent.length > 0 ? ` (${silent.join('; ')})` : ''}`;
  }
  for (const { brickIndex, notServing, backlog } of reports) {
    if (!set.members.includes(brickIndex)) continue;
    if (notServing !== undefined) return `brick ${brickIndex} does not serve: ${notServing}`;
    if (brickIndex === target) {
      if (backlog.isEmpty !== true) {
        return (
          `brick ${target} is not known to be empty (${backlog.message}): what only it has would be removed; ` +
          'brick-agent heal start --full restores what it lacks'
        );
      }
    } else if (backlog.isEmpty === true) return `brick ${brickIndex} is empty, too`;
    else if (backlog.isEmpty === undefined && (backlog.pending ?? 0) === 0) {
      return `what brick ${brickIndex} has is not known: ${backlog.message}`;
    }
  }
  return undefined;
}

function indexes(rows: readonly CopyRow[]): string {
  return rows.map(({ brickIndex }) => brickIndex).join(', ');
}
