import type { Logger } from 'pino';
import { ScanWorker } from '../brick/scan/client.ts';
import { BrickWorker } from '../brick/worker/client.ts';
import { STALE_AFTER_MS } from '../heal/backlog.ts';
import { PvTallies } from '../heal/pv-tally.ts';
import { ShdDaemon } from '../heal/shd-daemon.ts';
import { HealTracker } from '../heal/tracker.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { AgentError, errorMessage } from '../lib/errors.ts';
import { Loop, type LoopStats } from '../lib/loop.ts';
import { agentCollector } from '../metrics/collectors/agent.ts';
import { brickCollector, type BrickSnapshot } from '../metrics/collectors/brick.ts';
import { healCollector } from '../metrics/collectors/heal.ts';
import { processCollector, type ProcessSnapshot } from '../metrics/collectors/process.ts';
import { quotaCollector } from '../metrics/collectors/quota.ts';
import { healLoopCollector, quotaGuardCollector } from '../metrics/collectors/quota-guard.ts';
import { RpcCounter } from '../metrics/collectors/rpc.ts';
import { runtimeCollector } from '../metrics/collectors/runtime.ts';
import { volfileCollector, type VolfileSnapshot } from '../metrics/collectors/volfile.ts';
import { MetricsRegistry } from '../metrics/registry.ts';
import { Auditor } from '../quota/auditor.ts';
import { QuotaEnforcer } from '../quota/enforcer.ts';
import { HealLoops } from '../quota/heal-loop.ts';
import { QuotaGuard } from '../quota/guard.ts';
import { bricksPerSubvolume, layoutOf } from '../quota/layout.ts';
import { UsageScanner } from '../quota/scanner.ts';
import { UsageTeller } from '../quota/usage-teller.ts';
import { subvolumeOf } from '../quota/volume-usage.ts';
import { BrickClient } from '../rpc/brick-client.ts';
import { ManagementClient } from '../rpc/management-client.ts';
import { VolfileManager } from '../volfile/manager.ts';
import { readQuotaFilter } from '../volfile/quota-filter.ts';
import type { VolfileTarget } from '../volfile/target.ts';
import { BrickAudit } from './brick-audit.ts';
import { BrickMonitor } from './brick-monitor.ts';
import { BrickWatch, probeTimes, type ProbeTimes } from './brick-watch.ts';
import type { Config } from './config/load.ts';
import { HealEntryReader } from './heal-entry-reader.ts';
import { HealInsight } from './heal-insight.ts';
import type { HealthCheck } from './health.ts';
import { livenessChecks, readinessChecks } from './health-checks.ts';
import { Peers } from './peers.ts';
import { ProcessMonitor } from './process-monitor.ts';
import { QuotaFileSource } from './quota-file-source.ts';
import { WireQuotaBrick, WireUsageBrick, WorkerQuotaBackend } from './quota-adapters.ts';
import { RuntimeMonitor } from './runtime.ts';
import { WireGuardBrick } from './wire-guard.ts';

/** Pause between two looks whether an audit is due, in milliseconds; a restarted brick is audited soon. */
const AUDIT_CHECK_MS = 2_000;
/** Pause between two looks for heals that go round, in milliseconds; each costs some 60 µs a PV. */
const HEAL_LOOP_CHECK_MS = 5_000;
/** Pause between two looks whether a PV is due for a scan, in milliseconds; each finished scan starts the next at once. */
const SCAN_CHECK_MS = 2_000;

/**
 * Everything that runs, wired together. Construction does nothing outside; `start` begins the loops, `stop` ends them.
 */
