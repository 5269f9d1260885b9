/**
 * What a new volfile would change in a running process: nothing, options only, or the tree of translators. Pure.
 *
 * The comparison of trees is GlusterFS 11's own: name, type and order of children, volume by volume; for a brick from the child
 * of protocol/server downwards. Its outcome decides what a SIGHUP does, so it has to be the same.
 */
import { childrenOf, isType, topOf, type Graph, type Volume } from './model.ts';
import type { Liveness } from './options/spec.ts';
import { lookUpOption } from './options/table.ts';
import { hasErrors, quote, type Problem } from './problem.ts';

export interface OptionChange {
  volume: string;
  type: string;
  key: string;
  /** Undefined: the option was not there. Secrets are shown as `***`. */
  from: string | undefined;
  /** Undefined: the option goes away, so the default counts. */
  to: string | undefined;
  /** `unknown`: nothing is known of this option, or not of this translator. */
  live: Liveness | 'unknown';
}

export type Plan =
  | { kind: 'unchanged' }
  | { kind: 'options'; changes: OptionChange[] }
  | { kind: 'topology'; differences: string[] }
  | { kind: 'rejected'; problems: Problem[] };

/** What brings the plan into a process that runs the old file. */
export type PlanAction = 'none' | 'reload' | 'restart' | 'refuse';

/** @param gluster major version of the process; 10 does not read its file on SIGHUP (measured on 10.3) */
export function planAction(plan: Plan, gluster: '10' | '11'): PlanAction {
  switch (plan.kind) {
    case 'unchanged':
      return 'none';
    case 'options':
      return gluster === '10' || plan.changes.some(({ live }) => live === 'restart') ? 'restart' : 'reload';
    case 'topology':
      return 'restart';
    case 'rejected':
      return 'refuse';
  }
}

/** For people: `thread-count of "vol1-io-threads": "16" -> "32"`. */
export function describeChange({ volume, key, from, to, live }: OptionChange): string {
  const note = live === 'restart' ? ' (restart)' : '';
  return `${key} of ${quote(volume)}: ${from === undefined ? 'unset' : quote(from)} -> ${to === undefined ? 'unset' : quote(to)}${note}`;
}

/** More differences than this help nobody. */
const MAX_DIFFERENCES = 20;

/** @param next the new file as linted; without a graph, or with errors, the plan is `rejected` */
export function planChange(old: Graph, next: { graph: Graph | undefined; problems: readonly Problem[] }): Plan {
  if (next.graph === undefined || hasErrors(next.problems)) return { kind: 'rejected', problems: [...next.problems] };
  const pairs = pairVolumes(old, next.graph);
  if (pairs.differences.length > 0) return { kind: 'topology', differences: pairs.differences };
  const changes = pairs.same.flatMap(([before, after]) => optionChanges(before, after));
  return changes.length === 0 ? { kind: 'unchanged' } : { kind: 'options', changes };
}

/** `auth.login.USER.password` and the like never leave this module. */
function mask(key: string, value: string | undefined): string | undefined {
  return value !== undefined && /password|secret/i.test(key) ? '***' : value;
}

function optionChanges(before: Volume, after: Volume): OptionChange[] {
  const keys = new Set([...before.options.keys(), ...after.options.keys()]);
  return [...keys].flatMap((key) => {
    const from = before.options.get(key)?.value;
    const to = after.options.get(key)?.value;
    if (from === to) return [];
    const live = liveness(after.type, key, to);
    return { volume: after.name, type: after.type, key, from: mask(key, from), to: mask(key, to), live };
  });
}

function liveness(type: string, key: string, to: string | undefined): OptionChange['live'] {
  const { found } = lookUpOption(type, key);
  if (found === undefined) return 'unknown';
  // Options that are taken silently are looked at only when they are there: one that goes away keeps its old value. Rules of
  // access are copied as a whole, and keepalive falls back to its default.
  const removed = to === undefined && found.live === 'silent';
  return removed && !/^(auth\.|transport\.socket\.keepalive)/.test(key) ? 'restart' : found.live;
}

interface Pairs {
  differences: string[];
  same: [Volume, Volume][];
}

function pairVolumes(old: Graph, next: Graph): Pairs {
  const oldTop = topOf(old);
  const nextTop = topOf(next);
  const pairs: Pairs = { differences: [], same: [] };
  if (!isType(nextTop, 'protocol/server')) {
    pairTrees(old, oldTop, next, nextTop, pairs);
    return pairs;
  }
  const [nextChild] = childrenOf(next, nextTop);
  const oldChild = childrenOf(old, oldTop).find((child) => child.name === nextChild?.name);
  if (nextChild === undefined || oldChild === undefined) {
    const names = childrenOf(old, oldTop).map((child) => quote(child.name));
    pairs.differences.push(`the brick is named ${quote(nextChild?.name ?? '')}, the running one ${names.join(', ')}`);
    return pairs;
  }
  pairs.same.push([oldTop, nextTop]);
  pairTrees(old, oldChild, next, nextChild, pairs);
  return pairs;
}

/** Without recursion, and each pair once: depth and width of a hostile file cost no more than its size. */
function pairTrees(old: Graph, oldRoot: Volume, next: Graph, nextRoot: Volume, pairs: Pairs): void {
  const seen = new Set<string>();
  const pending: [Volume, Volume][] = [[oldRoot, nextRoot]];
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const [before, after] = pair;
    const key = JSON.stringify([before.name, after.name]);
    if (seen.has(key)) continue;
    seen.add(key);
    pairs.same.push(pair);
    if (pairs.differences.length >= MAX_DIFFERENCES) return;
    pairs.differences.push(...differences(before, after));
    const oldChildren = childrenOf(old, before);
    const nextChildren = childrenOf(next, after);
    for (const [index, child] of nextChildren.entries()) {
      const oldChild = oldChildren[index];
      if (oldChild !== undefined && oldChildren.length === nextChildren.length) pending.push([oldChild, child]);
    }
  }
}

function differences(before: Volume, after: Volume): string[] {
  const found: string[] = [];
  if (before.name !== after.name) {
    found.push(`${quote(after.name)} (${after.type}) stands where ${quote(before.name)} (${before.type}) runs`);
  } else if (before.type !== after.type) {
    found.push(`${quote(after.name)} changes its type from ${before.type} to ${after.type}`);
  }
  if (before.subvolumes.length !== after.subvolumes.length) {
    found.push(
      `${quote(after.name)} has ${after.subvolumes.length} subvolumes, the running one ${before.subvolumes.length}`,
    );
  } else if (
    before.name === after.name &&
    [...before.subvolumes].sort().join('\n') === [...after.subvolumes].sort().join('\n')
  ) {
    const order = before.subvolumes.every((name, index) => after.subvolumes[index] === name);
    if (!order) found.push(`the subvolumes of ${quote(after.name)} stand in another order`);
  }
  return found;
}
