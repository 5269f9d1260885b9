/** Asks the brick what it has been asked to write, over its management socket. */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isAgentError } from '../lib/errors.ts';
import { FopCounters } from '../metrics/fop-counters.ts';
import { BrickGrowth, type GrowthMark } from '../quota/growth.ts';
import type { ManagementClient } from '../rpc/management-client.ts';

/** The answer comes from memory in about a millisecond; nobody shall wait for long where it does not come. In milliseconds. */
const DEADLINE_MS = 1_000;

export interface GrowthSourceOptions {
  brick: Pick<ManagementClient, 'xlatorInfo'>;
  brickName: string;
  /** How many STATFS the brick has answered to this agent: whether it counts calls is told by whether it counts those. */
  statfsAnswers: () => number;
  /** What tells one state of the free space of the brick's file system from another. */
  freeSpace: (signal: AbortSignal) => Promise<string>;
  clock: Clock;
}

export class GrowthSource {
  readonly #options: GrowthSourceOptions;
  readonly #counters = new FopCounters();
  readonly #growth = new BrickGrowth();

  constructor(options: GrowthSourceOptions) {
    this.#options = options;
  }

  /** Undefined where the brick does not tell. @throws AgentError `Aborted` */
  async mark(signal: AbortSignal): Promise<GrowthMark | undefined> {
    const { brick, brickName, statfsAnswers, freeSpace, clock } = this.#options;
    const answers = statfsAnswers();
    try {
      const profile = await withDeadline(
        DEADLINE_MS,
        'asking the brick for its profile',
        async (own) => await brick.xlatorInfo(brickName, own),
        signal,
      );
      const free = await freeSpace(signal).catch((error: unknown) => {
        if (isAgentError(error, 'Aborted')) throw error;
        return undefined;
      });
      const now = clock.monotonic();
      const isCounting = this.#counters.take(profile, answers, now).counting === true;
      if (profile.bytesWritten === undefined) {
        this.#growth.lose();
        return undefined;
      }
      const calls = {
        seconds: profile.seconds === undefined ? undefined : Number(profile.seconds),
        bytesWritten: Number(profile.bytesWritten),
        writes: [...profile.writes.values()].reduce((sum, count) => sum + Number(count), 0),
        others: isCounting ? new Map([...profile.fops].map(([name, { hits }]) => [name, Number(hits)])) : undefined,
      };
      return this.#growth.take(calls, now, free);
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      // No socket, no answer: what is looked at then is all.
      this.#growth.lose();
      return undefined;
    }
  }
}
