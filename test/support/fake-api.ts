/** An agent as the HTTP routes see it: answers from memory, with every member of every view filled in. */
import { pino } from 'pino';
import type { DoctorView } from '../../src/agent/http/doctor-schema.ts';
import type {
  AdoptAnswer,
  AdoptionStatusView,
  AdoptQuestion,
  HealEntriesView,
  HealEntryView,
  HealExplainView,
  HealOperationView,
  HealPvsView,
  HealView,
  ScanStatusView,
  VolfileListView,
} from '../../src/agent/http/schemas.ts';
import type {
  DisruptionView,
  PeerHeal,
  PeerObjects,
  PeerUses,
  PeerObjectsQuery,
  PreStopView,
  SplitBrainView,
} from '../../src/agent/http/heal-schemas.ts';
import type { ReplacementRequest, ReplacementView } from '../../src/agent/http/replacement-schemas.ts';
import type { ChangelogChange, ResolutionView, ResolveRequest } from '../../src/agent/http/resolve-schemas.ts';
import type {
  ApiServices,
  DisruptionService,
  ResolveService,
  SplitBrainService,
  HealEntriesService,
  HealService,
  QuotaService,
  ShownQuota,
  AdoptionService,
  RepairService,
  ScanService,
  VolfilePlanService,
} from '../../src/agent/http/services.ts';
import type {
  VolfileDiffRequest,
  VolfilePlanListView,
  VolfilePlanRequest,
  VolfilePlanView,
} from '../../src/agent/http/volfile-plan-schemas.ts';
import type { Condition } from '../../src/lib/conditions.ts';
import { AgentError } from '../../src/lib/errors.ts';
import { claimText, type PvClaim } from '../../src/quota/claim.ts';
import { usageView } from '../../src/quota/usage.ts';

const TIME = '2026-01-02T03:04:05.000Z';

export const silentPino = pino({ level: 'silent' });

export function condition(type: string, status: Condition['status'] = 'True', reason = 'AsWanted'): Condition {
  return { type, status, reason, message: `${reason}, in words`, observedGeneration: 1, lastTransitionTime: TIME };
}

export function quotaView(pv: string, limitBytes: bigint | null): ShownQuota {
  const limit = limitBytes === null ? null : String(limitBytes);
  return {
    pv,
    path: `subvol/ab/cd/${pv}`,
    spec: {
      limitBytes: limit,
      source: limit === null ? null : 'Api',
      sources: limit === null ? [] : [{ source: 'Api', limitBytes: limit, peer: null }],
      claim: limit === null ? null : { namespace: 'shop', name: `data-${pv}` },
    },
    status: {
      gfid: '11111111-1111-4111-8111-111111111111',
      brickLimitBytes: limit,
      onDiskLimitBytes: limit,
      liveLimitBytes: limit,
      usedBytes: '4096',
      usage: usageView(undefined, 4096n),
      volumeUsage: {
        state: 'Stale',
        usedBytes: '8192',
        ageSeconds: 42,
        message: 'a part of the sum is 42 s old',
        parts: [{ subvolume: 1, usedBytes: '4096', ageSeconds: 42, agent: '10.0.0.2:9746' }],
        silent: [{ agent: '10.0.0.2:9746', subvolume: 1, message: 'does not answer: ECONNREFUSED' }],
      },
      repair: {
        state: 'Repaired',
        reason: 'CounterShifted',
        message: 'the counter was lowered',
        at: TIME,
        shiftedBytes: '-4096',
        requested: false,
      },
      refusedWrites: { lastAt: null, since: '2026-11-01T00:00:00.000Z' },
      tampering: { off: 0, faked: 0 },
      adoption: null,
      observedGeneration: 1,
      conditions: [condition('OnDisk'), condition('Live'), condition('Enforced', 'Unknown', 'NotAudited')],
    },
  };
}

