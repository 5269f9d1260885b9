/** What the agents of the other bricks say of heal; asked when it is needed, nothing is kept. */
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { BrickReport, PeerAnswer } from '../heal/disruption.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { peerHealSchema, type PeerHeal } from './http/heal-schemas.ts';
import { askPeer } from './peer-http.ts';

/** A peer looks at its disk before it answers; in milliseconds. */
const REQUEST_TIMEOUT_MS = 4_000;

export interface HealPeersOptions {
  /** `host:port` of the peers' TCP API; our own may be among them. */
  addresses: readonly string[];
  volumeId: string;
  token: string;
  /** Told by each agent of itself, and how ours is known among them. */
  instance: string;
}

export class HealPeers {
  readonly #options: HealPeersOptions;

  constructor(options: HealPeersOptions) {
    this.#options = options;
  }

  /** Asks all at the same time, and leaves out our own answer. @throws AgentError `Aborted` */
  async reports(signal: AbortSignal): Promise<PeerAnswer[]> {
    const answers = await Promise.all(
      this.#options.addresses.map(async (address): Promise<PeerAnswer[]> => {
        try {
          const answer = await this.#ask(address, '/v1/peer/heal', peerHealSchema, signal);
          return answer.instance === this.#options.instance ? [] : [{ address, answer: reportOf(answer) }];
        } catch (error) {
          if (isAgentError(error, 'Aborted')) throw error;
          return [{ address, answer: { error: errorMessage(error) } }];
        }
      }),
    );
    return answers.flat();
  }

  async #ask<T extends TSchema>(
    address: string,
    path: string,
    schema: T,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<Static<T>> {
    const { token, volumeId } = this.#options;
    const answer = await askPeer({ address, path, token, signal, timeoutMs: REQUEST_TIMEOUT_MS, body });
    if (!Check(schema, answer)) throw new AgentError('RpcProtocol', `its answer to ${path} has another form than ours`);
    if (typeof answer === 'object' && answer !== null && 'volumeId' in answer && answer.volumeId !== volumeId) {
      throw new AgentError('Conflict', `it is an agent of volume ${String(answer.volumeId)}, not of ours`);
    }
    return answer;
  }
}

function reportOf({ brickIndex, notServing, servingForMs, backlog, blames, isStopping }: PeerHeal) {
  const { state, message, pending, isEmpty } = backlog;
  return {
    brickIndex,
    notServing: notServing ?? undefined,
    servingForMs,
    backlog: { state, message, pending: pending ?? undefined, isEmpty: isEmpty ?? undefined },
    blames,
    isStopping,
  } satisfies BrickReport;
}
