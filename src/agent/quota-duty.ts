import type { Logger } from 'pino';
import { ScanWorker } from '../brick/scan/client.ts';
import type { BrickWorker } from '../brick/worker/client.ts';
import { bricksPerSet } from '../heal/brick-set.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import type { Loop } from '../lib/loop.ts';
import { Auditor } from '../quota/auditor.ts';
import { QuotaEnforcer } from '../quota/enforcer.ts';
import type { GrowthMark } from '../quota/growth.ts';
import { QuotaGuard } from '../quota/guard.ts';
import { HealLoops } from '../quota/heal-loop.ts';
import { layoutOf } from '../quota/layout.ts';
import { CounterRepairer } from '../quota/repairer.ts';
import { UsageScanner } from '../quota/scanner.ts';
import { UsageTeller } from '../quota/usage-teller.ts';
import {
  isDistributed,
  subvolumeOf,
  UNKNOWN_SUBVOLUME,
  volumeUsageState,
  volumeUsageView,
  type VolumeUsageView,
} from '../quota/volume-usage.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { pathSeenBy } from '../volfile/apply.ts';
import { parseGlusterArguments } from '../volfile/cmdline.ts';
import { distributedOver } from '../volfile/distribution.ts';
import { volfileFactReader } from '../volfile/fact-reader.ts';
import { findInstallation } from '../volfile/installation.ts';
import { quotaFilterReader } from '../volfile/quota-filter.ts';
import { Adoption, type AdoptionOptions } from './adoption.ts';
import { BrickAdoption } from './brick-adoption.ts';
import { BrickAudit } from './brick-audit.ts';
import type { BrickDump } from './brick-dump.ts';
import type { BrickMonitor } from './brick-monitor.ts';
import type { Config } from './config/load.ts';
import type { PeerAccess } from './peer-http.ts';
import { Peers } from './peers.ts';
import type { ProcessMonitor } from './process-monitor.ts';
import { QuotaFileSource } from './quota-file-source.ts';
import { WireQuotaBrick, WireUsageBrick, WorkerQuotaBackend } from './quota-adapters.ts';
import { RefusalWatch } from './refusal-watch.ts';
import { WireCounterBrick } from './wire-counter.ts';
import { WireGuardBrick } from './wire-guard.ts';

/** Pause between two looks whether an audit is due, in milliseconds; a restarted brick is audited soon. */
const AUDIT_CHECK_MS = 2_000;
/** Pause between two looks for heals that go round, in milliseconds; each costs some 60 µs a PV. */
const HEAL_LOOP_CHECK_MS = 5_000;
/** Pause between two looks whether a PV is due for a scan, in milliseconds; each finished scan starts the next at once. */
const SCAN_CHECK_MS = 2_000;

/** Pause between two looks whether a counter is to be set right, in milliseconds; finished scans are judged then. */
const REPAIR_CHECK_MS = 2_000;

/** Pause between two looks at the brick's log for refused writes, in milliseconds; one at a log that has not grown is one stat. */
const REFUSALS_CHECK_MS = 5_000;

/** Pause between two looks whether a PV is to be adopted, in milliseconds; what is asked for begins at once. */
const ADOPTION_CHECK_MS = 5_000;
/** Pause between two looks at the clients' volfile, in milliseconds: how many subvolumes there are changes once in years. */
const DISTRIBUTION_CHECK_MS = 60_000;
/** Rounds that a subvolume may miss before its word is called stale, or the sum is told without it. */
const ROUNDS_MISSED = 6;
/** What an audit within an adoption says holds this long, in milliseconds, where regular audits are off. */
const AUDIT_VALID_MS = 900_000;

export interface QuotaParts {
  config: Config;
  worker: BrickWorker;
  brick: BrickClient;
  monitor: BrickMonitor;
  processes: ProcessMonitor;
  dump: BrickDump;
  clock: Clock;
  log: Logger;
  /** Undefined: no peers are asked. */
  access: PeerAccess | undefined;
  /** What the brick has been asked to write; undefined: it does not tell. */
  growth: (signal: AbortSignal) => Promise<GrowthMark | undefined>;
  /** Why this brick's objects wait for heal; undefined: none does. */
  healing: () => string | undefined;
  disruption: AdoptionOptions['disruption'];
}

