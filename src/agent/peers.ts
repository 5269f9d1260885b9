import { Check } from 'typebox/value';
import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { readClaim, type PvClaim } from '../quota/claim.ts';
import type { PeerLimit, PeerWish, PeerWord } from '../quota/desired.ts';
import { UNKNOWN_SUBVOLUME, type BrickUsage, type PeerTeller } from '../quota/volume-usage.ts';
import { peerQuotasSchema, type PeerQuotas } from './http/schemas.ts';
import { askPeer, type PeerAccess } from './peer-http.ts';

/** A peer that does not answer within this is asked again with the next pass, in milliseconds. */
const REQUEST_TIMEOUT_MS = 2_000;

export interface PeersOptions {
  /** `host:port` of the peers' TCP API; our own may be among them. */
  addresses: readonly string[];
  volumeId: string;
  /** Of our own brick: what comes from there is our own word. */
  brickIndex: number;
  access: PeerAccess;
  clock: Clock;
  log: Log;
}

interface Peer {
  address: string;
  /** The last good answer; kept when the peer goes away, so that its agent's restart takes no limit from anybody. */
  wishes: ReadonlyMap<string, PeerLimit>;
  /** PVs whose limit was removed through its API. */
  removed: ReadonlySet<string>;
  /** Bytes and the age in milliseconds that they had when the peer answered, by PV. */
  usage: ReadonlyMap<string, { usedBytes: bigint; ageMs: number }>;
  subvolume: number | undefined;
  /** Monotonic milliseconds of the last good answer; clocks of bricks need not agree. */
  heardAt: number;
  answeredAt: number | undefined;
  error: string | undefined;
}

export interface PeerStatus {
  address: string;
  /** Wall-clock milliseconds of the last good answer. */
  answeredAt: number | undefined;
  /** Why the last request failed; undefined when it did not. */
  error: string | undefined;
}

/**
 * What the agents of the other bricks want for each PV. A brick whose own files do not tell (disperse, arbiter, the other
 * subvolumes of a distributed volume) learns its limits here.
 *
 * Agents tell only what they have at first hand, never what they learnt from one another, so nothing goes round in circles.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers: Peer[];

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#peers = options.addresses.map((address) => ({
      address,
      wishes: new Map(),
      removed: new Set(),
      usage: new Map(),
      subvolume: undefined,
      heardAt: 0,
      answeredAt: undefined,
      error: 'not asked yet',
    }));
  }

  status(): PeerStatus[] {
    return this.#peers.map(({ address, answeredAt, error }) => ({ address, answeredAt, error }));
  }

  /** Of whom counts are heard, and of whom not. */
  tellers(): PeerTeller[] {
    return this.#peers.map(({ address, subvolume, error }) => ({ address, subvolume, error }));
  }

  /**
   * What the peers want for a PV: the highest source counts; where peers differ, the larger limit, since a brick below the
   * others refuses what they accept and never finishes its heals. A removal counts where none wants a limit.
   */
  wishFor(pv: string): PeerWish | undefined {
    let best: PeerLimit | undefined;
    let claimed: { rank: number; claim: PvClaim } | undefined;
    let isRemoved = false;
    for (const { wishes, removed } of this.#peers) {
      if (removed.has(pv)) isRemoved = true;
      const wish = wishes.get(pv);
      if (wish === undefined) continue;
      if (best === undefined || rank(wish) < rank(best)) best = wish;
      else if (rank(wish) === rank(best) && wish.limitBytes > best.limitBytes) best = wish;
      const { claim } = wish;
      if (claim !== undefined && (claimed === undefined || rank(wish) < claimed.rank))
        claimed = { rank: rank(wish), claim };
    }
    if (best === undefined) return isRemoved ? REMOVED : undefined;
    // Whoever has the limit need not have been told the claim.
    return claimed === undefined || best.claim !== undefined ? best : { ...best, claim: claimed.claim };
  }

  /** Whose word `wishFor` gives, for people. Undefined where they want nothing, or no limit. */
  wordOf(pv: string): PeerWord | undefined {
    const wish = this.wishFor(pv);
    if (wish?.limitBytes === undefined) return undefined;
    const { source, limitBytes } = wish;
    const agents = this.#peers.filter(({ wishes }) => {
      const own = wishes.get(pv);
      return own?.source === source && own.limitBytes === limitBytes;
    });
    return { source, limitBytes, agents: agents.map(({ address, error }) => ({ address, error })) };
  }

  /** What the other bricks count for a PV. */
  usageOf(pv: string): BrickUsage[] {
    const now = this.#options.clock.monotonic();
    return this.#peers.flatMap(({ address, usage, subvolume, heardAt }) => {
      const told = usage.get(pv);
      if (told === undefined || subvolume === undefined) return [];
      return [{ subvolume, usedBytes: told.usedBytes, ageMs: told.ageMs + (now - heardAt), address }];
    });
  }

  /** Numbers of the subvolumes of the peers; a peer that has never answered may be in any. */
  subvolumes(): Set<number> {
    return new Set(this.#peers.map(({ subvolume }) => subvolume ?? UNKNOWN_SUBVOLUME));
  }

  /** Asks every peer once, all at the same time; one that does not answer costs the others nothing. */
  async pass(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#peers.map(async (peer) => await this.#ask(peer, signal)));
  }

  async #ask(peer: Peer, signal: AbortSignal): Promise<void> {
    const { log, clock, access, volumeId, brickIndex } = this.#options;
    try {
      const answer = await fetchQuotas(peer.address, access, signal);
      if (answer.volumeId !== volumeId) {
        throw new AgentError('Conflict', `it is an agent of volume ${answer.volumeId}, not of ours`);
      }
      // Heard back from ourselves, a limit would outlive its removal: somebody seems to want it still.
      const isOurs = answer.brickIndex === brickIndex;
      const quotas = isOurs ? [] : answer.quotas;
      peer.wishes = new Map(
        quotas.map(({ pv, source, limitBytes, claim }) => {
          const limit = { source, limitBytes: BigInt(limitBytes) };
          const told = claim === undefined ? undefined : readClaim(claim);
          return [pv, typeof told === 'object' ? { ...limit, claim: told } : limit];
        }),
      );
      peer.removed = new Set(isOurs ? [] : answer.removed);
      peer.usage = new Map(
        answer.usage.map(({ pv, usedBytes, ageMs }) => [pv, { usedBytes: BigInt(usedBytes), ageMs }]),
      );
      peer.subvolume = answer.subvolume;
      peer.heardAt = clock.monotonic();
      peer.answeredAt = clock.now();
      if (peer.error !== undefined) log.info({ peer: peer.address, quotas: peer.wishes.size }, 'peer answers');
      peer.error = undefined;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      const reason = errorMessage(error);
      if (reason !== peer.error)
        log.warn({ peer: peer.address, reason }, 'peer does not answer: what it said last still counts');
      peer.error = reason;
    }
  }
}

const REMOVED: PeerWish = { source: 'Removed', limitBytes: undefined };

function rank({ source }: PeerLimit): number {
  return ['Api', 'File', 'Kadalu'].indexOf(source);
}

async function fetchQuotas(address: string, access: PeerAccess, signal: AbortSignal): Promise<PeerQuotas> {
  const body = await askPeer({ address, path: '/v1/peer/quotas', access, signal, timeoutMs: REQUEST_TIMEOUT_MS });
  if (!Check(peerQuotasSchema, body)) throw new AgentError('RpcProtocol', 'its answer is not a list of quotas');
  return body;
}