export class FakeQuotas implements QuotaService {
  hasSynced = true;
  refusals = [{ file: 'info/subvol/ab/cd/bad.json', reason: 'is not JSON' }];
  /** Limits by PV; null: a PV without one. */
  readonly limits = new Map<string, bigint | null>([
    ['pvc-1', 10n * 1024n ** 3n],
    ['pvc-free', null],
  ]);
  readonly calls: string[] = [];
  /** Thrown by every change. */
  failure: Error | undefined;

  list(): ShownQuota[] {
    return [...this.limits].map(([pv, limit]) => quotaView(pv, limit));
  }

  get(pv: string): ShownQuota | undefined {
    const limit = this.limits.get(pv);
    return limit === undefined ? undefined : quotaView(pv, limit);
  }

  async setLimit(
    pv: string,
    { limitBytes, claim }: { limitBytes: bigint; claim?: PvClaim | null | undefined },
  ): Promise<{ view: ShownQuota; created: boolean }> {
    const told = claim === undefined ? '' : ` ${claim === null ? 'unclaimed' : claimText(claim)}`;
    const before = await this.#change(`set ${pv} ${limitBytes}${told}`, pv);
    this.limits.set(pv, limitBytes);
    return { view: quotaView(pv, limitBytes), created: before === null };
  }

  async removeLimit(pv: string): Promise<ShownQuota> {
    await this.#change(`remove ${pv}`, pv);
    this.limits.set(pv, null);
    return quotaView(pv, null);
  }

  async #change(call: string, pv: string): Promise<bigint | null> {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
    const before = this.limits.get(pv);
    if (before === undefined) throw new AgentError('NotFound', `no PV "${pv}" on this brick`);
    return await Promise.resolve(before);
  }
}

export function operationView(id: string, kind: 'index' | 'full' = 'index'): HealOperationView {
  return {
    id,
    kind,
    state: 'Running',
    accepted: true,
    children: [{ xlator: 'pool1-replicate-0', child: 0, status: 'Started', explanation: null }],
    startedAt: TIME,
    answeredAt: TIME,
    finishedAt: null,
    backlogAtStart: 1200,
    backlogNow: 900,
    crawl: { healed: 300, failed: 2, splitBrain: 0 },
    message: 'the heal daemon has started',
  };
}

export class FakeScans implements ScanService {
  readonly requested: string[] = [];
  readonly cancelled: string[] = [];
  failure: Error | undefined;

  status(): ScanStatusView {
    return {
      running: {
        pv: 'pvc-1',
        startedAt: TIME,
        files: 1000,
        diskBytes: '4096000',
        filesPerSecond: 250.5,
        totalFiles: 2000,
        etaSeconds: 4,
      },
      requested: this.requested,
      failed: [{ pv: 'pvc-free', message: 'a scan hangs' }],
      cancelled: this.cancelled.map((pv) => ({ pv, at: TIME })),
    };
  }

  request(pv: string): void {
    if (this.failure !== undefined) throw this.failure;
    this.requested.push(pv);
  }

  async cancel(pv: string): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure;
    const place = this.requested.indexOf(pv);
    if (place === -1) return false;
    this.requested.splice(place, 1);
    this.cancelled.push(pv);
    return true;
  }
}

export class FakeRepairs implements RepairService {
  readonly requested: string[] = [];
  failure: Error | undefined;

  request(pv: string): void {
    if (this.failure !== undefined) throw this.failure;
    this.requested.push(pv);
  }
}

export class FakeAdoptions implements AdoptionService {
  readonly started: string[] = [];
  failure: Error | undefined;

  start(pv: string): AdoptionStatusView {
    if (this.failure !== undefined) throw this.failure;
    this.started.push(pv);
    return adoptionView(pv);
  }

  get(pv: string): AdoptionStatusView | undefined {
    return pv === 'pvc-1' ? { ...adoptionView(pv), state: 'Succeeded', finishedAt: TIME, wrong: 0 } : undefined;
  }

  async answer(question: AdoptQuestion): Promise<AdoptAnswer> {
    if (this.failure !== undefined) throw this.failure;
    return { instance: question.instance, brickIndex: 2, done: true, moved: 3, wrong: 0 };
  }
}

