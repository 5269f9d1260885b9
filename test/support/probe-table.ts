/**
 * What each probe said in each state, as the integration tests saw it on real bricks and wrote it down in test/golden/probes: the
 * table of docs/probes.md is made of it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const GOLDEN = resolve(import.meta.dirname, '../golden/probes');

export const PROBES = ['/brick/livez', '/brick/readyz', '/brick/startupz', '/shd/livez', '/livez', '/readyz'] as const;

/** In the order of the page; each is brought about by a test. */
export const STATES = [
  'brick and self-heal daemon run',
  'brick frozen for less than its time',
  'brick frozen (SIGSTOP) for its time',
  'brick killed, for its time',
  'brick not started yet, however long',
  'brick silent while its disk hangs',
  'self-heal daemon frozen, for its time',
  'io-threads busy with writes',
  'disk full',
  'file system frozen (fsfreeze), nobody writes',
  'file system frozen, for as long as the health check may be old',
  'file system frozen, with writers in all io-threads',
  'single reads get EIO',
  'file system read-only',
  'file system read-only, after Gluster has ended the brick',
  'disk answers everything with EIO',
  'disk answers everything with EIO, after Gluster has ended the brick',
] as const;
export type ProbeState = (typeof STATES)[number];

/** The file with what was seen in a state. */
export function recordOf(state: ProbeState): string {
  const name = state.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return resolve(GOLDEN, `${name}.txt`);
}

/** What was seen, a line for each probe; undefined: nothing yet. */
export function recorded(state: ProbeState): string | undefined {
  const file = recordOf(state);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** As `told` of the probes has it. */
export function recordText(statuses: ReadonlyMap<string, number>): string {
  return PROBES.map((path) => `${path} ${statuses.get(path) ?? ''}\n`).join('');
}

/** Rows of the page. @throws when a state was never seen */
export function probeRows(): string[][] {
  return STATES.map((state) => {
    const text = recorded(state);
    if (text === undefined) throw new Error(`${recordOf(state)} is missing: a test has never seen "${state}"`);
    const statuses = new Map(text.split('\n').map((line) => [line.split(' ')[0], line.split(' ')[1]]));
    const cells: string[] = [state];
    for (const path of PROBES) cells.push(statuses.get(path) ?? '');
    return cells;
  });
}
