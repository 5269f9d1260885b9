/** Kubernetes-style conditions: what a PV, replica set, volfile or process is, and why. */

export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  /** What is claimed, e.g. `Live`. */
  type: string;
  /** Unknown is never shown as fine. */
  status: ConditionStatus;
  /** One CamelCase word for programs. */
  reason: string;
  /** One sentence for people, with the remedy where there is one. */
  message: string;
  /** The generation of the wish that this was observed for. */
  observedGeneration: number;
  /** ISO 8601 time of the last change of `status`. */
  lastTransitionTime: string;
}

export type ConditionInput = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** One text for all PVs that are judged in the same moment: there may be 10,000. */
const isoTime = ((): ((ms: number) => string) => {
  let last = { ms: Number.NaN, text: '' };
  return (ms) => {
    if (last.ms !== ms) last = { ms, text: new Date(ms).toISOString() };
    return last.text;
  };
})();

/** As last made, by type. */
const recent = new Map<string, Condition>();

/** One object for all PVs of which the same is said, which are judged one after the other. */
function shared(condition: Condition): Condition {
  const last = recent.get(condition.type);
  const isSame =
    last?.status === condition.status &&
    last.reason === condition.reason &&
    last.message === condition.message &&
    last.observedGeneration === condition.observedGeneration &&
    last.lastTransitionTime === condition.lastTransitionTime;
  if (isSame) return last;
  recent.set(condition.type, condition);
  return condition;
}

/** Named one by one: a copy by spread, with two members added, takes a third more memory. */
function made(
  { type, status, reason, message }: ConditionInput,
  observedGeneration: number,
  lastTransitionTime: string,
): Condition {
  return shared({ type, status, reason, message, observedGeneration, lastTransitionTime });
}

/** A condition that stands alone: it is always there, and says that nothing is known until somebody has looked. */
export class SoleCondition {
  #current: Condition;

  constructor(input: ConditionInput, now: number) {
    this.#current = made(input, 0, isoTime(now));
  }

  get current(): Condition {
    return this.#current;
  }

  say(input: ConditionInput, now: number): void {
    const [next = this.#current] = updateConditions([this.#current], [input], now);
    this.#current = next;
  }
}

/**
 * The new list, with `lastTransitionTime` kept for every condition whose status did not change. Does not alter `old`, and gives it
 * back when nothing has changed: 10,000 PVs are judged every half minute, mostly as before.
 */
export function updateConditions(
  old: readonly Condition[],
  inputs: readonly ConditionInput[],
  now: number,
  observedGeneration = 0,
): readonly Condition[] {
  const time = isoTime(now);
  const next = inputs.map((input) => {
    const before = old.find((condition) => condition.type === input.type);
    if (before === undefined) return made(input, observedGeneration, time);
    const { status, reason, message, lastTransitionTime } = before;
    if (status !== input.status) return made(input, observedGeneration, time);
    const isSame =
      reason === input.reason && message === input.message && before.observedGeneration === observedGeneration;
    return isSame ? before : made(input, observedGeneration, lastTransitionTime);
  });
  return next.length === old.length && next.every((condition, index) => condition === old[index]) ? old : next;
}
