/**
 * Whether the self-heal daemon of this pod is connected to all bricks. Only the daemon knows: a TCP connection to a brick that is
 * frozen, or that refuses the log-in, is there and good for nothing. To ask costs each brick a look at its index, and is not for every
 * pass; but nothing changes in what it would say without one of its TCP connections being lost or made. So these are looked at in each
 * pass, and it is asked when they have changed, once more when a log-in has had time to end, and now and then all the same.
 */
import type { Clock } from '../lib/clock.ts';
import { SoleCondition, type Condition, type ConditionInput } from '../lib/conditions.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { childName } from './child-name.ts';
import type { DaemonChild } from './ports.ts';

/** A frozen brick keeps the daemon from answering for up to 90 s; meanwhile nothing is known. In milliseconds. */
const PATIENCE_MS = 8_000;
/** Between two questions, whatever changes; in milliseconds. */
const PAUSE_MS = 2_000;
/** A connection is made before the log-in, which takes some milliseconds; then replicate waits for nothing. In milliseconds. */
const SETTLED_MS = 5_000;
/** After an answer that leaves something open: after a start of up to 10 s the daemon knows nothing itself. In milliseconds. */
const RETRY_MS = 10_000;
/** What tells that nothing has changed only saves looks; in milliseconds. */
const MAX_AGE_MS = 300_000;
/** Where connections cannot be seen; in milliseconds. */
const BLIND_MS = 60_000;

export const BRICKS_CONNECTED = 'BricksConnected';

export interface DaemonLink {
  /** The replica set, e.g. `pool1-replicate-0`. */
  xlator: string;
  /** E.g. `pool1-client-0`. */
  name: string;
  /** Of the set of this brick: the others heal without it. */
  isOwnSet: boolean;
  /** Undefined: not known. */
  isConnected: boolean | undefined;
  /** Where the daemon did not say, whether it has a TCP connection; undefined: it said, or that cannot be seen. */
  isReached: boolean | undefined;
}

export interface DaemonLinksOptions {
  /** This brick, as its set blames it, or its name in the volfile where nobody is blamed by name. */
  self: string;
  daemon: { children(signal: AbortSignal): Promise<DaemonChild[]> };
  /** Why the daemon need not be asked, e.g. that its process is not there; undefined: it may be. */
  away: () => string | undefined;
  /** Something that changes whenever one of the daemon's TCP connections does; undefined: they cannot be seen. */
  connections: () => Promise<string | undefined>;
  clock: Clock;
}

interface Answer {
  at: number;
  connections: string | undefined;
  links: readonly DaemonLink[];
  /** Why it is not known; undefined: it is. */
  unknown: string | undefined;
  /** Asked again since the connections changed last. */
  isConfirmed: boolean;
}

export class DaemonLinks {
  readonly #options: DaemonLinksOptions;
  #answer: Answer | undefined;
  readonly #condition: SoleCondition;

  constructor(options: DaemonLinksOptions) {
    this.#options = options;
    const unknown = judgeLinks([], 'the self-heal daemon has not been asked yet');
    this.#condition = new SoleCondition(unknown, options.clock.now());
  }

  /** As it said when it was asked last; empty: not known. */
  get links(): readonly DaemonLink[] {
    return this.#answer?.links ?? [];
  }

  get condition(): Condition {
    return this.#condition.current;
  }

  /** Bricks without a connection, at least, of this brick's own set and of the others; undefined: not known. */
  disconnected(): { own: number; other: number } | undefined {
    const { links } = this;
    const without = links.filter(({ isConnected }) => isConnected === false);
    const isOpen = links.length === 0 || links.some(({ isConnected }) => isConnected === undefined);
    if (without.length === 0 && isOpen) return undefined;
    const own = without.filter(({ isOwnSet }) => isOwnSet).length;
    return { own, other: without.length - own };
  }