export type StartLoop = (name: string, intervalMs: number, pass: (signal: AbortSignal) => Promise<void>) => Loop;

/** All that quota needs to run: limits, usage, audit, guard, peers. */
export class QuotaDuty {
  readonly enforcer: QuotaEnforcer;
  readonly scanner: UsageScanner;
  /** Undefined when no peers are configured. */
  readonly peers: Peers | undefined;
  /** Number of the replica or disperse set of this brick. */
  readonly subvolume: number;
  /** Undefined when no peers are configured, or the sets cannot be told apart. */
  readonly usageTeller: UsageTeller | undefined;
  readonly guard: QuotaGuard | undefined;
  readonly repairer: CounterRepairer;
  readonly adoption: Adoption;
  readonly #audit: BrickAudit;
  readonly healLoops: HealLoops | undefined;
  readonly #parts: QuotaParts;
  readonly #scanWorker: ScanWorker;
  readonly #synced = Promise.withResolvers<void>();
  readonly #refusals: RefusalWatch;
  /** Subvolumes of the volume by the clients' volfile; undefined: not known. */
  #distributedOver: number | undefined;
  #quotaLoop: Loop | undefined;
  #scanLoop: Loop | undefined;
  #repairLoop: Loop | undefined;
  #adoptionLoop: Loop | undefined;

