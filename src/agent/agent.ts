import type { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { BrickWorker } from '../brick/worker/client.ts';
import { whyHealing } from '../heal/backlog.ts';
import type { DaemonCrawls } from '../heal/daemon-crawls.ts';
import type { DaemonLinks } from '../heal/daemon-links.ts';
import type { HealTracker } from '../heal/tracker.ts';
import type { HealUnobstructed } from '../heal/unobstructed.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { Loop, type LoopStats } from '../lib/loop.ts';
import { agentCollector } from '../metrics/collectors/agent.ts';
import { brickCollector } from '../metrics/collectors/brick.ts';
import { brickLoadCollector } from '../metrics/collectors/brick-load.ts';
import { eventsCollector } from '../metrics/collectors/events.ts';
import { splitBrainCollector } from '../metrics/collectors/split-brain.ts';
import { healCollector } from '../metrics/collectors/heal.ts';
import { processCollector } from '../metrics/collectors/process.ts';
import { quotaCollector } from '../metrics/collectors/quota.ts';
import {
  healLoopCollector,
  quotaAdoptionCollector,
  quotaGuardCollector,
  volumeUsageCollector,
  quotaRepairCollector,
} from '../metrics/collectors/quota-guard.ts';
import { RpcCounter } from '../metrics/collectors/rpc.ts';
import { runtimeCollector } from '../metrics/collectors/runtime.ts';
import { tlsCollector } from '../metrics/collectors/tls.ts';
import { volfileCollector } from '../metrics/collectors/volfile.ts';
import { MetricsRegistry } from '../metrics/registry.ts';
import { BrickClient } from '../rpc/brick-client.ts';
import { isFetchSpec } from '../rpc/programs/handshake.ts';
import { ManagementClient } from '../rpc/management-client.ts';
import type { VolfileManager } from '../volfile/manager.ts';
import { BrickFigures } from './brick-figures.ts';
import type { Replacement } from './replacement.ts';
import type { Resolver } from './resolver.ts';
import type { SplitBrainWatch } from './split-brain.ts';
import { BrickDump } from './brick-dump.ts';
import { BrickMonitor } from './brick-monitor.ts';
import { BrickWatch, probeTimes, type ProbeTimes } from './brick-watch.ts';
import type { Config } from './config/load.ts';
import { DisruptionGlance } from './disruption-glance.ts';
import type { DisruptionGuard } from './disruption.ts';
import { GrowthSource } from './growth-source.ts';
import { HealDuty } from './heal-duty.ts';
import type { HealInsight } from './heal-insight.ts';
import type { HealthCheck } from './health.ts';
import { livenessChecks, readinessChecks } from './health-checks.ts';
import type { PeerAccess } from './peer-http.ts';
import type { EventDuty } from './kubernetes/event-duty.ts';
import { ProcessMonitor, processPlaces } from './process-monitor.ts';
import { QuotaDuty, type StartLoop } from './quota-duty.ts';
import { RuntimeMonitor } from './runtime.ts';
import { brickSnapshot, healSnapshot, healthCheckAt, processSnapshots, volfileSnapshots } from './snapshots.ts';
import type { TlsKeeper } from './tls/keeper.ts';
import { startVolfiles } from './volfile-duty.ts';

/** Pause between two looks at the TLS files, in milliseconds: the kubelet takes a minute and more to bring new ones. */
const TLS_INTERVAL_MS = 10_000;

export interface AgentParts {
  /** How the agents of the other bricks are asked; undefined: they are not. */
  access?: PeerAccess | undefined;
  /** The brick's thread, where one was started ahead. */
  thread?: Worker | undefined;
  /** Undefined: no Events are written to Kubernetes. */
  events?: EventDuty | undefined;
  clock?: Clock;
}

/**
 * Longest that the volfiles wait for the first look at the limits, in milliseconds: what makes the brick's pod ready comes first, and a brick that is not
 * there holds up nothing.
 */
const FIRST_LOOK_MS = 1_000;

/**
 * Everything that runs, wired together. Construction does nothing outside; `start` begins the loops, `stop` ends them.
 */
export class Agent {
  readonly config: Config;
  readonly brick: BrickClient;
  readonly worker: BrickWorker;
  readonly monitor: BrickMonitor;
  readonly processes: ProcessMonitor;
  readonly quota: QuotaDuty;
  readonly heal: HealTracker;
  readonly healInsight: HealInsight;
  /** Undefined where this pod has no self-heal daemon. */
  readonly healLinks: DaemonLinks | undefined;
  /** As `healLinks`. */
  readonly healCrawls: DaemonCrawls | undefined;
  readonly healUnobstructed: HealUnobstructed;
  /** Why the brick does not serve; undefined: it does. */
  readonly notServing: () => string | undefined;
  readonly disruption: DisruptionGuard;
  /** The same for the status page. */
  readonly glance: DisruptionGlance;
  readonly splitBrain: SplitBrainWatch | undefined;
  readonly resolver: Resolver | undefined;
  /** Undefined on a volume that is not replicated, and without peers. */
  readonly replacement: Replacement | undefined;
  readonly metrics: MetricsRegistry;
  readonly livez: readonly HealthCheck[];
  readonly readyz: readonly HealthCheck[];
  readonly watch: BrickWatch;
  /** Undefined: none are written to Kubernetes. */
  readonly events: EventDuty | undefined;
  /** Undefined: TLS is off. */
  readonly tls: TlsKeeper | undefined;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #brickManagement: ManagementClient;
  readonly #shdManagement: ManagementClient;
  readonly #rpc = new RpcCounter();
  readonly #dump: BrickDump;
  readonly #healDuty: HealDuty;
  readonly #runtime = new RuntimeMonitor();
  readonly #probeTimes: ProbeTimes;
  #specCalls = 0;
  #apiListens = false;
  #loops: Loop[] = [];
  #volfiles: VolfileManager | undefined;
  #statfsLoop: Loop | undefined;

  constructor(
    config: Config,
    log: Logger,
    version: string,
    { access, thread, events, clock = systemClock }: AgentParts = {},
  ) {
    this.config = config;
    this.tls = access?.tls;
    this.events = events;
    this.#log = log;
    this.#clock = clock;
    const rpc = this.#rpc;
    const { brickLivenessMs, identityIntervalMs, brickDeadlineMs } = config;
    this.#probeTimes = probeTimes(brickLivenessMs, identityIntervalMs, brickDeadlineMs);
    this.worker = new BrickWorker({
      brickPath: config.brickPath,
      deadlineMs: config.brickDeadlineMs,
      clock,
      log: log.child({ part: 'brick' }),
      ...(thread === undefined ? {} : { thread }),
    });
    this.brick = new BrickClient({
      host: config.brickHost,
      port: config.brickPort,
      brickName: config.brickName,
      clock,
      log: log.child({ part: 'rpc' }),
      observer: rpc,
      onChange: () => {
        // A new brick process knows no limits: the next quota pass must not wait for its turn.
        this.quota.wake();
        // What was asked without this connection says nothing of whether the brick serves.
        this.#statfsLoop?.wake();
      },
      onCall: (call) => {
        if (isFetchSpec(call)) this.#specCalls += 1;
      },
      pingIntervalMs: this.#probeTimes.tryIntervalMs,
      pingTimeoutMs: this.#probeTimes.tryTimeoutMs,
      onTry: (error) => this.watch.brick.note(error),
    });
    this.#brickManagement = new ManagementClient({ socketPath: config.brickSocket, clock, observer: rpc });
    this.#shdManagement = new ManagementClient({ socketPath: config.shdSocket, clock, observer: rpc });
    this.monitor = new BrickMonitor({
      worker: this.worker,
      brickPath: config.brickPath,
      volumeId: config.volumeId,
      brickMount: config.brickMount,
      clock,
      log: log.child({ part: 'identity' }),
      onFenceChange: () => this.quota.wake(),
    });
    this.processes = new ProcessMonitor(processPlaces(config));
    const { worker, brick, monitor, processes } = this;
    const healing = (): string | undefined => this.#healing();
    const set = {
      report: async (signal: AbortSignal) => await this.disruption.report(signal),
      claim: async (forMs: number, signal: AbortSignal) => await this.disruption.claim(forMs, signal),
      release: () => this.disruption.release(),
    };
    const growth = new GrowthSource({
      brick: this.#brickManagement,
      brickName: config.brickName,
      statfsAnswers: () => this.watch.statfsAnswers,
      freeSpace: async (signal) => await worker.call('freeSpace', {}, { signal }),
      clock,
    });
    this.#dump = new BrickDump({ processes, config, clock });
    const dump = this.#dump;
    const parts = { config, worker, brick, monitor, processes, dump, clock, log, access, healing };
    this.quota = new QuotaDuty({ ...parts, disruption: set, growth: async (signal) => await growth.mark(signal) });
    this.livez = livenessChecks(() => this.loopStats(), clock);
    const { enforcer } = this.quota;
    const apiListens = (): boolean => this.#apiListens;
    this.readyz = readinessChecks({ worker, monitor, brick, quota: enforcer, apiListens, tls: this.tls, clock });
    this.watch = this.#createWatch();
    this.#healDuty = this.#createHeal(rpc, access);
    this.heal = this.#healDuty.tracker;
    this.healInsight = this.#healDuty.insight;
    this.healLinks = this.#healDuty.links;
    this.healCrawls = this.#healDuty.crawls;
    this.healUnobstructed = this.#healDuty.unobstructed;
    this.notServing = this.#healDuty.notServing;
    this.disruption = this.#healDuty.disruption;
    this.glance = new DisruptionGlance({
      check: async (signal) => await this.disruption.check(signal),
      clock,
      log,
      signal: this.#stop.signal,
    });
    const figures = new BrickFigures({
      brick: this.#brickManagement,
      brickName: config.brickName,
      statfsAnswers: () => this.watch.statfsAnswers,
      clock,
      log: log.child({ part: 'metrics' }),
      signal: this.#stop.signal,
    });
    this.splitBrain = this.#healDuty.splitBrain;
    this.resolver = this.#healDuty.resolver;
    this.replacement = this.#healDuty.replacement;
    this.metrics = new MetricsRegistry(
      [
        agentCollector(
          version,
          () => this.loopStats(),
          () => this.worker.queueLength,
        ),
        tlsCollector(() => this.tls?.status()),
        eventsCollector(() => this.events?.status),
        brickCollector(() => brickSnapshot(this)),
        brickLoadCollector(() => figures.load, config.clientMetrics === 'address'),
        processCollector(() => processSnapshots(this)),
        quotaCollector(this.quota.enforcer, { maxPvs: config.metricsMaxPvs }),
        quotaGuardCollector(() => this.quota.guard, config.metricsMaxPvs),
        volumeUsageCollector(() => this.quota.volumeUsageStates()),
        quotaRepairCollector(() => this.quota.repairer.stats),
        quotaAdoptionCollector(() => this.quota.adoption.adopter.stats),
        healLoopCollector(() => this.quota.healLoops),
        healCollector(() => healSnapshot(this)),
        splitBrainCollector(() => this.splitBrain?.status()),
        volfileCollector(() => volfileSnapshots(this)),
        rpc.collector(),
        runtimeCollector(() => this.#runtime.snapshot()),
      ],
      { volume: config.volume },
      log.child({ part: 'metrics' }),
      [figures],
    );
  }

  /** Undefined when no volfile directory is configured. */
  get volfiles(): VolfileManager | undefined {
    return this.#volfiles;
  }

  /** Names this run of this agent among its peers. */
  get instance(): string {
    return this.#healDuty.instance;
  }

  /** To be called when the API is there, on all that it is to listen on. */
  noteApiListens(): void {
    this.#apiListens = true;
  }

  loopStats(): LoopStats[] {
    return [...this.#loops.map((loop) => loop.stats), ...(this.#volfiles?.loops() ?? [])];
  }

  start(): void {
    const { config } = this;
    this.#runtime.start();
    const loop: StartLoop = (name, intervalMs, pass) => {
      const created = new Loop({
        name,
        intervalMs,
        pass,
        clock: this.#clock,
        log: this.#log,
        signal: this.#stop.signal,
      });
      this.#loops.push(created);
      return created;
    };
    // The fence is closed until the first proof; the quota loop starts with it closed and is woken when it opens.
    loop('identity', config.identityIntervalMs, async (signal) => await this.monitor.pass(signal));
    const { tryIntervalMs, processIntervalMs, statfsIntervalMs } = this.#probeTimes;
    loop('process', processIntervalMs, async () => await this.watch.processPass());
    this.#statfsLoop = loop('statfs', statfsIntervalMs, async (signal) => await this.watch.statfsPass(signal));
    if (config.shdExpected) loop('shd', tryIntervalMs, async (signal) => await this.watch.shdPass(signal));
    const { tls } = this;
    if (tls !== undefined) loop('tls', TLS_INTERVAL_MS, async (signal) => await tls.pass(signal));
    this.quota.start(loop);
    this.#healDuty.start(loop);
    this.events?.start(loop, this);
    this.#volfiles = startVolfiles({
      config,
      brick: this.brick,
      brickManagement: this.#brickManagement,
      shdManagement: this.#shdManagement,
      observer: this.#rpc,
      disruption: this.disruption,
      specCalls: () => this.#specCalls,
      clock: this.#clock,
      log: this.#log.child({ part: 'volfile' }),
      signal: this.#stop.signal,
      begin: this.#firstLook(),
    });
  }

  /** Resolves when the limits were looked at once, after a second, or at the end. */
  async #firstLook(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(FIRST_LOOK_MS)]);
    const over = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => over.resolve(), { once: true });
    await Promise.race([this.quota.synced, over.promise]);
  }

  /**
   * Ends everything in order: loops first, then what they use. Never rejects.
   *
   * @returns false when a thread cannot end, because the brick hangs
   */
  async stop(): Promise<boolean> {
    this.#stop.abort();
    const threads: Promise<boolean[]> = Promise.all([this.worker.stop(), this.quota.stop(), this.#healDuty.stop()]);
    const ends = [
      ...this.#loops.map(async (loop) => await loop.stopped()),
      this.brick.stop(),
      this.#volfiles?.stopped() ?? Promise.resolve(),
      // A pass that hangs in the brick ends with its worker.
      threads,
    ];
    for (const end of await Promise.allSettled(ends)) {
      if (end.status === 'rejected') this.#log.error({ err: end.reason }, `stopping: ${errorMessage(end.reason)}`);
    }
    this.#brickManagement.close();
    this.#shdManagement.close();
    this.#healDuty.close();
    this.#runtime.stop();
    return (await threads).every(Boolean);
  }

  /** Why objects of this brick's set wait for heal, as far as this brick's own index tells. */
  #healing(): string | undefined {
    if (this.config.volumeType === 'Replica1') return undefined;
    return whyHealing(this.heal.status());
  }

  #createWatch(): BrickWatch {
    return new BrickWatch({
      clock: this.#clock,
      times: this.#probeTimes,
      brick: this.brick,
      shd: this.#shdManagement,
      processes: this.processes,
      diskHangs: () => this.worker.hungSince !== undefined,
      heals: () => this.heal.status().state === 'Progressing',
      healthCheckAt: () => healthCheckAt(this),
      healthCheckStaleMs: this.config.brickHealthCheckMs,
    });
  }

  #createHeal(rpc: RpcCounter, access: PeerAccess | undefined): HealDuty {
    const { config, worker, brick, monitor, processes, quota, watch } = this;
    return new HealDuty({
      config,
      worker,
      brick,
      monitor,
      processes,
      quota: quota.enforcer,
      statfs: watch.statfsCheck(),
      dump: this.#dump,
      shdAnswers: () => watch.shd.answers,
      volfiles: () => this.#volfiles?.status() ?? [],
      observer: rpc,
      clock: this.#clock,
      log: this.#log,
      access,
      signal: this.#stop.signal,
    });
  }
}