  /** @throws AgentError `Aborted` when the signal fires */
  async pass(signal: AbortSignal): Promise<void> {
    const { away, connections, clock } = this.#options;
    const why = away();
    if (why !== undefined) {
      this.#answer = undefined;
      this.#judge(why);
      return;
    }
    const seen = await connections();
    if (!this.#isDue(seen, clock.monotonic())) return;
    const isConfirmed = this.#answer !== undefined && this.#answer.connections === seen;
    const at = clock.monotonic();
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      const children = await this.#options.daemon.children(AbortSignal.any([signal, patience]));
      this.#answer = { at, connections: seen, links: this.#linksOf(children), unknown: undefined, isConfirmed };
    } catch (error) {
      if (signal.aborted) throw error;
      const unknown = patience.aborted
        ? `the self-heal daemon has not answered within ${PATIENCE_MS / 1000} s: a brick that is frozen keeps it waiting`
        : `the self-heal daemon was not to be asked: ${isAgentError(error) ? error.message : errorMessage(error)}`;
      this.#answer = { at, connections: seen, links: [], unknown, isConfirmed };
    }
    this.#judge(this.#answer.unknown);
  }

  #isDue(seen: string | undefined, now: number): boolean {
    if (this.#answer === undefined) return true;
    const { at, connections, links, unknown, isConfirmed } = this.#answer;
    const age = now - at;
    if (seen !== connections) return age >= PAUSE_MS;
    const isOpen = unknown !== undefined || links.length === 0 || links.some((link) => link.isConnected === undefined);
    if (isOpen) return age >= RETRY_MS * (isConfirmed ? 3 : 1);
    if (seen === undefined) return age >= BLIND_MS;
    return age >= (isConfirmed ? MAX_AGE_MS : SETTLED_MS);
  }

  #linksOf(children: readonly DaemonChild[]): DaemonLink[] {
    const own = children.find((child) => childName(child) === this.#options.self);
    return children.map(({ xlator, name, isConnected, isReached }) => ({
      xlator,
      name,
      isOwnSet: own === undefined || own.xlator === xlator,
      isConnected,
      isReached: isConnected === undefined ? isReached : undefined,
    }));
  }

  #judge(unknown: string | undefined): void {
    this.#condition.say(judgeLinks(this.links, unknown), this.#options.clock.now());
  }
}

/** @param unknown why nothing is known; undefined: it has answered */
export function judgeLinks(links: readonly DaemonLink[], unknown: string | undefined): ConditionInput {
  const type = BRICKS_CONNECTED;
  const without = links.filter(({ isConnected }) => isConnected === false);
  if (without.length > 0) {
    const names = without.map(({ name, isOwnSet }) => `${name}${isOwnSet ? '' : ' (another set)'}`).join(', ');
    const message = `the self-heal daemon has no connection to ${names}: start it, or check remote-host and remote-port in the volfile of the daemon`;
    return { type, status: 'False', reason: 'BrickNotConnected', message };
  }
  if (unknown !== undefined) return { type, status: 'Unknown', reason: 'NotAsked', message: unknown };
  const open = links.filter(({ isConnected }) => isConnected === undefined).map(({ name }) => name);
  if (open.length > 0 && links.every(({ isConnected, isReached }) => isConnected ?? isReached)) {
    const message = `the self-heal daemon has a TCP connection to each of ${links.length} bricks; whether they took its log-in, that of a disperse set does not say`;
    return { type, status: 'Unknown', reason: 'NotSaid', message };
  }
  if (links.length === 0 || open.length > 0) {
    const which = open.length === 0 ? 'any brick' : open.join(', ');
    const message = `the self-heal daemon does not say whether it is connected to ${which}; of disperse sets it never does`;
    return { type, status: 'Unknown', reason: 'NotSaid', message };
  }
  const message = `the self-heal daemon is connected to all ${links.length} bricks`;
  return { type, status: 'True', reason: 'Connected', message };
}
