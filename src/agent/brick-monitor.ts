import type { BrickCapacity } from '../brick/facts.ts';
import { judgeIdentity, type BrickIdentity } from '../brick/identity.ts';
import type { BrickWorker } from '../brick/worker/client.ts';
import type { Clock } from '../lib/clock.ts';
import { updateConditions, type Condition } from '../lib/conditions.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Fence } from '../quota/ports.ts';

export interface BrickMonitorOptions {
  worker: BrickWorker;
  brickPath: string;
  volumeId: string;
  /** An absolute path, `auto` or `any`; see the configuration. */
  brickMount: string;
  clock: Clock;
  log: Log;
  /** Runs when the fence opens or closes. */
  onFenceChange: () => void;
}

/**
 * Proves again and again that the directory is our brick. The fence is closed until the first proof, and whenever something is
 * wrong or not known.
 */
export class BrickMonitor {
  readonly #options: BrickMonitorOptions;
  #fence: Fence = { open: false, reason: 'the brick has not been looked at yet' };
  /** `device:inode` at the first proof. */
  #place: string | undefined;
  #conditions: readonly Condition[] = [];
  #capacity: BrickCapacity | undefined;
  #healthCheckAt: number | undefined;

  constructor(options: BrickMonitorOptions) {
    this.#options = options;
  }

  get fence(): Fence {
    return this.#fence;
  }

  /** One condition a check of the identity, by the check's name. */
  get conditions(): readonly Condition[] {
    return this.#conditions;
  }

  get capacity(): BrickCapacity | undefined {
    return this.#capacity;
  }

  /**
   * When the brick's own health check was last seen to have written, in wall-clock milliseconds. Stays while the disk does not
   * answer or the file is empty: that it was written once remains true, and its age is what is asked for.
   */
  get healthCheckAt(): number | undefined {
    return this.#healthCheckAt;
  }

  /** The directory that was proven, for the worker to compare before it writes; undefined while fenced. */
  get place(): string | undefined {
    return this.#fence.open ? this.#place : undefined;
  }

  /** @throws AgentError when the worker does not answer; the fence is closed then */
  async pass(signal: AbortSignal): Promise<void> {
    const { worker, brickPath, volumeId, brickMount } = this.#options;
    let identity: BrickIdentity;
    try {
      const facts = await worker.call('facts', {}, { signal });
      const expected = { path: brickPath, volumeId, mountPoint: brickMount, place: this.#place };
      identity = judgeIdentity(facts, expected);
      this.#capacity = facts.capacity;
      this.#healthCheckAt = facts.healthCheckAt ?? this.#healthCheckAt;
      if (identity.isOurs) this.#place ??= facts.place;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#capacity = undefined;
      this.#takeConditions([
        { name: 'directory', status: 'Unknown', reason: 'NoAnswer', message: errorMessage(error) },
      ]);
      this.#setFence({ open: false, reason: errorMessage(error) });
      throw error;
    }
    this.#takeConditions(identity.checks);
    const wrong = identity.checks.filter((check) => check.status !== 'True');
    this.#setFence(
      wrong.length === 0 ? { open: true } : { open: false, reason: wrong.map(({ message }) => message).join('; ') },
    );
  }

  #takeConditions(checks: BrickIdentity['checks']): void {
    const inputs = checks.map(({ name, status, reason, message }) => ({ type: name, status, reason, message }));
    this.#conditions = updateConditions(this.#conditions, inputs, this.#options.clock.now());
  }

  #setFence(fence: Fence): void {
    const before = this.#fence;
    this.#fence = fence;
    if (fence.open === before.open && (fence.open || before.open || fence.reason === before.reason)) return;
    const { log, onFenceChange } = this.#options;
    if (fence.open) log.info({ place: this.#place }, 'the brick is proven ours');
    else log.error({ reason: fence.reason }, 'the brick is fenced: nothing is written to it');
    onFenceChange();
  }
}
