import { AgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import { applyShift, HELPER_COST, type CounterHelper } from './counter-shift.ts';

/** The running brick. Every call throws AgentError as QuotaBrick's do. */
export interface CounterBrick {
  readonly isUp: boolean;
  readonly generation: number;
  readonly hasSimpleQuota: boolean | undefined;
  /** Makes an empty file in a PV's directory, opens it and takes its name away again, all within a millisecond. */
  openHelper(directory: Gfid, signal: AbortSignal): Promise<CounterHelper>;
  /** Removes the name of a helper that was left in a PV's directory. Whether there was one. */
  sweepHelper(directory: Gfid, signal: AbortSignal): Promise<boolean>;
  /** The counter to the byte, flushed now; undefined: the brick keeps none for this directory. */
  counter(directory: Gfid, signal: AbortSignal): Promise<bigint | undefined>;
}

/** What the self-test moves a counter by, up and down again, in bytes. */
const PROBE = 4096n;
/** A client that writes just then spoils a test; in a PV that two scans found quiet that does not happen again and again. */
const TESTS = 3;

/**
 * Shifts counters, after it has seen in this brick process that a shift does what it should: the first use moves the counter
 * by 4096 bytes up and down and reads it after each.
 */
export class CounterShifter {
  readonly #brick: CounterBrick;
  #testedIn = -1;
  #failed: string | undefined;

  constructor(brick: CounterBrick) {
    this.#brick = brick;
  }

  /**
   * @param delta bytes, a multiple of 512
   * @throws AgentError `NotSupported` when the self-test has failed in this brick process; as the brick's calls
   */
  async shift(directory: Gfid, delta: bigint, signal: AbortSignal): Promise<void> {
    const brick = this.#brick;
    if (this.#testedIn !== brick.generation) this.#failed = undefined;
    else if (this.#failed !== undefined) throw new AgentError('NotSupported', this.#failed);
    const before = await this.#counter(directory, signal);
    const helper = await brick.openHelper(directory, signal);
    try {
      const { size, offset } = await this.#tested(helper, directory, before, signal);
      await applyShift(helper, delta - offset, size, signal);
      await this.#counter(directory, signal);
    } finally {
      await helper.close();
    }
  }

  /** @returns the helper's size, and by how much the counter is off through helper and test */
  async #tested(
    helper: CounterHelper,
    directory: Gfid,
    before: bigint,
    signal: AbortSignal,
  ): Promise<{ size: bigint; offset: bigint }> {
    // A counter never goes below zero, so of an empty PV's the helper takes nothing.
    const offset = before + HELPER_COST < 0n ? -before : HELPER_COST;
    const base = await this.#counter(directory, signal);
    if (this.#testedIn === this.#brick.generation) return { size: 0n, offset };
    const seen: string[] = [];
    let from = base;
    let size = 0n;
    for (let test = 0; test < TESTS; test += 1) {
      size = await applyShift(helper, PROBE, size, signal);
      const up = await this.#counter(directory, signal);
      size = await applyShift(helper, -PROBE, size, signal);
      const down = await this.#counter(directory, signal);
      if (up === from + PROBE && down === from) {
        this.#testedIn = this.#brick.generation;
        return { size, offset };
      }
      seen.push(`${from}, ${up}, ${down}`);
      from = down;
    }
    this.#testedIn = this.#brick.generation;
    this.#failed = `this brick does not count as it should: a test moved its counter by ${PROBE} up and down and saw ${seen.join('; ')}`;
    throw new AgentError('NotSupported', this.#failed);
  }

  async #counter(directory: Gfid, signal: AbortSignal): Promise<bigint> {
    const bytes = await this.#brick.counter(directory, signal);
    if (bytes !== undefined) return bytes;
    throw new AgentError('NotFound', `the brick keeps no counter for ${directory}`);
  }
}