export class Agent {
  readonly config: Config;
  readonly brick: BrickClient;
  readonly worker: BrickWorker;
  readonly monitor: BrickMonitor;
  readonly processes: ProcessMonitor;
  readonly quota: QuotaEnforcer;
  readonly scanner: UsageScanner;
  readonly heal: HealTracker;
  readonly healInsight: HealInsight;
  /** Undefined when no peers are configured. */
  readonly peers: Peers | undefined;
  /** Number of the replica or disperse set of this brick. */
  readonly subvolume: number;
  /** Undefined when no peers are configured, or the sets cannot be told apart. */
  readonly usageTeller: UsageTeller | undefined;
  readonly metrics: MetricsRegistry;
  readonly livez: readonly HealthCheck[];
  readonly readyz: readonly HealthCheck[];
  readonly watch: BrickWatch;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #brickManagement: ManagementClient;
  readonly #shdManagement: ManagementClient;
  readonly #shd: ShdDaemon;
  readonly #healEntries: HealEntryReader;
  readonly #scanWorker: ScanWorker;
  readonly #healLoops: HealLoops | undefined;
  readonly #guard: QuotaGuard | undefined;
  readonly #runtime = new RuntimeMonitor();
  readonly #probeTimes: ProbeTimes;
  #loops: Loop[] = [];
  #quotaLoop: Loop | undefined;
  #scanLoop: Loop | undefined;
  #healLoop: Loop | undefined;
  #volfiles: VolfileManager | undefined;

