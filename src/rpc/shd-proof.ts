/**
 * The ticket for heal operations. INDEX, FULL and STATISTICS segfault a process that was not started as a self-heal daemon
 * (measured on 10.3 and 11.1), so `ManagementClient` takes them only with this, and only `heal/` makes one.
 */
import { AgentError } from '../lib/errors.ts';

/**
 * In milliseconds. A proof is made right before it is used; the rest is for a busy machine. Longer, and another process could
 * have taken the socket's path meanwhile.
 */
export const PROOF_MAX_AGE_MS = 30_000;

const proven: unique symbol = Symbol('proven self-heal daemon');

export interface ShdProofFacts {
  pid: number;
  /** Start of that process in clock ticks since boot: with the pid it names one process for ever. */
  startTicks: number;
  /** The socket it listens on. */
  socketPath: string;
  /** Names of its replicate and disperse translators. */
  xlators: readonly string[];
  /** Wall-clock milliseconds. */
  provenAt: number;
}

export interface ShdProof extends Readonly<ShdProofFacts> {
  readonly [proven]: true;
}

/** To be called by who has proven it, and by nobody else. */
export function createShdProof(facts: ShdProofFacts): ShdProof {
  return Object.freeze({ ...facts, [proven]: true as const });
}

/** @throws AgentError `ProcessUnproven` when the proof does not cover this use of it */
export function checkShdProof(
  proof: ShdProof,
  use: { socketPath: string; xlators: readonly string[]; now: number },
): void {
  const age = use.now - proof.provenAt;
  const missing = use.xlators.find((xlator) => !proof.xlators.includes(xlator));
  let why: string | undefined;
  if (proof.socketPath !== use.socketPath) why = `the proof is for ${proof.socketPath}`;
  else if (missing !== undefined) why = `"${missing}" is no translator of the proven daemon`;
  // A clock that was set back makes the age negative: then it says nothing either.
  else if (!(age >= 0 && age <= PROOF_MAX_AGE_MS)) why = `the proof is ${age} ms old`;
  if (why !== undefined) throw new AgentError('ProcessUnproven', `${use.socketPath}: ${why}; prove the daemon again`);
}
