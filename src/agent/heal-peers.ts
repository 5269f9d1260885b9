/** What the agents of the other bricks say of heal; asked when it is needed, nothing is kept. */
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { BrickReport, PeerAnswer } from '../heal/disruption.ts';
import type { NameRemoval } from '../heal/resolve-name.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import {
  peerHealSchema,
  peerObjectsSchema,
  peerUsesSchema,
  type PeerHeal,
  type PeerUses,
} from './http/heal-schemas.ts';
import { askPeer, type PeerAccess } from './peer-http.ts';
import type { RowChange } from './resolver.ts';
import type { CopiesAnswer, CopiesQuestion } from './split-brain.ts';

/** A peer looks at its disk before it answers; in milliseconds. */
const REQUEST_TIMEOUT_MS = 4_000;
/** A change waits for the brick's disk and process; in milliseconds. */
const CHANGE_TIMEOUT_MS = 20_000;

export interface HealPeersOptions {
  /** `host:port` of the peers' TCP API; our own may be among them. */
  addresses: readonly string[];
  volumeId: string;
  access: PeerAccess;
  /** Told by each agent of itself, and how ours is known among them. */
  instance: string;
}

export class HealPeers {
  readonly #options: HealPeersOptions;
  /** Whose agent answered at an address last. */
  readonly #brickAt = new Map<string, number>();

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

  /**
   * The copies of objects on the bricks of a set, by index of the brick; our own among them where we are asked, too. A brick
   * whose agent does not answer has an error, where its address is known, or nothing.
   *
   * @throws AgentError `Aborted`
   */
  async copies(
    question: CopiesQuestion,
    members: readonly number[],
    signal: AbortSignal,
  ): Promise<Map<number, CopiesAnswer | { error: string }>> {
    const found = new Map<number, CopiesAnswer | { error: string }>();
    await this.#askMembers(members, async (address, at) => {
      try {
        const answer = await this.#ask(address, '/v1/peer/heal/objects', peerObjectsSchema, signal, question);
        this.#brickAt.set(address, answer.brickIndex);
        found.set(answer.brickIndex, {
          copies: answer.copies,
          named: answer.named.map((named) => named ?? undefined),
        });
      } catch (error) {
        if (isAgentError(error, 'Aborted')) throw error;
        this.#brickAt.delete(address);
        if (at !== undefined && !found.has(at)) found.set(at, { error: `${address}: ${errorMessage(error)}` });
      }
    });
    return found;
  }

  /** What PVs hold and may hold on the bricks of a set, by index of the brick; without those that do not answer. @throws AgentError `Aborted` */
  async uses(
    pvs: readonly string[],
    members: readonly number[],
    signal: AbortSignal,
  ): Promise<Map<number, PeerUses['uses']>> {
    const found = new Map<number, PeerUses['uses']>();
    await this.#askMembers(members, async (address) => {
      try {
        const { brickIndex, uses } = await this.#ask(address, '/v1/peer/heal/uses', peerUsesSchema, signal, { pvs });
        if (members.includes(brickIndex)) found.set(brickIndex, uses);
      } catch (error) {
        // What it would have said makes an explanation better, and nothing depends on it.
        if (isAgentError(error, 'Aborted')) throw error;
      }
    });
    return found;
  }

  /** Has the agent of a brick change a row of it. @throws AgentError, what it answers */
  async change(brickIndex: number, change: RowChange, signal: AbortSignal): Promise<void> {
    await this.#post(this.#addressOf(brickIndex), '/v1/peer/heal/changelog', change, signal);
  }

  /** Has the agent of a brick remove a name from it. @throws AgentError, what it answers */
  async removeName({ brickIndex, ...removal }: NameRemoval, signal: AbortSignal): Promise<void> {
    await this.#post(this.#addressOf(brickIndex), '/v1/peer/heal/name', removal, signal);
  }

  /** Has the agent of a brick mark another one as replaced. @throws AgentError, what it answers */
  async mark(brickIndex: number, target: number, signal: AbortSignal): Promise<void> {
    await this.#post(this.#addressOf(brickIndex), '/v1/peer/heal/mark', { brick: target }, signal);
  }

  /** Has the agents of other bricks start index heals. Those that cannot be asked: their daemon crawls by itself, later. */
  async startHeals(bricks: readonly number[], signal: AbortSignal): Promise<void> {
    await this.#postEach(bricks, '/v1/heal', { kind: 'index' }, signal);
  }

  /** Has the self-heal daemons of the other bricks crawl. Those that cannot be asked do so by themselves, later. */
  async crawl(members: readonly number[], signal: AbortSignal): Promise<void> {
    await this.#postEach(members, '/v1/peer/heal/crawl', {}, signal);
  }

  /** At the same time all who may be of the set. @param ask is told which brick answered there last */
  async #askMembers(
    members: readonly number[],
    ask: (address: string, at: number | undefined) => Promise<void>,
  ): Promise<void> {
    const known = this.#options.addresses.map((address) => ({ address, at: this.#brickAt.get(address) }));
    const asked = known.filter(({ at }) => at === undefined || members.includes(at));
    await Promise.all(asked.map(async ({ address, at }) => await ask(address, at)));
  }

  #addressOf(brickIndex: number): string {
    const [address] = [...this.#brickAt].find(([, at]) => at === brickIndex) ?? [];
    if (address === undefined) throw new AgentError('RpcDisconnected', `no agent is known for brick ${brickIndex}`);
    return address;
  }

  /** To those of the bricks whose agents are known; what fails is let be. */
  async #postEach(bricks: readonly number[], path: string, body: unknown, signal: AbortSignal): Promise<void> {
    const asked = [...this.#brickAt].filter(([, at]) => bricks.includes(at));
    await Promise.allSettled(asked.map(async ([address]) => await this.#post(address, path, body, signal)));
  }

  async #post(address: string, path: string, body: unknown, signal: AbortSignal): Promise<void> {
    await askPeer({ address, path, access: this.#options.access, signal, timeoutMs: CHANGE_TIMEOUT_MS, body });
  }

  async #ask<T extends TSchema>(
    address: string,
    path: string,
    schema: T,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<Static<T>> {
    const { access, volumeId } = this.#options;
    const answer = await askPeer({ address, path, access, signal, timeoutMs: REQUEST_TIMEOUT_MS, body });
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
