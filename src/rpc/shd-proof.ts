/**
 * The ticket for heal commands. INDEX, FULL and STATISTICS crash a process whose xlators are not a self-heal daemon's, so
 * `ManagementClient` takes them only together with this, and only `heal/shd-proof.ts` makes one.
 */
export interface ShdProof {
  readonly [proven]: true;
  /** Process that was proven, and when it started (clock ticks since boot): another one needs another proof. */
  readonly pid: number;
  readonly startTime: number;
  /** Socket that this process listens on. */
  readonly socketPath: string;
  /** Names of its replicate and disperse xlators. */
  readonly xlators: readonly string[];
}

const proven: unique symbol = Symbol('proven self-heal daemon');

export function createShdProof(facts: Omit<ShdProof, typeof proven>): ShdProof {
  return { ...facts, [proven]: true };
}
