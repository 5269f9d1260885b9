/**
 * What the self-heal daemon's words for each brick mean, and what to do about them. Measured on 10.3 and 11.1; that a brick that
 * hangs is called remote, on 11.1.
 */
import type { ChildStatus } from './ports.ts';

const STARTED = 'Started self-heal';

const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  [
    'Brick is remote',
    "the daemon heals only from bricks of its own host: the host name that the brick knows of itself must be the daemon's own, or " +
      "resolve to an address of the daemon's pod; for the bricks of other pods this is as it should be",
  ],
  [
    'Brick is not connected',
    'the daemon has no connection to the brick: start it, or check remote-host and remote-port in the volfile of the daemon',
  ],
  ['< 2 bricks in replica are up', 'there is nothing to compare with: start another brick of the set'],
  ['Disperse subvolume is not up', 'too few bricks of the set are up to read its files: start more of them'],
]);

/** A word of a peer is not printed at any length. */
const MAX_STATUS_LENGTH = 200;

export interface ExplainedStatus extends ChildStatus {
  /** What it means and the remedy; undefined when it started, and for words that are not known. */
  explanation?: string;
}

export function explain({ xlator, child, status }: ChildStatus): ExplainedStatus {
  const clean = status.replaceAll(/\p{Cc}/gu, '?').slice(0, MAX_STATUS_LENGTH);
  const explanation = EXPLANATIONS.get(clean);
  return { xlator, child, status: clean, ...(explanation === undefined ? {} : { explanation }) };
}

export function hasStarted(status: ChildStatus): boolean {
  return status.status === STARTED;
}

/** One sentence on the answer as a whole, e.g. `started on 2 of 3 bricks; vol1-replicate-0 brick 2: Brick is not connected`. */
export function summarise(children: readonly ExplainedStatus[]): string {
  if (children.length === 0) {
    return (
      'the self-heal daemon did nothing: too few bricks of the set are up, or the volume is not among those that it has ' +
      'loaded'
    );
  }
  const started = children.filter(hasStarted).length;
  const others = children.filter((child) => !hasStarted(child));
  const head = `started on ${started} of ${children.length} bricks`;
  if (others.length === 0) return head;
  return started > 0
    ? `${head}; ${groupByStatus(others)}`
    : `not ${head}; ${groupByStatus(others)} (${remedies(others)})`;
}

function groupByStatus(children: readonly ExplainedStatus[]): string {
  const groups = Map.groupBy(children, ({ status }) => status);
  return [...groups]
    .map(([status, group]) => `${group.map(({ xlator, child }) => `${xlator} brick ${child}`).join(', ')}: ${status}`)
    .join('; ');
}

function remedies(children: readonly ExplainedStatus[]): string {
  return (
    [...new Set(children.flatMap(({ explanation }) => explanation ?? []))].join('; ') || 'an answer that is not known'
  );
}
