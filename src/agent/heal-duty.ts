import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { BrickWorker } from '../brick/worker/client.ts';
import { brickSetOf } from '../heal/brick-set.ts';
import { STALE_AFTER_MS } from '../heal/backlog.ts';
import type { PeerAnswer } from '../heal/disruption.ts';
import type { EventHint } from '../heal/gluster-event.ts';
import { PvTallies } from '../heal/pv-tally.ts';
import { LeftDirty } from '../heal/left-dirty.ts';
import { Sightings } from '../heal/sightings.ts';
import { DaemonCrawls } from '../heal/daemon-crawls.ts';
import { DaemonLinks } from '../heal/daemon-links.ts';
import { ShdDaemon } from '../heal/shd-daemon.ts';
import { HealTracker } from '../heal/tracker.ts';
import { HealUnobstructed } from '../heal/unobstructed.ts';
import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Loop } from '../lib/loop.ts';
import type { QuotaEnforcer } from '../quota/enforcer.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { RpcObserver } from '../rpc/connection.ts';
import { tcpConnectionsOf } from '../process/tcp-connections.ts';
import { PID } from '../rpc/credential.ts';
import type { VolfileStatus } from '../volfile/status.ts';
import type { BrickDump } from './brick-dump.ts';
import type { BrickMonitor } from './brick-monitor.ts';
import type { Config } from './config/load.ts';
import { BLAME_SAMPLE, DisruptionGuard } from './disruption.ts';
import { EventListener } from './event-listener.ts';
import { HealEntryReader } from './heal-entry-reader.ts';
import { brickNameOf, daemonTroubleOf, HealInsight, replicaSetOf } from './heal-insight.ts';
import { HealPeers } from './heal-peers.ts';
import { createReplacement, createResolver, type RemedyParts } from './heal-remedies.ts';
import type { Replacement } from './replacement.ts';
import type { Resolver } from './resolver.ts';
import { SplitBrainWatch } from './split-brain.ts';
import type { HealthCheck } from './health.ts';
import type { PeerAccess } from './peer-http.ts';
import type { ProcessMonitor, ProcessView } from './process-monitor.ts';
import { PvUses } from './pv-uses.ts';
import type { StartLoop } from './quota-duty.ts';

export interface HealParts {
  config: Config;
  worker: BrickWorker;
  brick: BrickClient;
  monitor: BrickMonitor;
  processes: ProcessMonitor;
  dump: BrickDump;
  /** The self-heal daemon of this pod has answered the last time. */
  shdAnswers: () => boolean;
  quota: Pick<QuotaEnforcer, 'state' | 'states'>;
  /** Whether the brick's graph and disk answer. */
  statfs: HealthCheck;
  volfiles: () => readonly VolfileStatus[];
  observer: RpcObserver;
  clock: Clock;
  log: Logger;
  /** Undefined: no peers are asked. */
  access: PeerAccess | undefined;
  /** Fires when the agent stops. */
  signal: AbortSignal;
}

/** Pause between two looks at which objects wait, in milliseconds: a time of first sight is as exact as that. */
const SIGHTING_INTERVAL_MS = 30_000;

/** Pause between two looks whether what waits is to be explained, in milliseconds. */
const OBSTRUCTED_CHECK_MS = 5_000;

/** Looks at the backlog for each look at the daemon's connections, which takes 3.5 ms of CPU (measured): every 15 s, and a brick that restarts is away for seconds. */
const LINKS_EVERY = 3;

/** A crawl sends all its events at once: they are collected for this long, and looked at together. In milliseconds. */
const HINT_DELAY_MS = 500;
/** Between two looks that events cause, in milliseconds: whoever sends them, that is all that comes of it. */
const HINT_PAUSE_MS = 5_000;

