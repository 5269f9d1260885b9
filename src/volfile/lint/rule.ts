/** What a lint rule is: a stable id, a severity, and a pure look at a graph. */
import { posix } from 'node:path';
import type { HealSet } from '../facts.ts';
import type { Graph, Volume } from '../model.ts';
import type { Position, Severity } from '../problem.ts';

/** What this brick is known to be; a fact that is not known is not compared. */
export interface ExpectedFacts {
  /** Directory of the brick, as the brick process sees it. */
  directory?: string;
  volumeId?: string;
  /** The name that clients ask for as `remote-subvolume`; in a client's file, one of those that it has to name. */
  brickName?: string;
  listenPort?: number;
  /** Bricks whose own volfiles are at hand, which the volfiles of clients must agree with. */
  bricks?: readonly BrickAddress[];
  /** Replica and disperse sets of clients' volfiles that are at hand, file by file: all must agree with a brick's, and with each other. */
  clients?: readonly (readonly HealSet[])[];
}

export interface BrickAddress {
  /** What clients ask for as `remote-subvolume`. */
  name: string;
  listenPort: number;
  /** Beginnings of the xattr names under which it notes what waits for heal; undefined: not known. */
  watch?: readonly string[] | undefined;
}

/** What a volfile is linted as. */
export type LintRole = 'brick' | 'shd' | 'client';

export interface LintContext {
  role: LintRole;
  expected: ExpectedFacts;
  /** Major version of the process; undefined when it is not known. */
  gluster: '10' | '11' | undefined;
  /** Types that are installed beside the process, e.g. `features/index`; undefined when that cannot be seen. */
  xlators: ReadonlySet<string> | undefined;
}

export interface Finding {
  at: Position;
  message: string;
  remedy: string;
}

export interface Rule {
  id: string;
  severity: Severity;
  /** Undefined: every role. */
  roles?: readonly LintRole[];
  /** In the order of the file; no more are drawn than anybody reads. */
  check: (graph: Graph, context: LintContext) => Iterable<Finding>;
}

/** A rule that looks at some volumes, one by one, and says at most one thing about each, at its place. */
export function perVolume(
  pick: (graph: Graph) => readonly Volume[],
  check: (volume: Volume, context: LintContext, graph: Graph) => Omit<Finding, 'at'> | undefined,
): Rule['check'] {
  return function* (graph, context) {
    for (const volume of pick(graph)) {
      const finding = check(volume, context, graph);
      if (finding !== undefined) yield { at: volume.at, message: finding.message, remedy: finding.remedy };
    }
  };
}

/** Directories are compared as they are resolved: `/a//b/` is `/a/b`. */
export function samePath(a: string, b: string): boolean {
  return resolved(a) === resolved(b);
}

/** `inner` is `outer` or lies below it. */
export function isWithin(inner: string, outer: string): boolean {
  return `${resolved(inner)}/`.startsWith(`${resolved(outer)}/`);
}

function resolved(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