function adoptionView(pv: string): AdoptionStatusView {
  return {
    pv,
    state: 'Running',
    step: 'Directories',
    message: 'directories are put in their place',
    startedAt: TIME,
    finishedAt: null,
    directories: 0,
    wrong: null,
    againAt: null,
  };
}

export function healEntryView(gfid = '11111111-1111-4111-8111-111111111111'): HealEntryView {
  return {
    gfid,
    state: 'Pending',
    type: 'file',
    paths: ['/subvol/ab/cd/pvc-1/a\\x0ab'],
    unknownNames: 0,
    pv: 'pvc-1',
    kinds: ['data'],
    blames: [{ child: 'pool1-client-2', isSelf: false, data: 1, metadata: 0, entry: 0 }],
    dirty: null,
    disperse: null,
    changedAt: TIME,
    since: TIME,
    sinceFrom: 'Changed',
    isNamespace: false,
  };
}

export class FakeHeal implements HealService {
  readonly operations = new Map<string, HealOperationView>();
  state: HealView['state'] = 'Progressing';
  failure: Error | undefined;

  view(): HealView {
    return {
      state: this.state,
      message: 'the backlog falls',
      pending: { xattrop: 900, dirty: 0, entryChanges: null },
      observedAt: TIME,
      pendingSince: TIME,
      oldest: { gfid: '11111111-1111-4111-8111-111111111111', since: TIME, sinceFrom: 'Changed', ofAll: true },
      leftDirty: { objects: 0, ofAll: true },
      inPerSecond: 0.5,
      outPerSecond: 20.25,
      etaSeconds: 61,
      notServing: null,
      splitBrain: 0,
      conditions: [
        {
          type: 'HealUnobstructed',
          status: 'False',
          reason: 'SinkDown',
          message: 'no connection to pool1-client-1: start it',
          observedGeneration: 0,
          lastTransitionTime: TIME,
        },
      ],
      daemon: {
        state: 'Running',
        pid: 77,
        startedAt: TIME,
        restarts: 2,
        message: 'running',
        bricks: [
          { xlator: 'pool1-replicate-0', name: 'pool1-client-0', isOwnSet: true, isConnected: true },
          { xlator: 'pool1-replicate-0', name: 'pool1-client-1', isOwnSet: true, isConnected: null },
        ],
        crawls: {
          askedAt: TIME,
          newest: [
            { kind: 'index', running: 1, bricks: 2, healed: 70, failed: 2, splitBrain: 0 },
            { kind: 'full', running: 0, bricks: 1, healed: 900, failed: 0, splitBrain: 1 },
          ],
        },
        conditions: [
          {
            type: 'BricksConnected',
            status: 'Unknown',
            reason: 'NotSaid',
            message: 'it does not say',
            observedGeneration: 0,
            lastTransitionTime: TIME,
          },
        ],
      },
      operations: [...this.operations.values()],
    };
  }

  operation(id: string): HealOperationView | undefined {
    return this.operations.get(id);
  }

  start(kind: 'index' | 'full'): HealOperationView {
    if (this.failure !== undefined) throw this.failure;
    const id = `heal-${kind}`;
    const operation = this.operations.get(id) ?? operationView(id, kind);
    this.operations.set(id, operation);
    return operation;
  }
}

export function volfilePlan(): VolfilePlanView {
  return {
    process: 'brick',
    file: 'brick.vol',
    kind: 'options',
    action: 'restart',
    restartBy: 'person',
    outcome: 'RestartRequired',
    reason: 'OptionNeedsRestart',
    message: 'only a restart changes o2-thread-count',
    wantedSha256: 'a'.repeat(64),
    runningSha256: null,
    changes: [{ volume: 'v', type: 'a/b', key: 'k', from: null, to: '1', live: 'restart' }],
    differences: [],
    problems: [{ id: 'VF010', severity: 'warning', line: 3, column: null, message: 'twice', remedy: 'once' }],
  };
}

