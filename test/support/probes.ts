/** What the probes of an agent say, held to what was written down of the state. */
import { expect } from 'vitest';
import type { LabAgent } from '../lab/agent.ts';
import { PROBES, recordOf, recordText, type ProbeState } from './probe-table.ts';

/** A probe is answered at once, whatever the disk does. In milliseconds. */
const PROMPT_MS = 1_000;
const REMEDY =
  'if it is right: vitest run --project integration test/integration/probes.test.ts test/integration/probes-disk.test.ts -u, then node scripts/docs.ts';

/** The status of each probe, a line each. */
export async function told(agent: LabAgent): Promise<string> {
  const statuses = new Map<string, number>();
  for (const path of PROBES) statuses.set(path, (await agent.ops(path, { timeoutMs: PROMPT_MS })).status);
  return recordText(statuses);
}

/**
 * Fails, with the remedy, when the probes say something else than what was written down; with -u it is written down.
 *
 * @param why the reasons that they give
 */
export async function expectRecorded(state: ProbeState, seen: string, why = ''): Promise<void> {
  await expect(seen, `the probes say something new of "${state}"; ${REMEDY}\n${why}`).toMatchFileSnapshot(
    recordOf(state),
  );
}
