/** Everything that the doctor's checks look at: plain data, gathered by the running agent or without one. */
import type { BrickCapacity } from '../../brick/facts.ts';
import type { Finding as HealFinding } from '../../heal/explain.ts';
import type { BacklogView } from '../../heal/backlog.ts';
import type { Disruption } from '../../heal/disruption.ts';
import type { ConditionInput } from '../../lib/conditions.ts';
import type { LoopStats } from '../../lib/loop.ts';
import type { ProcessProof } from '../../process/identity.ts';
import type { GuardStats } from '../../quota/guard.ts';
import type { VolfileStatus } from '../../volfile/status.ts';
import type { CheckResult } from '../health.ts';
import type { EventsStatus } from '../kubernetes/recorder.ts';
import type { PeerStatus } from '../peers.ts';
import type { TlsStatus } from '../tls/keeper.ts';
import type { VolumeUsageView } from '../../quota/volume-usage.ts';
import type { QuotaSummary } from './quota-summary.ts';

/** A member that is undefined is not known; a check that needs it says so. */
export interface DoctorFacts {
  source: 'Agent' | 'Offline';
  /** Wall-clock milliseconds. */
  now: number;
  /** Where things are, for messages. */
  places: { brickPath: string; brickAddress: string; brickPidFile: string; shdPidFile: string; shdSocket: string };
  /** What is wrong with the configuration, a line each; only known where a start would fail of it. */
  configProblems: readonly string[] | undefined;
  agent: AgentFacts;
  brick: BrickSideFacts;
  shd: ShdFacts;
  volfiles:
    readonly Pick<VolfileStatus, 'process' | 'file' | 'outcome' | 'reason' | 'message' | 'problems'>[] | undefined;
  quota: QuotaSummary | undefined;
  /** Why limits of the quota file or of Kadalu do not count. */
  refusals: readonly { file: string; reason: string }[] | undefined;
  guard: GuardStats | undefined;
  /** PVs by what is known of their usage on all subvolumes; empty where the volume is not distributed. */
  volumeUsage: ReadonlyMap<VolumeUsageView['state'], number> | undefined;
  heal: HealFacts;
  peers: readonly PeerStatus[] | undefined;
  /** Whether the brick may be stopped; undefined: the agents of the others were not asked. */
  disruption: Pick<Disruption, 'verdict' | 'reasons'> | undefined;
  tls: TlsStatus | 'Off' | undefined;
  /** Events written to Kubernetes. */
  events: EventsStatus | 'Off' | undefined;
}

export interface AgentFacts {
  /** Why no agent answers; undefined: one does. */
  down: string | undefined;
  loops: readonly LoopStats[] | undefined;
}

export interface BrickSideFacts {
  /** Since when a system call has not come back, in wall-clock milliseconds. */
  hungSince: number | undefined;
  /** One a check of the identity; undefined: not looked at yet. */
  identity: readonly ConditionInput[] | undefined;
  capacity: BrickCapacity | undefined;
  proof: ProcessProof | undefined;
  /** Whether somebody answers on the brick's port as a brick. */
  connection: CheckResult | undefined;
  /** Whether the brick answers STATFS from its disk. */
  statfs: CheckResult | undefined;
  /** When the health check of this process last wrote, in wall-clock milliseconds, and how old that may be. */
  healthCheck: { writtenAt: number | undefined; staleMs: number } | undefined;
}

export interface ShdFacts {
  isExpected: boolean;
  proof: ProcessProof | undefined;
  /** Whether it answers on its socket. */
  answers: CheckResult | undefined;
}

export interface HealFacts {
  backlog: BacklogView | undefined;
  /** PV directories whose metadata heal goes round. */
  loops: number | undefined;
  /** What stands in the way of a heal, as the self-heal daemon tells; undefined: it was not asked. */
  findings: readonly HealFinding[] | undefined;
}