/** Answers always the same, and keeps what it was asked. */
class FakeVolfilePlans implements VolfilePlanService {
  readonly calls: (VolfileDiffRequest | VolfilePlanRequest)[] = [];

  async diff(request: VolfileDiffRequest): Promise<VolfilePlanView> {
    this.calls.push(request);
    return await Promise.resolve(volfilePlan());
  }

  async plan(request: VolfilePlanRequest): Promise<VolfilePlanListView> {
    this.calls.push(request);
    return await Promise.resolve({ items: [volfilePlan()] });
  }
}

export function volfileList(): VolfileListView {
  return {
    configured: true,
    items: [
      {
        process: 'brick',
        file: 'pool1.server.brick.vol',
        outcome: 'Rejected',
        reason: 'LintError',
        message: 'the volfile has 1 error',
        wantedSha256: 'a'.repeat(64),
        runningSha256: 'b'.repeat(64),
        since: TIME,
        problems: [
          {
            id: 'auth-path-missing',
            severity: 'error',
            line: 12,
            column: 3,
            message: 'protocol/server has no auth-path',
            remedy: 'add option auth-path',
          },
        ],
        conditions: [condition('Valid', 'False', 'LintError'), condition('InForce', 'Unknown', 'LintError')],
        changes: ['pool1-posix: health-check-interval 30 -> 10'],
        lastReload: { how: 'reload', at: TIME, success: false, durationMs: 120 },
        restart: { policy: 'auto', waitsFor: 'PeerDown: brick 2 does not serve', succeeded: 1, failed: 0 },
        history: [
          {
            at: TIME,
            plan: 'refuse',
            outcome: 'Rejected',
            reason: 'LintError',
            message: 'the volfile has 1 error',
            wantedSha256: 'a'.repeat(64),
            durationMs: null,
          },
        ],
      },
      {
        process: 'shd',
        file: 'glustershd.vol',
        outcome: 'Unverified',
        reason: 'RunningGraphUnknown',
        message: 'what the process runs is not known',
        wantedSha256: null,
        runningSha256: null,
        since: null,
        problems: [],
        conditions: [condition('Valid', 'False', 'LintError'), condition('InForce', 'Unknown', 'LintError')],
        changes: [],
        lastReload: null,
        restart: { policy: 'off', waitsFor: null, succeeded: 0, failed: 0 },
        history: [],
      },
    ],
  };
}

export class FakeHealEntries implements HealEntriesService {
  readonly calls: unknown[] = [];
  pages: HealEntriesView[] = [{ index: 'xattrop', items: [healEntryView()], next: null }];

  async page(request: unknown): Promise<HealEntriesView> {
    this.calls.push(request);
    const page = this.pages[this.calls.length - 1];
    if (page === undefined) throw new AgentError('BrickHung', 'the brick has not answered');
    return await Promise.resolve(page);
  }

  async pvs(): Promise<HealPvsView> {
    const items = [{ pv: 'pvc-1', objects: 7 }];
    return await Promise.resolve({ items, outside: 2, unknown: 1, stale: 1, complete: true, takenAt: TIME });
  }

  uses(pvs: readonly string[]): PeerUses {
    const uses = pvs.map((pv) => ({ pv, usedBytes: '7', limitBytes: '9', excessBytes: null }));
    return { volumeId: '2b9e329c-bdb8-11ee-989f-4e09040b9c74', brickIndex: 1, uses };
  }

  async explain(object: string | undefined): Promise<HealExplainView> {
    this.calls.push(object);
    return await Promise.resolve({
      backlog: { state: 'Progressing', reason: 'Falling', message: 'the backlog falls' },
      entry: object === undefined ? null : healEntryView(),
      findings: [{ reason: 'SinkDown', severity: 'error', message: 'no connection', remedy: 'start that brick' }],
    });
  }
}

export class FakeDisruption implements DisruptionService {
  verdict: DisruptionView['verdict'] = 'Unsafe';
  readonly calls: string[] = [];