  /** @param token bearer token of the TCP API, which is also what the peers are asked with */
  constructor(config: Config, log: Logger, version: string, token?: string, clock: Clock = systemClock) {
    this.config = config;
    this.#log = log;
    this.#clock = clock;
    const rpc = new RpcCounter();
    const { brickLivenessMs, identityIntervalMs, brickDeadlineMs } = config;
    this.#probeTimes = probeTimes(brickLivenessMs, identityIntervalMs, brickDeadlineMs);
    this.worker = new BrickWorker({
      brickPath: config.brickPath,
      deadlineMs: config.brickDeadlineMs,
      clock,
      log: log.child({ part: 'brick' }),
    });
    this.brick = new BrickClient({
      host: config.brickHost,
      port: config.brickPort,
      brickName: config.brickName,
      clock,
      log: log.child({ part: 'rpc' }),
      observer: rpc,
      // A new brick process knows no limits: the next quota pass must not wait for its turn.
      onChange: () => this.#quotaLoop?.wake(),
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
      onFenceChange: () => this.#quotaLoop?.wake(),
    });
    this.processes = new ProcessMonitor([
      { process: 'brick', pidFile: config.brickPidFile },
      ...(config.shdExpected ? [{ process: 'shd' as const, pidFile: config.shdPidFile }] : []),
    ]);
    this.peers = this.#createPeers(token);
    this.quota = this.#createQuota();
    const perSubvolume = bricksPerSubvolume(config.volumeType, config.disperseData, config.disperseRedundancy);
    this.subvolume = perSubvolume === undefined ? 0 : subvolumeOf(config.brickIndex, perSubvolume);
    this.usageTeller = perSubvolume === undefined ? undefined : this.#createUsageTeller();
    this.#scanWorker = new ScanWorker({
      brickPath: config.brickPath,
      deadlineMs: config.brickDeadlineMs,
      clock,
      log: log.child({ part: 'scan' }),
    });
    this.scanner = this.#createScanner();
    this.#healLoops = this.#createHealLoops();
    this.#guard = config.quotaGuardIntervalMs > 0 ? this.#createGuard() : undefined;
    this.#shd = new ShdDaemon({ socketPath: config.shdSocket, pidFile: config.shdPidFile, clock, observer: rpc });
    this.heal = this.#createHeal();
    this.#healEntries = new HealEntryReader({ brickPath: config.brickPath, clock, log: log.child({ part: 'brick' }) });
    this.healInsight = this.#createHealInsight();
    this.livez = livenessChecks(() => this.loopStats(), clock);
    this.readyz = readinessChecks(this);
    this.watch = this.#createWatch();
    this.metrics = new MetricsRegistry(
      [
        agentCollector(version, () => this.loopStats()),
        brickCollector(() => this.#brickSnapshot()),
        processCollector(() => this.#processSnapshots()),
        quotaCollector(this.quota),
        quotaGuardCollector(() => this.#guard?.stats),
        healLoopCollector(() => this.#healLoops),
        healCollector(() => this.heal.status()),
        volfileCollector(() => this.#volfileSnapshots()),
        rpc.collector(),
        runtimeCollector(() => this.#runtime.snapshot()),
      ],
      { volume: config.volume },
      log.child({ part: 'metrics' }),
    );
  }

  /** Undefined when no volfile directory is configured. */
  get volfiles(): VolfileManager | undefined {
    return this.#volfiles;
  }

  loopStats(): LoopStats[] {
    return [...this.#loops.map((loop) => loop.stats), ...(this.#volfiles?.loops() ?? [])];
  }

  start(): void {
    const { config } = this;
    this.#runtime.start();
    const loop = (name: string, intervalMs: number, pass: (signal: AbortSignal) => Promise<void>): Loop => {
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
    loop('statfs', statfsIntervalMs, async (signal) => await this.watch.statfsPass(signal));
    if (config.shdExpected) loop('shd', tryIntervalMs, async (signal) => await this.watch.shdPass(signal));
    this.#quotaLoop = loop('quota', config.quotaIntervalMs, async (signal) => await this.quota.pass(signal));
    this.#scanLoop = loop('scan', SCAN_CHECK_MS, async (signal) => await this.scanner.pass(signal));
    if (config.quotaAuditIntervalMs > 0) {
      const auditor = this.#createAuditor();
      loop('audit', AUDIT_CHECK_MS, async (signal) => await auditor.pass(signal));
    }
    const guard = this.#guard;
    if (guard !== undefined) loop('guard', config.quotaGuardIntervalMs, async (signal) => await guard.pass(signal));
    const healLoops = this.#healLoops;
    if (healLoops !== undefined) loop('heal-loops', HEAL_LOOP_CHECK_MS, async (signal) => await healLoops.pass(signal));
    this.#healLoop = loop('heal', config.healIntervalMs, async (signal) => await this.heal.pass(signal));
    const { peers } = this;
    if (peers !== undefined) loop('peers', config.peerIntervalMs, async (signal) => await peers.pass(signal));
    const { usageTeller } = this;
    if (usageTeller !== undefined) {
      loop('usage', config.usageIntervalMs, async (signal) => await usageTeller.pass(signal));
    }
    this.#volfiles = this.#startVolfiles();
  }

  /**
   * Ends everything in order: loops first, then what they use. Never rejects.
   *
   * @returns false when a thread cannot end, because the brick hangs
   */
  async stop(): Promise<boolean> {
    this.#stop.abort();
    const threads = Promise.all([this.worker.stop(), this.#scanWorker.stop(), this.#healEntries.stop()]);
    const ends = [
      ...this.#loops.map(async (loop) => await loop.stopped()),
      this.heal.settled(),
      this.scanner.settled(),
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
    this.#shd.close();
    this.#runtime.stop();
    return (await threads).every(Boolean);
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
    });
  }

  #createPeers(token: string | undefined): Peers | undefined {
    const { peers, volumeId } = this.config;
    if (peers === undefined || token === undefined) return undefined;
    const log = this.#log.child({ part: 'peers' });
    return new Peers({ addresses: peers.split(','), volumeId, token, clock: this.#clock, log });
  }

  #createUsageTeller(): UsageTeller | undefined {
    const { peers, quota, subvolume } = this;
    if (peers === undefined) return undefined;
    return new UsageTeller({
      brick: new WireUsageBrick(this.brick),
      targets: () => quota.limitedTargets(),
      ownSubvolume: subvolume,
      others: (pv) => peers.usageOf(pv),
      subvolumes: () => peers.subvolumes().add(subvolume),
      clock: this.#clock,
      log: this.#log.child({ part: 'usage' }),
    });
  }

  #createQuota(): QuotaEnforcer {
    const { config } = this;
    const layout = layoutOf(config.volumeType, config.brickIndex, config.disperseData);
    // Files on a disperse brick are fragments and on an arbiter empty: Kadalu's wishes cannot be read there.
    const readKadalu = config.kadaluInfo === 'on' && layout.dataFragments === 1 && !layout.isArbiter;
    const quotaFile =
      config.quotaFile === undefined
        ? undefined
        : new QuotaFileSource(config.quotaFile, this.#log.child({ part: 'quota' }));
    return new QuotaEnforcer({
      quotaFile,
      peerWish: (pv) => this.peers?.wishFor(pv),
      backend: new WorkerQuotaBackend(this.worker, readKadalu, () => this.monitor.place),
      brick: new WireQuotaBrick(this.brick),
      layout,
      fence: () => this.monitor.fence,
      clock: this.#clock,
      log: this.#log.child({ part: 'quota' }),
      verifyIntervalMs: config.quotaVerifyIntervalMs,
    });
  }

  #createGuard(): QuotaGuard {
    const { config, brick, quota } = this;
    return new QuotaGuard({
      brick: new WireGuardBrick(brick),
      targets: () => quota.auditTargets().map(({ target }) => target),
      hasFilter: async () => await readQuotaFilter(config.volfileDir, config.brickVolfile),
      isTold: (pv) => this.usageTeller?.usageOf(pv)?.kind === 'Sum',
      clock: this.#clock,
      log: this.#log.child({ part: 'guard' }),
    });
  }

  #createScanner(): UsageScanner {
    const { config, quota, monitor } = this;
    return new UsageScanner({
      port: {
        scan: async (path, options) => {
          const { place } = monitor;
          if (place === undefined) throw new AgentError('BrickFenced', 'the brick is fenced');
          return await this.#scanWorker.scan(path, { ...options, place });
        },
      },
      backend: new WorkerQuotaBackend(this.worker, false, () => monitor.place),
      brick: new WireQuotaBrick(this.brick),
      fence: () => monitor.fence,
      targets: () => quota.scanTargets(),
      take: (target, scan) => quota.takeScan(target, scan),
      clock: this.#clock,
      log: this.#log.child({ part: 'scan' }),
      intervalMs: config.quotaScanIntervalMs,
      wake: () => this.#scanLoop?.wake(),
    });
  }

  #createHealLoops(): HealLoops | undefined {
    const { config, worker, monitor, quota } = this;
    if (config.quotaHealLoops === 'off' || !['Replica2', 'Replica3', 'Arbiter'].includes(config.volumeType)) {
      return undefined;
    }
    // glusterd and Kadalu number the children of a volume by its bricks.
    const own = `${config.volume}-client-${config.brickIndex}`;
    return new HealLoops({
      ports: {
        blames: async (paths, signal) => await worker.call('blames', { paths }, { signal }),
        freeNamespace: async (path, signal) => {
          const { place } = monitor;
          return place !== undefined && (await worker.call('freeNamespace', { place, path, own }, { signal }));
        },
      },
      targets: () => [...quota.states()],
      own,
      remedy: config.quotaHealLoops === 'end',
      clock: this.#clock,
      log: this.#log.child({ part: 'heal-loops' }),
    });
  }

  #createAuditor(): Auditor {
    const { config, worker, processes, brick, quota: subject } = this;
    return new Auditor({
      ports: new BrickAudit({ worker, processes, brick, config, clock: this.#clock }),
      subject,
      clock: this.#clock,
      log: this.#log.child({ part: 'audit' }),
      intervalMs: config.quotaAuditIntervalMs,
      generation: () => brick.generation,
    });
  }

  #createHeal(): HealTracker {
    return new HealTracker({
      source: {
        counts: async (signal) => {
          const input = { processKey: this.processes.brickKey };
          const counts = await this.worker.call('healIndex', input, { signal });
          // A volume with one copy misses nothing that a heal could bring back.
          const isEmptyBrick = this.config.volumeType !== 'Replica1' && counts.isEmptyBrick;
          return { xattrop: counts.xattrop, dirty: counts.dirty, entryChanges: counts['entry-changes'], isEmptyBrick };
        },
      },
      daemon: this.#shd,
      clock: this.#clock,
      log: this.#log.child({ part: 'heal' }),
      wake: () => this.#healLoop?.wake(),
      staleAfterMs: Math.max(STALE_AFTER_MS, 3 * this.config.healIntervalMs),
    });
  }

  #createHealInsight(): HealInsight {
    const { signal } = this.#stop;
    const tallies = new PvTallies({ source: this.#healEntries, clock: this.#clock, signal });
    return new HealInsight({
      config: this.config,
      source: this.#healEntries,
      tally: async () => await tallies.get(),
      daemon: this.#shd,
      status: () => this.heal.status(),
      processes: () => this.processes.views,
      volfiles: () => this.#volfiles?.status() ?? [],
      signal,
    });
  }

  #startVolfiles(): VolfileManager | undefined {
    const { config } = this;
    if (config.volfileDir === undefined) return undefined;
    const brick: VolfileTarget = {
      process: 'brick',
      file: config.brickVolfile,
      pidFile: config.brickPidFile,
      ...(config.brickLogFile === undefined ? {} : { logFile: config.brickLogFile }),
      expected: {
        directory: config.brickPath,
        volumeId: config.volumeId,
        brickName: config.brickName,
        listenPort: config.brickPort,
      },
      probe: async (signal) => await answers(async () => await this.#brickManagement.null(signal)),
    };
    const shd: VolfileTarget = {
      process: 'shd',
      file: config.shdVolfile,
      pidFile: config.shdPidFile,
      ...(config.shdLogFile === undefined ? {} : { logFile: config.shdLogFile }),
      probe: async (signal) => await answers(async () => await this.#shdManagement.null(signal)),
    };
    return new VolfileManager({
      dir: config.volfileDir,
      targets: config.shdExpected ? [brick, shd] : [brick],
      glusterVersion: () => this.brick.majorVersion,
      clock: this.#clock,
      log: this.#log.child({ part: 'volfile' }),
      signal: this.#stop.signal,
    });
  }

  #brickSnapshot(): BrickSnapshot {
    const { config, monitor, worker, brick } = this;
    return {
      info: {
        volumeId: config.volumeId,
        volumeType: config.volumeType,
        brick: config.brickPath,
        brickIndex: config.brickIndex,
        node: config.nodeId ?? '',
        hostname: config.hostname,
      },
      checks: monitor.conditions.map(({ type, status }) => ({ name: type, status })),
      fenced: !monitor.fence.open,
      hung: worker.hungSince !== undefined,
      up: brick.isUp,
      capacity: monitor.capacity,
    };
  }

  #processSnapshots(): ProcessSnapshot[] {
    return this.processes.views.map(({ process, proof, stats }) => {
      // Only a pid file that is missing or names nobody says that the process is not there; the rest is doubt.
      const isGone = proof?.ok === false && (proof.reason === 'NotRunning' || proof.reason === 'PidFileMissing');
      return { process, up: proof?.ok === true ? true : isGone ? false : undefined, stats };
    });
  }

  #volfileSnapshots(): VolfileSnapshot[] {
    return (this.#volfiles?.status() ?? []).map((status) => ({
      process: status.process,
      outcome: status.outcome,
      wantedSha256: status.wantedHash,
      lastReload: status.lastReload,
      lastSuccessAt: status.lastSuccessAt,
      problems: status.problems,
    }));
  }
}

async function answers(ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    // Whatever the reason: it does not answer. The caller asks again and says so.
    return false;
  }
}
