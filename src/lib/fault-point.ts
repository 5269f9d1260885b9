/**
 * Named points at which a test has the agent killed, as by kill -9: so what a crash between two steps leaves is had without luck.
 *
 * Only in a program that is run from its source. The bundler puts `undefined` in place of the variable, so that the program that is
 * shipped has neither the calls nor the way to ask for them (scripts/build.ts; a test looks).
 */
export type FaultPoint =
  /** The worker thread, in the order in which it writes to a PV's directory. */
  | 'disk-record'
  | 'disk-limit'
  | 'disk-namespace'
  /** A pass over the limits. */
  | 'pass-read'
  | 'pass-written'
  | 'live-found'
  | 'live-namespace'
  | 'live-limit'
  | 'live-lifted'
  | 'pass-live'
  | 'pass-removed'
  /** An adoption, by the agent that leads. */
  | 'adopt-journal'
  | 'adopt-locked'
  | 'adopt-moved'
  | 'adopt-second-name'
  | 'adopt-files'
  | 'adopt-forgotten';

/** Read once: to look into the environment at each point takes as long as a system call, and 10,000 PVs pass 30,000 of them. */
const DIES_AT = process.env['BRICK_AGENT_DIES_AT'];

export function faultPoint(name: FaultPoint): void {
  // The first condition is false where the variable cannot be set: a shipped program has nothing of what follows.
  if (DIES_AT === undefined || DIES_AT !== name) return;
  process.kill(process.pid, 'SIGKILL');
}