  async check(): Promise<DisruptionView> {
    const backlog = { state: 'Progressing', message: '7 objects wait for heal', pending: 7 } as const;
    return await Promise.resolve({
      verdict: this.verdict,
      reasons: this.verdict === 'Safe' ? [] : [DISRUPTION_REASON],
      bricks: [{ brickIndex: 2, notServing: null, servingForMs: 60_000, backlog, isStopping: false }],
    });
  }

  async claim(forMs: number): Promise<DisruptionView> {
    this.calls.push(`claim ${forMs}`);
    return await this.check();
  }

  release(): void {
    this.calls.push('release');
  }

  async preStop(waitMs: number): Promise<PreStopView> {
    this.calls.push(`preStop ${waitMs}`);
    const { verdict, reasons } = await this.check();
    return { verdict, reasons, isDown: false, waitedMs: 5, flushed: 3, unflushed: 0 };
  }

  async report(): Promise<PeerHeal> {
    return await Promise.resolve({
      volumeId: '2b9e329c-bdb8-11ee-989f-4e09040b9c74',
      instance: '33333333-3333-4333-8333-333333333333',
      brickIndex: 2,
      notServing: null,
      servingForMs: 60_000,
      backlog: { state: 'Complete', message: 'nothing waits', pending: 0, isEmpty: false },
      blames: [],
      isStopping: false,
    });
  }
}

const DISRUPTION_REASON = {
  code: 'OwnBacklog',
  verdict: 'Unsafe',
  brickIndex: 2,
  message: 'other bricks are still healed from this one',
  remedy: 'wait',
} as const;

export class FakeSplitBrain implements SplitBrainService {
  readonly calls: PeerObjectsQuery[] = [];

  view(): SplitBrainView {
    const gfid = '11111111-1111-4111-8111-111111111111';
    const copy = { isArbiter: false, modifiedAt: TIME, mode: '100644', uid: 0, gid: 0, named: null };
    return {
      unknown: null,
      checkedAt: TIME,
      items: [
        {
          gfid,
          kinds: ['data'],
          type: 'file',
          path: '/subvol/ab/cd/pvc-1/a\\x0ab',
          pv: 'pvc-1',
          since: TIME,
          confirmedAt: TIME,
          copies: [0, 1].map((brickIndex) => {
            const blames = [{ brickIndex: 1 - brickIndex, data: 1, metadata: 0, entry: 0 }];
            return Object.assign({ brickIndex, state: 'present' as const, size: 3 + brickIndex, blames }, copy);
          }),
        },
      ],
    };
  }

  async objects(query: PeerObjectsQuery): Promise<PeerObjects> {
    this.calls.push(query);
    const { volumeId, instance, brickIndex } = await new FakeDisruption().report();
    const counters = { 'trusted.afr.pool1-client-1': '000000010000000000000000' };
    const copy = { type: 'file' as const, size: 3, modifiedAt: 0, mode: 0o100644, uid: 0, gid: 0, counters, names: [] };
    return { volumeId, instance, brickIndex, copies: query.gfids.map(() => copy), named: query.names.map(() => null) };
  }
}

export class FakeResolve implements ResolveService {
  readonly calls: (ResolveRequest | ChangelogChange)[] = [];

  async resolve(request: ResolveRequest): Promise<ResolutionView> {
    this.calls.push(request);
    const gfid = '11111111-1111-4111-8111-111111111111';
    const plan = { refusal: null, source: 1, keepers: [1], losers: [0], removals: [] };
    const steps = [{ brickIndex: 0, child: 'pool1-client-1', data: -1, metadata: 0 }];
    const results = [{ gfid, outcome: 'Healed' as const, message: 'all copies are that of brick 1' }];
    return await Promise.resolve({
      plan: '0123456789abcdef',
      items: [{ gfid, path: '/subvol/ab/cd/pvc-1/a', kinds: ['data'], steps, ...plan }],
      results: request.plan === undefined ? null : results,
    });
  }

