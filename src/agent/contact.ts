/** Whether a peer answers, told by the tries of whoever talks to it. What proves nothing about the peer is told apart. */
import type { Clock } from '../lib/clock.ts';
import { errnoOf, errorMessage, isAgentError } from '../lib/errors.ts';

/** `silent`: it takes what we send and does not answer. `closed`: nobody listens there. */
export type Miss = 'silent' | 'closed';

/** Times are monotonic milliseconds. */
export interface ContactView {
  lastAnswerAt: number | undefined;
  /** The misses in a row since the last answer; undefined when the last try was answered, or proved nothing. */
  missing: { kind: Miss; since: number; times: number; why: string } | undefined;
  /** Why the last try proved nothing. */
  doubt: string | undefined;
}

/** What nobody listening looks like from the other side of a loopback or unix socket; anything else is a fault of ours. */
const CLOSED_ERRNOS: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT']);

export class Contact {
  readonly #clock: Clock;
  #view: ContactView = { lastAnswerAt: undefined, missing: undefined, doubt: undefined };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get view(): ContactView {
    return this.#view;
  }

  /** How a try ended; undefined: with an answer. */
  note(error: unknown): void {
    const now = this.#clock.monotonic();
    const { lastAnswerAt, missing } = this.#view;
    const kind = error === undefined ? 'answer' : judge(error);
    if (kind === 'nothing') return;
    if (kind === 'answer') {
      this.#view = { lastAnswerAt: now, missing: undefined, doubt: undefined };
    } else if (kind === 'doubt') {
      this.#view = { lastAnswerAt, missing: undefined, doubt: errorMessage(error) };
    } else {
      const { since, times } = missing ?? { since: now, times: 0 };
      this.#view = {
        lastAnswerAt,
        missing: { kind, since, times: times + 1, why: errorMessage(error) },
        doubt: undefined,
      };
    }
  }
}

function judge(error: unknown): Miss | 'answer' | 'doubt' | 'nothing' {
  if (isAgentError(error, 'Aborted')) return 'nothing';
  // A refusal is an answer, too.
  if (isAgentError(error, 'GlusterError', 'RpcRejected')) return 'answer';
  if (isAgentError(error, 'Timeout')) return 'silent';
  if (!isAgentError(error, 'RpcDisconnected')) return 'doubt';
  const { cause } = error;
  // A call on a connection that has ended: what ended it counts.
  if (isAgentError(cause)) return judge(cause);
  return cause === undefined || CLOSED_ERRNOS.has(errnoOf(cause)) ? 'closed' : 'doubt';
}
