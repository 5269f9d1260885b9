/**
 * Whether anything is known to stand in the way of what waits for heal: what `heal explain` finds first, as a condition. To ask has the
 * daemon tell its connections, for which each brick looks at its index, and reads some of what waits: so it is asked only while
 * something waits, and seldom.
 */
import type { Clock } from '../lib/clock.ts';
import { SoleCondition, type Condition, type ConditionInput } from '../lib/conditions.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { BacklogView } from './backlog.ts';
import type { Finding } from './explain.ts';

/** What waits for less is mostly healed before anybody could act; in milliseconds. */
const SETTLED_MS = 10_000;
/** Between two questions while something waits, in milliseconds. */
const AGAIN_MS = 60_000;

export const HEAL_UNOBSTRUCTED = 'HealUnobstructed';

export interface HealUnobstructedOptions {
  backlog: () => Pick<BacklogView, 'state' | 'reason' | 'message'>;
  /** What `heal explain` finds, the gravest first. */
  findings: () => Promise<readonly Finding[]>;
  clock: Clock;
}

export class HealUnobstructed {
  readonly #options: HealUnobstructedOptions;
  readonly #condition: SoleCondition;
  /** In monotonic milliseconds; undefined: nothing waits. */
  #waitingSince: number | undefined;
  #askedAt: number | undefined;

  constructor(options: HealUnobstructedOptions) {
    this.#options = options;
    this.#condition = new SoleCondition(
      {
        type: HEAL_UNOBSTRUCTED,
        status: 'Unknown',
        reason: 'NotObserved',
        message: 'the backlog has not been looked at yet',
      },
      options.clock.now(),
    );
  }

  get condition(): Condition {
    return this.#condition.current;
  }

  /** @throws AgentError `Aborted` when the agent stops */
  async pass(): Promise<void> {
    const { backlog, findings, clock } = this.#options;
    const { state, reason, message } = backlog();
    if (state === 'Complete') {
      this.#waitingSince = this.#askedAt = undefined;
      this.#say({ status: 'True', reason: 'NothingPending', message: 'nothing waits for heal here' });
      return;
    }
    if (state === 'Unknown' && reason !== 'BrickEmpty') {
      this.#askedAt = undefined;
      this.#say({ status: 'Unknown', reason, message });
      return;
    }
    const now = clock.monotonic();
    this.#waitingSince ??= now;
    const isDue =
      this.#askedAt === undefined ? now - this.#waitingSince >= SETTLED_MS : now - this.#askedAt >= AGAIN_MS;
    if (!isDue) return;
    this.#askedAt = now;
    try {
      this.#say(judge(await findings()));
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#say({
        status: 'Unknown',
        reason: 'FindingsFailed',
        message: `what holds it up was not to be found: ${errorMessage(error)}`,
      });
    }
  }

  #say(input: Omit<ConditionInput, 'type'>): void {
    this.#condition.say({ type: HEAL_UNOBSTRUCTED, ...input }, this.#options.clock.now());
  }
}

function judge(findings: readonly Finding[]): Omit<ConditionInput, 'type'> {
  const found = findings.filter(({ severity }) => severity !== 'info');
  const [first] = found;
  if (first === undefined) {
    return { status: 'True', reason: 'NothingFound', message: 'nothing that this brick can see stands in the way' };
  }
  const { reason, message, remedy } = first;
  const others = found.length === 1 ? '' : ` (and ${found.length - 1} more, see brick-agent heal explain)`;
  return { status: 'False', reason, message: `${message}${remedy === undefined ? '' : `: ${remedy}`}${others}` };
}