  async crawl(): Promise<void> {
    await Promise.resolve();
  }

  async removeName(): Promise<void> {
    await Promise.resolve();
  }

  async change(change: ChangelogChange): Promise<void> {
    this.calls.push(change);
    await Promise.resolve();
  }
}

export class FakeServices implements ApiServices {
  readonly quotas = new FakeQuotas();
  readonly scans = new FakeScans();
  readonly repairs = new FakeRepairs();
  readonly adoptions = new FakeAdoptions();
  readonly heal = new FakeHeal();
  readonly healEntries = new FakeHealEntries();
  readonly disruption = new FakeDisruption();
  readonly splitBrain = new FakeSplitBrain();
  readonly resolve = new FakeResolve();
  readonly replacement = {
    replace: async ({ brick = 0, plan }: ReplacementRequest): Promise<ReplacementView> => {
      const step = { brickIndex: 1, child: 'pool1-client-0', data: 1, metadata: 1, entry: 1 };
      const results = plan === undefined ? null : [{ brickIndex: 1, failure: null }];
      return await Promise.resolve({ brick, plan: 'feed', refusal: null, steps: [step], results });
    },
    mark: async () => await Promise.resolve(),
  };
  ready = true;
  fenced = false;
  volfileList: VolfileListView = volfileList();

  readonly version: ApiServices['version'] = () => ({
    version: '1.2.3',
    apiVersion: 'v1',
    gluster: '11',
    capabilities: ['quota'],
  });

  readonly log: ApiServices['log'] = () => ['{"level":"info","msg":"listening"}'];

  diagnosis: DoctorView = {
    source: 'Agent',
    at: TIME,
    findings: [
      {
        check: 'brick-process',
        severity: 'error',
        reason: 'ProcessDown',
        message: 'the brick process does not run',
        evidence: ['pid file /run/brick.pid: NotRunning'],
        remedy: 'start it',
        followsFrom: [],
      },
    ],
    checks: [{ name: 'peers', title: 'Do they answer?', result: 'NotChecked', why: 'nobody asked' }],
  };
  /** Thrown by the doctor. */
  doctorFailure: Error | undefined;

  readonly doctor: ApiServices['doctor'] = async () => {
    if (this.doctorFailure !== undefined) throw this.doctorFailure;
    return await Promise.resolve(this.diagnosis);
  };

  readonly status: ApiServices['status'] = () => ({
    version: this.version(),
    ready: this.ready,
    notReady: this.ready ? [] : ['brick-connection: connection refused'],
    brick: {
      volume: 'pool1',
      volumeId: '2b9e329c-bdb8-11ee-989f-4e09040b9c74',
      brickPath: '/bricks/pool1/data/brick',
      brickIndex: 2,
      hostname: 'server-pool1-2-0',
      fenced: this.fenced,
      conditions: [condition('volumeId', this.fenced ? 'False' : 'True', this.fenced ? 'Differs' : 'Same')],
      capacity: {
        totalBytes: String(100n * 1024n ** 3n),
        freeBytes: String(40n * 1024n ** 3n),
        availableBytes: String(35n * 1024n ** 3n),
        inodes: '6553600',
        inodesFree: '6500000',
      },
    },
    quotas: { pvs: 2, withLimit: 1, notOnDisk: 0, notLive: 0, refused: 1, synced: true },
    heal: this.heal.view(),
    volfiles: this.volfileList,
  });

  readonly volfiles: ApiServices['volfiles'] = () => this.volfileList;
  readonly volfilePlans = new FakeVolfilePlans();

  readonly peerQuotas: ApiServices['peerQuotas'] = () => ({
    volumeId: '2b9e329c-bdb8-11ee-989f-4e09040b9c74',
    brickIndex: 2,
    quotas: [{ pv: 'pvc-1', source: 'Api', limitBytes: '10737418240' }],
    removed: ['pvc-2'],
    subvolume: 0,
    usage: [],
  });
}