  constructor(parts: QuotaParts) {
    const { config, clock, log, access } = parts;
    this.#parts = parts;
    this.peers = this.#createPeers(access);
    this.#refusals = this.#createRefusals();
    this.enforcer = this.#createQuota();
    const perSubvolume = bricksPerSet(config.volumeType, config.disperseData, config.disperseRedundancy);
    this.subvolume = perSubvolume === undefined ? 0 : subvolumeOf(config.brickIndex, perSubvolume);
    this.usageTeller = perSubvolume === undefined ? undefined : this.#createUsageTeller();
    this.#scanWorker = new ScanWorker({
      brickPath: config.brickPath,
      deadlineMs: config.brickDeadlineMs,
      clock,
      log: log.child({ part: 'scan' }),
    });
    this.scanner = this.#createScanner();
    this.repairer = this.#createRepairer();
    const { worker, dump, brick } = parts;
    this.#audit = new BrickAudit({ worker, dump, brick });
    this.adoption = this.#createAdoption();
    this.healLoops = this.#createHealLoops();
    this.guard = config.quotaGuardIntervalMs > 0 ? this.#createGuard() : undefined;
  }

  /** Resolves when every PV was looked at once. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Begins the next pass over the limits now: the brick is another process, or the fence has moved. */
  wake(): void {
    this.#quotaLoop?.wake();
  }

  /** Of how many PVs the volume's usage is known, and of how many it is not; empty where the volume is not distributed. */
  volumeUsageStates(): Map<VolumeUsageView['state'], number> {
    const counts = new Map<VolumeUsageView['state'], number>();
    if (!this.#isDistributed()) return counts;
    for (const { pv, desired } of this.enforcer.states()) {
      if (desired.limitBytes === undefined) continue;
      const { usageTeller } = this;
      const state =
        usageTeller === undefined ? NO_PEERS.state : volumeUsageState(usageTeller.usageOf(pv), this.#staleMs);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * What limits go by on a distributed volume, for use at once: there may be 10,000 PVs to ask for.
   *
   * @returns undefined where the volume is not distributed, as far as is known; the function's: nobody limits the PV here
   */
  volumeUsages(): ((pv: string) => VolumeUsageView | undefined) | undefined {
    if (!this.#isDistributed()) return undefined;
    const { usageTeller, peers, subvolume } = this;
    const agents = peers?.tellers() ?? [];
    return (pv) => {
      if (this.enforcer.state(pv)?.desired.limitBytes === undefined) return undefined;
      if (usageTeller === undefined) return NO_PEERS;
      const told = { own: subvolume, bricks: peers?.usageOf(pv) ?? [], agents };
      return volumeUsageView(usageTeller.usageOf(pv), this.#staleMs, told);
    };
  }

  #isDistributed(): boolean {
    return isDistributed(this.subvolume, this.#subvolumes());
  }

  /** Older than this is no word of an agent that still answers; milliseconds. */
  get #staleMs(): number {
    const { usageIntervalMs, peerIntervalMs } = this.#parts.config;
    return ROUNDS_MISSED * (usageIntervalMs + peerIntervalMs);
  }

  /** Of the clients' volfile and the peers. With the volfile all are known, and a peer that is silent is of one of those. */
  #subvolumes(): Set<number> {
    const known = this.peers?.subvolumes() ?? new Set<number>();
    known.add(this.subvolume);
    if (this.#distributedOver === undefined) return known;
    known.delete(UNKNOWN_SUBVOLUME);
    for (let number = 0; number < this.#distributedOver; number += 1) known.add(number);
    return known;
  }

  start(loop: StartLoop): void {
    const { config } = this.#parts;
    const { guard, healLoops, peers, usageTeller } = this;
    this.#quotaLoop = loop('quota', config.quotaIntervalMs, async (signal) => {
      await this.enforcer.pass(signal);
      if (this.enforcer.hasSynced) this.#synced.resolve();
    });
    this.#scanLoop = loop('scan', SCAN_CHECK_MS, async (signal) => await this.scanner.pass(signal));
    this.#repairLoop = loop('repair', REPAIR_CHECK_MS, async (signal) => await this.repairer.pass(signal));
    const refusals = this.#refusals;
    loop('refused-writes', REFUSALS_CHECK_MS, async (signal) => {
      // Not while the agent starts: that has other things to do.
      if (this.enforcer.hasSynced) await refusals.pass(signal);
    });
    const { adopter } = this.adoption;
    this.#adoptionLoop = loop('adoption', ADOPTION_CHECK_MS, async (signal) => await adopter.pass(signal));
    if (config.quotaAuditIntervalMs > 0) {
      const auditor = this.#createAuditor();
      loop('audit', AUDIT_CHECK_MS, async (signal) => await auditor.pass(signal));
    }
    if (guard !== undefined) loop('guard', config.quotaGuardIntervalMs, async (signal) => await guard.pass(signal));
    if (healLoops !== undefined) loop('heal-loops', HEAL_LOOP_CHECK_MS, async (signal) => await healLoops.pass(signal));
    if (peers !== undefined) loop('peers', config.peerIntervalMs, async (signal) => await peers.pass(signal));
    const { volfileDir, volfileStaging, clientVolfile } = config;
    const readDistribution = volfileFactReader(volfileStaging ?? volfileDir, clientVolfile, distributedOver);
    const distribution = loop('distribution', DISTRIBUTION_CHECK_MS, async () => {
      // Not while the agent starts.
      if (!this.enforcer.hasSynced) return;
      this.#distributedOver = (await readDistribution()) ?? this.#distributedOver;
    });
    void this.synced.then(() => distribution.wake());
    if (usageTeller !== undefined) {
      loop('usage', config.usageIntervalMs, async (signal) => await usageTeller.pass(signal));
    }
  }

  /** @returns false when its thread cannot end, because the brick hangs */
  async stop(): Promise<boolean> {
    const [ended] = await Promise.all([this.#scanWorker.stop(), this.scanner.settled()]);
    return ended;
  }

  #createPeers(access: PeerAccess | undefined): Peers | undefined {
    const { peers, volumeId, brickIndex } = this.#parts.config;
    if (peers === undefined || access === undefined) return undefined;
    const log = this.#parts.log.child({ part: 'peers' });
    return new Peers({ addresses: peers.split(','), volumeId, brickIndex, access, clock: this.#parts.clock, log });
  }

  #createUsageTeller(): UsageTeller | undefined {
    const { peers, enforcer, subvolume } = this;
    if (peers === undefined) return undefined;
    return new UsageTeller({
      brick: new WireUsageBrick(this.#parts.brick),
      targets: () => enforcer.limitedTargets(),
      ownSubvolume: subvolume,
      others: (pv) => peers.usageOf(pv),
      subvolumes: () => this.#subvolumes(),
      patienceMs: ROUNDS_MISSED * this.#parts.config.usageIntervalMs,
      growth: this.#parts.growth,
      clock: this.#parts.clock,
      log: this.#parts.log.child({ part: 'usage' }),
    });
  }

  #createQuota(): QuotaEnforcer {
    const { config } = this.#parts;
    const { peers } = this;
    const layout = layoutOf(config.volumeType, config.brickIndex, config.disperseData);
    // Files on a disperse brick are fragments and on an arbiter empty: Kadalu's wishes cannot be read there.
    const readKadalu = config.kadaluInfo === 'on' && layout.dataFragments === 1 && !layout.isArbiter;
    const log = this.#parts.log.child({ part: 'quota' });
    const quotaFile = config.quotaFile === undefined ? undefined : new QuotaFileSource(config.quotaFile, log);
    const { worker, monitor } = this.#parts;
    return new QuotaEnforcer({
      quotaFile,
      peerWish: peers === undefined ? undefined : (pv) => peers.wishFor(pv),
      peerWord: peers === undefined ? undefined : (pv) => peers.wordOf(pv),
      backend: new WorkerQuotaBackend(worker, readKadalu, () => monitor.place, log),
      brick: new WireQuotaBrick(this.#parts.brick),
      layout,
      refusedWrites: this.#refusals,
      fence: () => this.#parts.monitor.fence,
      clock: this.#parts.clock,
      log,
      verifyIntervalMs: config.quotaVerifyIntervalMs,
      growth: this.#parts.growth,
    });
  }

  #createRefusals(): RefusalWatch {
    const { config, worker, processes, clock } = this.#parts;
    return new RefusalWatch({
      logFile: () => {
        if (config.brickLogFile !== undefined) return config.brickLogFile;
        const proof = processes.views.find(({ process }) => process === 'brick')?.proof;
        if (proof?.ok !== true) return undefined;
        const { logFile } = parseGlusterArguments(proof.process.cmdline);
        return logFile === undefined ? undefined : pathSeenBy(proof.process.pid, logFile);
      },
      locate: async (gfids, signal) => await worker.call('locate', { gfids }, { signal }),
      clock,
    });
  }

  #createGuard(): QuotaGuard {
    const { config, brick } = this.#parts;
    const { enforcer } = this;
    return new QuotaGuard({
      brick: new WireGuardBrick(brick),
      targets: () => enforcer.limitedTargets(),
      isThere: (pv) => enforcer.state(pv) !== undefined,
      hasFilter: quotaFilterReader(config.volfileStaging ?? config.volfileDir, config.brickVolfile),
      growth: this.#parts.growth,
      isTold: (pv) => this.usageTeller?.isTold(pv) === true,
      doubt: (pvs) => {
        enforcer.doubt(pvs);
        this.wake();
      },
      clock: this.#parts.clock,
      log: this.#parts.log.child({ part: 'guard' }),
    });
  }

  #createScanner(): UsageScanner {
    const { config, monitor } = this.#parts;
    const { enforcer } = this;
    return new UsageScanner({
      port: {
        scan: async (path, options) => {
          const { place } = monitor;
          if (place === undefined) throw new AgentError('BrickFenced', 'the brick is fenced');
          return await this.#scanWorker.scan(path, { ...options, place });
        },
      },
      backend: new WorkerQuotaBackend(this.#parts.worker, false, () => monitor.place),
      brick: new WireQuotaBrick(this.#parts.brick),
      fence: () => monitor.fence,
      targets: enforcer.scanTargets,
      take: (target, scan) => enforcer.takeScan(target, scan),
      clock: this.#parts.clock,
      log: this.#parts.log.child({ part: 'scan' }),
      intervalMs: config.quotaScanIntervalMs,
      wake: (pv) => {
        this.repairer.note(pv);
        this.#scanLoop?.wake();
        this.#repairLoop?.wake();
      },
    });
  }

  #createRepairer(): CounterRepairer {
    const { config, worker, monitor, brick, healing, clock, log } = this.#parts;
    const { enforcer, scanner } = this;
    return new CounterRepairer({
      brick: new WireCounterBrick(brick),
      fence: () => monitor.fence,
      targets: enforcer.repairTargets,
      take: (pv, view) => enforcer.takeRepair(pv, view),
      scans: {
        request: (pv) => scanner.request(pv),
        isPending: (pv) => scanner.isPending(pv),
        isCancelled: (pv) => scanner.isCancelled(pv),
      },
      heldBytes: async (signal) => {
        const bytes = await worker.call('heldBytes', {}, { signal });
        if (bytes === undefined) throw new AgentError('Conflict', 'too many files of the brick are open and deleted');
        return BigInt(bytes);
      },
      healing,
      refusal:
        config.volumeType === 'Arbiter' && layoutOf(config.volumeType, config.brickIndex, undefined).isArbiter
          ? "an arbiter's counters mean nothing"
          : undefined,
      automatic: config.quotaRepair === 'auto',
      clock,
      log: log.child({ part: 'repair' }),
    });
  }

  #createAdoption(): Adoption {
    const { config, worker, brick, monitor, processes, disruption, access, clock, log } = this.#parts;
    const { enforcer, repairer } = this;
    const repair = (pv: string): void => {
      if (enforcer.repairTargets.get(pv) !== undefined) repairer.request(pv);
    };
    const own = new BrickAdoption({
      worker,
      brick,
      audit: this.#audit,
      targets: () => enforcer.limitedTargets(),
      takeAudits: (audits) => enforcer.takeAudits(audits),
      place: () => monitor.place,
      repair,
      now: () => clock.now(),
      auditValidMs: config.quotaAuditIntervalMs > 0 ? 3 * config.quotaAuditIntervalMs : AUDIT_VALID_MS,
    });
    return new Adoption({
      config,
      own,
      backend: new WorkerQuotaBackend(worker, false, () => monitor.place),
      targets: () => enforcer.adoptionTargets(),
      disruption,
      access,
      repair,
      version: async () => {
        const proof = processes.views.find(({ process }) => process === 'brick')?.proof;
        return proof?.ok === true ? (await findInstallation(proof.process.pid))?.version : undefined;
      },
      clock,
      log: log.child({ part: 'adoption' }),
      wake: () => this.#adoptionLoop?.wake(),
    });
  }

  #createHealLoops(): HealLoops | undefined {
    const { config, worker, monitor } = this.#parts;
    const { enforcer } = this;
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
          if (place === undefined) return false;
          enforcer.leaveToHeal(path);
          return await worker.call('freeNamespace', { place, path, own }, { signal });
        },
      },
      targets: () => [...enforcer.states()],
      own,
      take: (sinks) => enforcer.takeHealLoops(sinks),
      remedy: config.quotaHealLoops === 'end',
      clock: this.#parts.clock,
      log: this.#parts.log.child({ part: 'heal-loops' }),
    });
  }

  #createAuditor(): Auditor {
    const { config, brick } = this.#parts;
    const { enforcer: subject } = this;
    return new Auditor({
      ports: this.#audit,
      subject,
      clock: this.#parts.clock,
      log: this.#parts.log.child({ part: 'audit' }),
      intervalMs: config.quotaAuditIntervalMs,
      generation: () => brick.generation,
    });
  }
}

const NO_PEERS: VolumeUsageView = {
  state: 'Incomplete',
  usedBytes: null,
  ageSeconds: null,
  message:
    'the volume is distributed, and this agent knows none of the other subvolumes: each of them lets the whole limit be stored; configure peers and apiTokenFile',
  parts: [],
  silent: [],
};
