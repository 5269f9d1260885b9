/** The addresses that a host name has, as other programs of this pod find them. */
import { lookup } from 'node:dns/promises';
import { withDeadline } from './deadline.ts';
import { isAgentError } from './errors.ts';

/** The resolver's own time-out is longer, and blocks a thread of the pool meanwhile. In milliseconds. */
const LOOKUP_DEADLINE_MS = 2_000;

/** @returns undefined: no such name, or nobody answers. @throws AgentError `Aborted` */
export async function hostAddresses(host: string, signal: AbortSignal): Promise<string[] | undefined> {
  try {
    const found = await withDeadline(
      LOOKUP_DEADLINE_MS,
      `looking up ${host}`,
      async () => await lookup(host, { all: true }),
      signal,
    );
    return found.map(({ address }) => address);
  } catch (error) {
    if (isAgentError(error, 'Aborted')) throw error;
    return undefined;
  }
}