/** All that heal needs to run: the backlog, its objects, the self-heal daemon, and what the other bricks say. */
export class HealDuty {
  readonly tracker: HealTracker;
  readonly insight: HealInsight;
  readonly disruption: DisruptionGuard;
  readonly unobstructed: HealUnobstructed;
  /** Undefined on a volume that is not replicated. */
  readonly splitBrain: SplitBrainWatch | undefined;
  /** Names this run of this agent: how it is known among the peers that it asks. */
  readonly instance = randomUUID();
  /** Undefined where there is no split-brain, and without peers. */
  readonly resolver: Resolver | undefined;
  readonly replacement: Replacement | undefined;
  /** Undefined where this pod has no self-heal daemon. */
  readonly links: DaemonLinks | undefined;
  /** As `links`. */
  readonly crawls: DaemonCrawls | undefined;
  readonly #parts: HealParts;
  readonly #entries: HealEntryReader;
  readonly #shd: ShdDaemon;
  readonly #peers: HealPeers | undefined;
  readonly #sightings: Sightings;
  readonly #leftDirty: LeftDirty;
  #loop: Loop | undefined;
  #comparison: Loop | undefined;
  readonly #events: EventListener | undefined;
  #hintTimer: NodeJS.Timeout | undefined;
  /** Monotonic milliseconds of the last look that events caused. */
  #hintedAt = -HINT_PAUSE_MS;

