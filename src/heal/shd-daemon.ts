/** The self-heal daemon of this pod over its unix socket, proven before every call. */
import type { Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import { hostAddresses } from '../lib/host-addresses.ts';
import { mapPool } from '../lib/pool.ts';
import { keyOf } from '../process/identity.ts';
import { haltOf, HALTS } from '../process/halt.ts';
import { plainAddress, tcpPeersOf } from '../process/tcp-connections.ts';
import type { RpcObserver } from '../rpc/connection.ts';
import type { HealChild, HealOperationName } from '../rpc/heal-reply.ts';
import { ManagementClient } from '../rpc/management-client.ts';
import { createShdProof } from '../rpc/shd-proof.ts';
import {
  HEAL_KINDS,
  type ChildCrawl,
  type CrawlReport,
  type DaemonChild,
  type DaemonIdentity,
  type HealDaemon,
  type HealKind,
  type HealStart,
} from './ports.ts';
import { proveShd, type ProvenShd, type ShdProofOptions } from './shd-proof.ts';
import { isLookUpNeeded, reachOf, type BrickPlace } from './tcp-reach.ts';

/**
 * The daemon asks every brick for its host before it answers, and a frozen one keeps it waiting for twice its ping time-out of
 * 42 s: 82.5 s were measured on 11.1. In milliseconds.
 */
const HEAL_ANSWER_MS = 120_000;

/** Host names that are looked up at once: each holds a thread of the pool until the resolver answers. */
const LOOKUPS = 2;

export interface ShdDaemonOptions extends ShdProofOptions {
  clock: Clock;
  observer?: RpcObserver;
}

export class ShdDaemon implements HealDaemon {
  readonly #options: ShdDaemonOptions;
  readonly #client: ManagementClient;

  constructor(options: ShdDaemonOptions) {
    const { socketPath, clock, observer } = options;
    this.#options = { now: () => clock.now(), ...options };
    this.#client = new ManagementClient({ socketPath, clock, observer });
  }

  async start(kind: HealKind, signal: AbortSignal): Promise<HealStart> {
    const proven = await this.#prove(signal);
    const children = await this.#ask(kind === 'full' ? 'full-heal' : 'index-heal', proven, signal);
    return { daemon: identityOf(proven), children: children.flatMap(statusOf) };
  }

  async crawls(kind: HealKind | undefined, signal: AbortSignal): Promise<CrawlReport> {
    const proven = await this.#prove(signal);
    const daemon = identityOf(proven);
    if (proven.sets.some((set) => set.kind === 'disperse')) return { daemon, crawls: undefined };
    const children = await this.#ask('statistics', proven, signal);
    const kinds = kind === undefined ? HEAL_KINDS : [kind];
    return { daemon, crawls: children.flatMap((child) => kinds.flatMap((one) => newestCrawl(child, one))) };
  }

  /**
   * The bricks of all sets and whether the daemon is connected to them; it asks each, which takes long when one is frozen.
   *
   * @throws as `start`
   */
  async children(signal: AbortSignal): Promise<DaemonChild[]> {
    const proven = await this.#prove(signal);
    // A disperse translator knows no such question; what its TCP connections say is no answer, but that there is none is.
    const replicas = proven.sets.filter(({ kind }) => kind === 'replicate');
    const answers = replicas.length === 0 ? [] : await this.#ask('count', { ...proven, sets: replicas }, signal);
    const reached = proven.sets.length === replicas.length ? undefined : await this.#reached(proven, signal);
    return proven.sets.flatMap(({ name: xlator, kind, needed, children }) =>
      children.map(({ name, pendingName }, child) => {
        const answer = answers.find((answer) => answer.xlator === xlator && answer.child === child);
        const isReached = kind === 'disperse' ? reached?.get(name) : undefined;
        const said = isReached === false ? false : isConnected(answer);
        return { xlator, child, name, pendingName, needed, isReached, isConnected: said };
      }),
    );
  }

  /** By name, whether it has a TCP connection to a brick; what is not in it is not known. */
  async #reached({ process, sets }: ProvenShd, signal: AbortSignal): Promise<ReadonlyMap<string, boolean>> {
    const bricks = sets.flatMap(({ children }) => children);
    const peers = await tcpPeersOf(process.pid, this.#options.procRoot);
    if (peers === undefined) return new Map();
    const ports = bricks.map(({ remotePort }) => remotePort);
    const addresses = isLookUpNeeded(ports, peers) ? await addressesOf(bricks, signal) : [];
    const places = ports.map((port, at): BrickPlace => ({ port, addresses: addresses[at] }));
    const reach = reachOf(places, peers);
    return new Map(
      bricks.flatMap(({ name }, at) => {
        const isReached = reach[at];
        return isReached === undefined ? [] : [[name, isReached] as const];
      }),
    );
  }

  /** Ends the calls that are under way. */
  close(): void {
    this.#client.close();
  }

  /** One that is stopped or frozen would not answer: that is known at once, and need not be waited for. */
  async #prove(signal: AbortSignal): Promise<ProvenShd> {
    const proven = await proveShd(this.#options, signal);
    const halt = haltOf(proven.process);
    if (halt === undefined) return proven;
    const { words, remedy } = HALTS[halt];
    throw new AgentError('Conflict', `the self-heal daemon (pid ${proven.process.pid}) is ${words}; ${remedy}`);
  }

  async #ask(op: HealOperationName, proven: ProvenShd, signal: AbortSignal): Promise<HealChild[]> {
    const { process, socketPath, sets, provenAt } = proven;
    const xlators = sets.map(({ name }, id) => ({ name, id }));
    const proof = createShdProof({
      pid: process.pid,
      startTicks: process.startTicks,
      socketPath,
      xlators: sets.map(({ name }) => name),
      provenAt,
    });
    // Its return code says little, see HealReply.
    const { children } = await this.#client.xlatorOp({ op, xlators, proof }, { signal, timeoutMs: HEAL_ANSWER_MS });
    return children;
  }
}

function identityOf({ process }: ProvenShd): DaemonIdentity {
  return { key: keyOf(process), startedAt: process.startedAt };
}

async function addressesOf(
  bricks: readonly { remoteHost: string | undefined }[],
  signal: AbortSignal,
): Promise<(string[] | undefined)[]> {
  const hosts = [...new Set(bricks.flatMap(({ remoteHost }) => remoteHost ?? []))];
  const found = await mapPool(hosts, LOOKUPS, async (host) => (await hostAddresses(host, signal))?.map(plainAddress));
  return bricks.map(({ remoteHost }) => (remoteHost === undefined ? undefined : found[hosts.indexOf(remoteHost)]));
}

function isConnected(answer: HealChild | undefined): boolean | undefined {
  if (answer?.status === 'Brick is not connected') return false;
  return answer?.pending === undefined ? undefined : true;
}

function statusOf({ xlator, child, status }: HealChild): { xlator: string; child: number; status: string }[] {
  return status === undefined ? [] : [{ xlator, child, status }];
}

function newestCrawl({ xlator, child, crawls }: HealChild, kind: HealKind): ChildCrawl[] {
  const ofKind = crawls.filter((crawl) => crawl.kind === (kind === 'full' ? 'FULL' : 'INDEX'));
  const newest = ofKind.at(-1);
  if (newest === undefined) return [];
  const { startedText, endedText, healed, failed, splitBrain } = newest;
  const inProgress = newest.inProgress || endedText === undefined;
  return [{ xlator, child, kind, inProgress, startedText, remembered: ofKind.length, healed, failed, splitBrain }];
}
