import type { HealthCheck } from '../health.ts';
import type { ScrapeRequest } from '../../metrics/registry.ts';
import type { PvClaim } from '../../quota/claim.ts';
import type { QuotaView } from '../../quota/pv-state.ts';
import type { TamperingCounts } from '../../quota/tampering.ts';
import type { VolumeUsageView } from '../../quota/volume-usage.ts';
import type { Refusal } from '../../brick/pv-inventory.ts';
import type {
  DisruptionView,
  PeerHeal,
  PeerObjects,
  PeerObjectsQuery,
  PeerUses,
  PreStopView,
  SplitBrainView,
} from './heal-schemas.ts';
import type { ReplacementRequest, ReplacementView } from './replacement-schemas.ts';
import type { ChangelogChange, NameRemovalRequest, ResolutionView, ResolveRequest } from './resolve-schemas.ts';
import type { DoctorView } from './doctor-schema.ts';
import type { PageQuery, PageStatus } from './page-status.ts';
import type {
  VolfileDiffRequest,
  VolfilePlanListView,
  VolfilePlanRequest,
  VolfilePlanView,
} from './volfile-plan-schemas.ts';
import type {
  AdoptAnswer,
  AdoptionStatusView,
  AdoptQuestion,
  HealEntriesView,
  HealExplainView,
  HealOperationView,
  HealPvsView,
  HealView,
  PeerQuotas,
  ScanStatusView,
  StatusView,
  VersionView,
  VolfileListView,
} from './schemas.ts';

/** What the routes need of the agent; the tests give them fakes, the agent gives them itself. */

/** `volumeUsage`: null where the volume is not distributed. `tampering`: null where nobody looks. `adoption`: null where there was none. */
export type ShownQuota = QuotaView & {
  status: {
    volumeUsage: VolumeUsageView | null;
    tampering: TamperingCounts | null;
    adoption: AdoptionStatusView | null;
  };
};

export interface QuotaService {
  readonly hasSynced: boolean;
  readonly refusals: readonly Refusal[];
  list(): ShownQuota[];
  get(pv: string): ShownQuota | undefined;
  /** @param wanted without a claim the one that is known stays, null takes it away */
  setLimit(
    pv: string,
    wanted: { limitBytes: bigint; claim?: PvClaim | null | undefined },
    signal: AbortSignal,
  ): Promise<{ view: ShownQuota; created: boolean }>;
  removeLimit(pv: string, signal: AbortSignal): Promise<ShownQuota>;
}

export interface ScanService {
  status(): ScanStatusView;
  /** @throws AgentError `NotFound` */
  request(pv: string): void;
  /** @returns false when none ran or waited. @throws AgentError `NotFound`, `Timeout` */
  cancel(pv: string): Promise<boolean>;
}

export interface RepairService {
  /** @throws AgentError `NotFound`, `NotSupported`, `BrickFenced` */
  request(pv: string): void;
}

export interface AdoptionService {
  /** Starts it, or returns the one that is not finished. @throws AgentError `NotFound`, `NotSupported` */
  start(pv: string): AdoptionStatusView;
  get(pv: string): AdoptionStatusView | undefined;
  /** A step for another agent of the set. @throws AgentError */
  answer(question: AdoptQuestion, signal: AbortSignal): Promise<AdoptAnswer>;
}

export interface HealService {
  view(): HealView;
  operation(id: string): HealOperationView | undefined;
  /** Starts a heal, or returns the one of that kind that is running. */
  start(kind: 'index' | 'full'): HealOperationView;
}

export interface BrickProbes {
  livez: readonly HealthCheck[];
  readyz: readonly HealthCheck[];
  startupz: readonly HealthCheck[];
  shdLivez: readonly HealthCheck[];
}

export interface HealEntriesService {
  /** @throws AgentError `NotFound` without such an index, `BadRequest` for an `after` that is no gfid */
  page(request: { index: 'xattrop' | 'dirty'; after: string | undefined; limit: number }): Promise<HealEntriesView>;
  pvs(): Promise<HealPvsView>;
  /** @param object a gfid or a path from the volume's root. @throws AgentError `NotFound`, `BadRequest` */
  explain(object: string | undefined): Promise<HealExplainView>;
  /** What PVs hold and may hold on this brick, for the agents of the others. */
  uses(pvs: readonly string[]): PeerUses;
}

export interface DisruptionService {
  check(signal: AbortSignal): Promise<DisruptionView>;
  claim(forMs: number, signal: AbortSignal): Promise<DisruptionView>;
  release(): void;
  preStop(waitMs: number): Promise<PreStopView>;
  /** What the agents of the other bricks ask for. */
  report(signal: AbortSignal): Promise<PeerHeal>;
}

export interface SplitBrainService {
  /** @throws AgentError `NotSupported` on a volume without replication */
  view(): SplitBrainView;
  objects(query: PeerObjectsQuery): Promise<PeerObjects>;
}

export interface ResolveService {
  /** @throws AgentError `NotFound`, `Conflict`, `BadRequest`, `NotSupported` */
  resolve(request: ResolveRequest): Promise<ResolutionView>;
  change(change: ChangelogChange, signal: AbortSignal): Promise<void>;
  removeName(removal: NameRemovalRequest, signal: AbortSignal): Promise<void>;
  crawl(signal: AbortSignal): Promise<void>;
}

export interface ReplacementService {
  /** @throws AgentError `Conflict`, `NotSupported` */
  replace(request: ReplacementRequest): Promise<ReplacementView>;
  mark(brick: number, signal: AbortSignal): Promise<void>;
}

export interface VolfilePlanService {
  /** @throws AgentError `BadRequest`, `NotFound`, `VolfileInvalid` */
  diff(request: VolfileDiffRequest): Promise<VolfilePlanView>;
  /** @throws AgentError `NotFound` when no volfiles are watched */
  plan(request: VolfilePlanRequest): Promise<VolfilePlanListView>;
}

export interface OpsServices {
  livez: readonly HealthCheck[];
  readyz: readonly HealthCheck[];
  /** For the containers of brick and self-heal daemon. */
  brick: BrickProbes;
  /** Before the brick's container is stopped: waits and flushes, for as long as is configured. */
  preStop: () => Promise<PreStopView>;
  /** Renders, in pieces, what is known already. */
  metrics: (request: ScrapeRequest) => AsyncIterable<string>;
  /** What the status page shows; undefined: there is no page. */
  page: ((query: PageQuery) => PageStatus) | undefined;
}

export interface ApiServices {
  version: () => VersionView;
  /** The last lines of the agent's log. */
  log: () => string[];
  /** Waits for the self-heal daemon's answer, for some seconds at most. */
  doctor: () => Promise<DoctorView>;
  status: () => StatusView;
  quotas: QuotaService;
  scans: ScanService;
  repairs: RepairService;
  adoptions: AdoptionService;
  heal: HealService;
  healEntries: HealEntriesService;
  disruption: DisruptionService;
  splitBrain: SplitBrainService;
  resolve: ResolveService;
  replacement: ReplacementService;
  volfiles: () => VolfileListView;
  volfilePlans: VolfilePlanService;
  peerQuotas: () => PeerQuotas;
}