  constructor(parts: HealParts) {
    const { config, clock, log, observer } = parts;
    this.#parts = parts;
    this.#entries = new HealEntryReader({ brickPath: config.brickPath, clock, log: log.child({ part: 'brick' }) });
    this.#shd = new ShdDaemon({ socketPath: config.shdSocket, pidFile: config.shdPidFile, clock, observer });
    this.#peers = this.#createPeers();
    this.#sightings = new Sightings({
      source: this.#entries,
      set: replicaSetOf(config),
      pending: () => this.tracker.status().pending.xattrop,
      clock,
    });
    this.#leftDirty = new LeftDirty({
      source: this.#entries,
      set: replicaSetOf(config),
      dirty: () => this.tracker.status().pending.dirty,
      clock,
    });
    this.tracker = this.#createTracker();
    this.links = config.shdExpected ? this.#createLinks() : undefined;
    this.crawls = config.shdExpected ? this.#createCrawls() : undefined;
    this.splitBrain = this.#createSplitBrain();
    const remedies = this.#remedies();
    this.resolver = remedies === undefined ? undefined : createResolver(remedies);
    this.insight = this.#createInsight();
    this.disruption = this.#createDisruption();
    this.unobstructed = new HealUnobstructed({
      backlog: () => this.tracker.status(),
      findings: async () => await this.insight.findings(),
      clock,
    });
    this.replacement =
      remedies === undefined
        ? undefined
        : createReplacement(
            remedies,
            () => this.disruption,
            () => void this.tracker.start('index'),
          );
    this.#events =
      config.glusterEventsPort === 0
        ? undefined
        : new EventListener({
            port: config.glusterEventsPort,
            hint: (hint) => this.#hear(hint),
            log: log.child({ part: 'events' }),
          });
  }

  start(loop: StartLoop): void {
    const { healIntervalMs, splitBrainIntervalMs } = this.#parts.config;
    const { splitBrain, links, crawls, unobstructed } = this;
    this.#events?.start();
    // Apart from the backlog, which must not wait for the daemon.
    const daemonIntervalMs = LINKS_EVERY * healIntervalMs;
    if (links !== undefined) loop('heal-links', daemonIntervalMs, async (signal) => await links.pass(signal));
    if (crawls !== undefined) loop('heal-crawls', daemonIntervalMs, async (signal) => await crawls.pass(signal));
    loop('heal-obstacles', OBSTRUCTED_CHECK_MS, async () => await unobstructed.pass());
    const comparison = (this.#comparison =
      splitBrain !== undefined && splitBrainIntervalMs > 0
        ? loop('split-brain', splitBrainIntervalMs, async (signal) => await splitBrain.pass(signal))
        : undefined);
    const sightings = loop('heal-sightings', SIGHTING_INTERVAL_MS, async (signal) => {
      await this.#sightings.pass(signal);
      await this.#leftDirty.pass(signal);
    });
    this.#loop = loop('heal', healIntervalMs, async (signal) => {
      await this.tracker.pass(signal);
      if (this.#sightings.isDue) sightings.wake();
      // The first comparison found nothing to start from; a minute is long for somebody who has just restarted an agent.
      if (splitBrain?.status().checkedAt === undefined) comparison?.wake();
    });
  }

  /** Events are hints: they bring looks forward, which find out by themselves what is. */
  #hear({ isSplitBrain, gfids }: EventHint): void {
    if (isSplitBrain) this.splitBrain?.hint(gfids);
    if (this.#hintTimer !== undefined) return;
    const { clock, log } = this.#parts;
    const wait = Math.max(HINT_DELAY_MS, this.#hintedAt + HINT_PAUSE_MS - clock.monotonic());
    this.#hintTimer = setTimeout(() => {
      this.#hintTimer = undefined;
      this.#hintedAt = clock.monotonic();
      log.debug({ isSplitBrain }, 'an event of Gluster: looking');
      this.#loop?.wake();
      this.#comparison?.wake();
    }, wait);
    this.#hintTimer.unref();
  }

  /** Ends after the loops' signal has fired. @returns false when a thread cannot end, because the brick hangs */
  async stop(): Promise<boolean> {
    const [ended] = await Promise.all([this.#entries.stop(), this.tracker.settled()]);
    return ended;
  }

  /** Ends the calls to the self-heal daemon that are under way. */
  close(): void {
    this.#events?.close();
    clearTimeout(this.#hintTimer);
    this.#shd.close();
  }

  #createPeers(): HealPeers | undefined {
    const { config, access } = this.#parts;
    if (config.peers === undefined || access === undefined) return undefined;
    const { instance } = this;
    return new HealPeers({ addresses: config.peers.split(','), volumeId: config.volumeId, access, instance });
  }

  #createTracker(): HealTracker {
    const { config, worker, processes, clock, log } = this.#parts;
    return new HealTracker({
      source: {
        counts: async (signal) => {
          const counts = await worker.call('healIndex', { processKey: processes.brickKey }, { signal });
          // A volume with one copy misses nothing that a heal could bring back.
          const known = config.volumeType === 'Replica1' ? {} : { isEmptyBrick: counts.isEmptyBrick };
          return { xattrop: counts.xattrop, dirty: counts.dirty, entryChanges: counts['entry-changes'], ...known };
        },
      },
      daemon: this.#shd,
      clock,
      log: log.child({ part: 'heal' }),
      wake: () => this.#loop?.wake(),
      oldest: () => this.#sightings.oldest(),
      leftDirty: () => this.#leftDirty.count,
      missed: () => this.#sightings.missed,
      staleAfterMs: Math.max(STALE_AFTER_MS, 3 * config.healIntervalMs),
    });
  }

  #createLinks(): DaemonLinks {
    const { config, clock } = this.#parts;
    return new DaemonLinks({
      self: brickNameOf(config),
      daemon: this.#shd,
      away: this.#daemonAway,
      connections: async () => {
        const found = this.#daemonProof();
        return found?.ok === true ? await tcpConnectionsOf(found.process.pid) : undefined;
      },
      clock,
    });
  }

  #createCrawls(): DaemonCrawls {
    const isWaiting = (): boolean | undefined => {
      const { state } = this.tracker.status();
      return state === 'Unknown' ? undefined : state !== 'Complete';
    };
    return new DaemonCrawls({ daemon: this.#shd, away: this.#daemonAway, isWaiting, clock: this.#parts.clock });
  }

  #daemonProof(): ProcessView['proof'] {
    return this.#parts.processes.views.find(({ process }) => process === 'shd')?.proof;
  }

  /** Why the self-heal daemon need not be asked; undefined: it may be. */
  readonly #daemonAway = (): string | undefined => {
    const found = this.#daemonProof();
    return found === undefined
      ? 'the self-heal daemon has not been looked at yet'
      : daemonTroubleOf(found, this.#parts.shdAnswers())?.message;
  };

  #createInsight(): HealInsight {
    const { config, clock, processes, shdAnswers, volfiles, quota, signal } = this.#parts;
    const tallies = new PvTallies({ source: this.#entries, clock, signal });
    return new HealInsight({
      config,
      source: this.#entries,
      tally: async () => await tallies.get(),
      sightings: this.#sightings,
      daemon: this.#shd,
      splitBrain: this.splitBrain,
      notServing: this.notServing,
      peers: this.#peerReports(),
      status: () => this.tracker.status(),
      uses: new PvUses({ config, state: (pv) => quota.state(pv), peers: this.#peers }),
      clock,
      processes: () => processes.views,
      daemonAnswers: shdAnswers,
      volfiles,
      signal,
    });
  }

  #createSplitBrain(): SplitBrainWatch | undefined {
    const { config, worker, clock, log } = this.#parts;
    const peers = this.#peers;
    const set = replicaSetOf(config);
    const bricks = brickSetOf(config);
    if (set === undefined || bricks === undefined) return undefined;
    return new SplitBrainWatch({
      brickIndex: config.brickIndex,
      set,
      members: bricks.members.map((brickIndex) => ({
        brickIndex,
        child: `${config.volume}-client-${brickIndex}`,
        isArbiter: config.volumeType === 'Arbiter' && brickIndex % 3 === 2,
      })),
      backlog: () => this.tracker.status(),
      page: async (request, own) => await this.#entries.page(request, own),
      own: async (question, own) => await worker.call('copies', question, { signal: own }),
      peers:
        peers === undefined ? undefined : async (question, own) => await peers.copies(question, bricks.members, own),
      symlinks: async (directories, limit, own) =>
        await worker.call('symlinks', { directories, limit }, { signal: own }),
      locate: async (gfids, own) => {
        const places = await worker.call('locate', { gfids }, { signal: own });
        return places.map((place) => (place.kind === 'path' ? place.path : undefined));
      },
      clock,
      log: log.child({ part: 'split-brain' }),
    });
  }

  #remedies(): RemedyParts | undefined {
    const [watch, peers] = [this.splitBrain, this.#peers];
    return watch === undefined || peers === undefined
      ? undefined
      : { parts: this.#parts, watch, peers, shd: this.#shd };
  }

  /** Why the brick does not serve; undefined: it does. */
  readonly notServing = (): string | undefined => {
    const { brick, statfs } = this.#parts;
    if (!brick.isUp) return brick.downReason ?? 'not connected';
    const { ok, reason } = statfs.check();
    return ok ? undefined : (reason ?? 'it does not answer');
  };

  #peerReports(): ((signal: AbortSignal) => Promise<PeerAnswer[]>) | undefined {
    const peers = this.#peers;
    return peers === undefined ? undefined : async (signal) => await peers.reports(signal);
  }

  #createDisruption(): DisruptionGuard {
    const { config, brick, monitor, quota, clock, log, signal } = this.#parts;
    return new DisruptionGuard({
      shape: config,
      set: replicaSetOf(config),
      backlog: async (own) => await this.tracker.now(own),
      fenced: () => (monitor.fence.open ? undefined : monitor.fence.reason),
      notServing: this.notServing,
      servingForMs: () => brick.upForMs ?? 0,
      page: async (own) => await this.#entries.page({ index: 'xattrop', after: undefined, limit: BLAME_SAMPLE }, own),
      peers: this.#peerReports(),
      namespaces: () => {
        const gfids: Gfid[] = [];
        for (const { backend } of quota.states()) {
          if (backend.kind !== 'present' || !backend.quota.namespace) continue;
          if (backend.quota.gfid !== undefined) gfids.push(backend.quota.gfid);
        }
        return gfids;
      },
      // The helper's STATFS is what makes a brick write its counter down (measured on 11.1).
      flush: async (gfid, own) => void (await brick.statfs(gfid, { pid: PID.quotaHelper, signal: own })),
      clock,
      log: log.child({ part: 'disruption' }),
      signal,
    });
  }
}
