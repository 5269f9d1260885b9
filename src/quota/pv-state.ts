import type { Gfid } from '../lib/gfid.ts';
import { updateConditions, type Condition, type ConditionInput } from '../lib/conditions.ts';
import type { PvPlace } from '../brick/pv-inventory.ts';
import type { BackendQuota } from '../brick/quota-xattrs.ts';
import type { PvAudit } from './audit.ts';
import { knownClaim, type Desired, type LimitSource, type PeerWord, type Wishes } from './desired.ts';
import type { PvClaim } from './claim.ts';
import { judgeEnforced } from './enforced.ts';
import { brickLimit, type QuotaLayout } from './layout.ts';
import { shownLimit, shownUsage } from './live-limit.ts';
import type { LiveResult } from './live-quota.ts';
import type { RefusedWriteSource } from './ports.ts';
import type { RepairView } from './repairer.ts';
import { judgeUsage, usageView, type UsageScan, type UsageView } from './usage.ts';

/** Why nothing is known. */
export interface UnknownView {
  kind: 'unknown';
  reason: string;
  message: string;
}

/** What the enforcer last saw of the backend. */
export type BackendView =
  { kind: 'present'; quota: BackendQuota } | { kind: 'missing' } | { kind: 'failed'; message: string } | UnknownView;

/** What the enforcer last saw of the running brick. */
export type LiveView =
  | { kind: 'result'; result: LiveResult; at: number }
  | { kind: 'failed'; message: string }
  | UnknownView
  | { kind: 'unsupported' };

/** Of all PVs that were not looked at yet: there may be 10,000. */
const NOT_READ: UnknownView = { kind: 'unknown', reason: 'NotRead', message: 'not read yet' };
const NOTHING_WANTED: Desired = { limitBytes: undefined, source: undefined, removed: false, warning: undefined };

/** Everything the enforcer knows of one PV, judged by the functions below. */
export class PvState {
  readonly pv: string;
  readonly path: string;
  /** Grows with each change of what metrics show of the PV: who keeps something made of it need not keep what it was made of. */
  revision = 0;
  #wishes: Wishes;
  #desired: Desired = NOTHING_WANTED;
  #backend: BackendView = NOT_READ;
  #live: LiveView = NOT_READ;
  #scan: UsageScan | undefined = undefined;
  #conditions: readonly Condition[] = [];
  /** Grows by one with each change of what is wanted. */
  generation = 0;
  /** When the running brick was last asked for `live`, and until when disk and brick are believed to be as they were where nothing says otherwise; in monotonic milliseconds. */
  askedAt = Number.NEGATIVE_INFINITY;
  believedUntil = Number.NEGATIVE_INFINITY;
  /**
   * Set when the agent made the directory a namespace in the running brick: whether the directory was still empty
   * afterwards, so that nothing can have been cached below it. Undefined: not made by us, or the brick reconnected since.
   */
  namespaceMade: 'Empty' | 'WithEntries' | undefined = undefined;
  /** The last audit of this brick process since the directory is a namespace. */
  audit: PvAudit | undefined = undefined;
  /** What became of its counter's drift, as far as anything was done about it. */
  repair: RepairView | undefined = undefined;
  /** The copy that the endless heal of its directory is for, e.g. `pool1-client-2`; undefined: none is seen. */
  healLoopSink: string | undefined = undefined;

  constructor({ pv, path }: Pick<PvPlace, 'pv' | 'path'>, wishes: Wishes) {
    this.pv = pv;
    this.path = path;
    this.#wishes = wishes;
  }

  get wishes(): Wishes {
    return this.#wishes;
  }

  set wishes(wishes: Wishes) {
    this.#wishes = wishes;
    this.revision += 1;
  }

  get desired(): Desired {
    return this.#desired;
  }

  set desired(desired: Desired) {
    this.#desired = desired;
    this.revision += 1;
  }

  get backend(): BackendView {
    return this.#backend;
  }

  set backend(backend: BackendView) {
    this.#backend = backend;
    this.revision += 1;
  }

  get live(): LiveView {
    return this.#live;
  }

  set live(live: LiveView) {
    this.#live = live;
    this.revision += 1;
  }

  /** The last scan of what the PV really uses. */
  get scan(): UsageScan | undefined {
    return this.#scan;
  }

  set scan(scan: UsageScan | undefined) {
    this.#scan = scan;
    this.revision += 1;
  }

  get conditions(): readonly Condition[] {
    return this.#conditions;
  }

  set conditions(conditions: readonly Condition[]) {
    if (conditions === this.#conditions) return;
    this.#conditions = conditions;
    this.revision += 1;
  }
}

export interface SourceView {
  source: LimitSource;
  limitBytes: string;
  /** Of the source `Peer`: whose word it is, and where they have it from; null: of another source, or they say something else by now. */
  peer: { source: PeerWord['source']; agents: { address: string; error: string | null }[] } | null;
}

/** One PV as the API and the command line show it. Byte counts are decimal strings: they can pass 2^53. */
export interface QuotaView {
  pv: string;
  path: string;
  spec: {
    limitBytes: string | null;
    source: LimitSource | null;
    /** Every source that has an opinion, the one that counts first. */
    sources: SourceView[];
    /** The PersistentVolumeClaim that it is of, as somebody has told; null: nobody has. */
    claim: PvClaim | null;
  };
  status: {
    gfid: Gfid | null;
    /** What this brick should carry: the limit, divided by the data fragments on Disperse. */
    brickLimitBytes: string | null;
    onDiskLimitBytes: string | null;
    /** Rounded down to a block of the file system, as STATFS gives it. */
    liveLimitBytes: string | null;
    /** The brick's own counter; null while it is not known. */
    usedBytes: string | null;
    /** What the PV really uses, as far as is known. */
    usage: UsageView;
    /** What became of a counter that was wrong; null: nothing was done. */
    repair: RepairStatusView | null;
    /** ISO 8601. When a write was refused for want of quota last, of those since `since`; null there: nothing tells. */
    refusedWrites: { lastAt: string | null; since: string | null };
    observedGeneration: number;
    conditions: Condition[];
  };
}

export function viewOf(
  state: PvState,
  layout: QuotaLayout,
  refused?: RefusedWriteSource,
  peerWord?: (pv: string) => PeerWord | undefined,
): QuotaView {
  const { desired } = state;
  const quota = state.backend.kind === 'present' ? state.backend.quota : undefined;
  return {
    pv: state.pv,
    path: state.path,
    spec: {
      limitBytes: text(desired.limitBytes),
      source: desired.source ?? null,
      sources: sourcesOf(state, peerWord),
      claim: claimOf(state) ?? null,
    },
    status: {
      gfid: quota?.gfid ?? null,
      brickLimitBytes: desired.limitBytes === undefined ? null : brickLimit(desired.limitBytes, layout).toString(),
      onDiskLimitBytes: typeof quota?.limitBytes === 'bigint' ? quota.limitBytes.toString() : null,
      liveLimitBytes: text(liveLimitBytes(state)),
      usedBytes: text(usedBytes(state)),
      usage: usageView(state.scan, countedBytes(state)),
      repair: repairView(state.repair),
      refusedWrites: { lastAt: isoTime(refused?.lastOf(state.pv)), since: isoTime(refused?.since) },
      observedGeneration: state.generation,
      conditions: [...state.conditions],
    },
  };
}

/** As the API shows it. */
export interface RepairStatusView {
  state: RepairView['state'];
  reason: string;
  message: string;
  /** ISO 8601. */
  at: string;
  /** What was added to the counter, decimal; null: it was not touched. */
  shiftedBytes: string | null;
  requested: boolean;
}

function repairView(repair: RepairView | undefined): RepairStatusView | null {
  if (repair === undefined) return null;
  const { state, reason, message, at, shiftedBytes, requested } = repair;
  return { state, reason, message, at: new Date(at).toISOString(), shiftedBytes: text(shiftedBytes), requested };
}

/** Bytes of this brick from which on to warn; undefined when no soft limit is wanted. */
export function softLimitBytes(state: PvState, layout: QuotaLayout): bigint | undefined {
  const { softRatio } = state.wishes;
  if (softRatio === undefined || state.desired.limitBytes === undefined) return undefined;
  return BigInt(Math.floor(Number(brickLimit(state.desired.limitBytes, layout)) * softRatio));
}

/** What the API has asked for, as it stands on the directory. */
export function recordOf({ backend }: PvState): string | undefined {
  return backend.kind === 'present' ? backend.quota.record : undefined;
}

/** The PersistentVolumeClaim that the PV is of, as somebody has told. */
export function claimOf(state: PvState): PvClaim | undefined {
  return knownClaim(recordOf(state), state.wishes);
}

/** The brick's counter to the byte, as of its last flush. */
export function countedBytes(state: PvState): bigint | undefined {
  const size = state.backend.kind === 'present' ? state.backend.quota.sizeBytes : undefined;
  return typeof size === 'bigint' ? size : undefined;
}

/** The limit that the running brick shows, in bytes of this brick; undefined while unknown or none. */
export function liveLimitBytes(state: PvState): bigint | undefined {
  const statfs = foundLive(state)?.statfs;
  return statfs === undefined ? undefined : shownLimit(statfs);
}

/**
 * Bytes that the brick counts for the PV. STATFS caps its answer at the limit; then the size that the brick has just flushed
 * to disk is the better number.
 */
export function usedBytes(state: PvState): bigint | undefined {
  const statfs = foundLive(state)?.statfs;
  if (statfs === undefined || !statfs.simpleQuota) return undefined;
  const shown = shownUsage(statfs);
  return shown ?? countedBytes(state);
}

/**
 * Whether the running brick shows less than stood on its disk a moment before. It may have given up as much since; or it has
 * forgotten what it had counted, as a restarted one may.
 */
export function showsLess(state: PvState): boolean {
  const statfs = foundLive(state)?.statfs;
  const counted = countedBytes(state);
  if (statfs === undefined || counted === undefined) return false;
  const shown = shownUsage(statfs);
  return shown !== undefined && shown + statfs.blockSize <= counted;
}

function sourcesOf({ pv, desired, wishes }: PvState, peerWord?: (pv: string) => PeerWord | undefined): SourceView[] {
  const { fileBytes, kadaluBytes, peer } = wishes;
  const all: [LimitSource, bigint | undefined][] = [
    ['Api', desired.source === 'Api' ? desired.limitBytes : undefined],
    ['Peer', peer?.limitBytes],
    ['File', fileBytes],
    ['Kadalu', kadaluBytes],
    ['Disk', desired.source === 'Disk' ? desired.limitBytes : undefined],
  ];
  const sources = all.flatMap(([source, bytes]) =>
    bytes === undefined
      ? []
      : [{ source, limitBytes: bytes.toString(), peer: source === 'Peer' ? peerView(peerWord?.(pv), bytes) : null }],
  );
  // The one that counts stands first; a peer's place depends on where it has its wish from.
  return sources.toSorted((a, b) => Number(b.source === desired.source) - Number(a.source === desired.source));
}

/** @param limitBytes that was taken from them; null when they want another one since */
function peerView(word: PeerWord | undefined, limitBytes: bigint): SourceView['peer'] {
  if (word?.limitBytes !== limitBytes) return null;
  const agents = word.agents.map(({ address, error = null }) => ({ address, error }));
  return { source: word.source, agents };
}

/** Makes the next pass work on this PV. */
export function unsettle(state: PvState): void {
  state.backend = { kind: 'unknown', reason: 'Changed', message: 'what is wanted has changed; not read since' };
  state.conditions = state.conditions.map((condition) =>
    condition.type === 'OnDisk' ? { ...condition, status: 'Unknown', reason: 'Changed' } : condition,
  );
}

/** Brings `state.conditions` up to date. */
export function judge(state: PvState, layout: QuotaLayout, now: number): void {
  const live = judgeLive(state);
  const { namespaceMade, audit, desired } = state;
  const enforced = judgeEnforced({ live, limited: desired.limitBytes !== undefined, namespaceMade, audit, now });
  state.conditions = updateConditions(
    state.conditions,
    [
      judgeOnDisk(state, layout),
      live,
      enforced,
      ...judgeCounter(state, layout),
      ...judgeSoftLimit(state, layout),
      ...judgeHealLoop(state),
    ],
    now,
    state.generation,
  );
}

/** Reasons of a `Live` that is not True, but that no pass can change before the brick process changes. */
const WAITS_FOR_BRICK = new Set(['BrickDown', 'NotEnforceable', 'RemovalPending']);

/** Whether nothing is left to do for this PV until something changes. */
export function isSettled(state: PvState): boolean {
  const of = (type: string): Condition | undefined => state.conditions.find((condition) => condition.type === type);
  const live = of('Live');
  return (
    of('OnDisk')?.status === 'True' &&
    live !== undefined &&
    (live.status === 'True' || WAITS_FOR_BRICK.has(live.reason))
  );
}

/** What the running brick says of the directory; undefined while that is not known, or it knows no such directory. */
export function foundLive({ live }: PvState): Exclude<LiveResult, { kind: 'missing' }> | undefined {
  return live.kind === 'result' && live.result.kind !== 'missing' ? live.result : undefined;
}

function judgeOnDisk(state: PvState, layout: QuotaLayout): ConditionInput {
  const type = 'OnDisk';
  const { backend, desired } = state;
  if (backend.kind === 'unknown') return { type, status: 'Unknown', reason: backend.reason, message: backend.message };
  if (backend.kind === 'missing') {
    return {
      type,
      status: 'False',
      reason: 'DirectoryMissing',
      message: `${state.path} is not on this brick; if the PV exists, this brick waits for its heal`,
    };
  }
  if (backend.kind === 'failed') return { type, status: 'False', reason: 'BackendError', message: backend.message };
  const { quota } = backend;
  if (desired.limitBytes === undefined) {
    return quota.limitBytes === undefined
      ? { type, status: 'True', reason: 'NoLimit', message: 'no limit is wanted and none is on disk' }
      : { type, status: 'False', reason: 'Malformed', message: 'the limit xattr on disk is not a decimal number' };
  }
  const wanted = brickLimit(desired.limitBytes, layout);
  if (quota.limitBytes === wanted && quota.namespace) {
    return { type, status: 'True', reason: 'AsWanted', message: 'the limit and the namespace are on the backend' };
  }
  const found = quota.limitBytes === undefined ? 'no limit' : String(quota.limitBytes);
  return {
    type,
    status: 'False',
    reason: quota.namespace ? 'LimitDiffers' : 'NotNamespace',
    message: `the backend has ${found}, wanted is ${wanted}`,
  };
}

function judgeLive(state: PvState): ConditionInput {
  const type = 'Live';
  const { live, desired } = state;
  if (live.kind === 'unknown') return { type, status: 'Unknown', reason: live.reason, message: live.message };
  if (live.kind === 'failed') return { type, status: 'False', reason: 'BrickRefused', message: live.message };
  if (live.kind === 'unsupported') {
    return {
      type,
      status: 'False',
      reason: 'NotEnforceable',
      message: 'this GlusterFS has no simple-quota (it came with 11.0); the limit is recorded on disk only',
    };
  }
  const { result } = live;
  switch (result.kind) {
    case 'missing':
      return { type, status: 'False', reason: 'NotInBrick', message: `the brick does not find ${state.path}` };
    case 'lifted':
      return {
        type,
        status: 'False',
        reason: 'RemovalPending',
        message: 'the limit is removed and lifted; this brick process forgets it at its next start',
      };
    case 'differs':
      return {
        type,
        status: 'False',
        reason: 'LimitDiffers',
        message: `the brick shows ${shownLimit(result.statfs) ?? 'no limit'} after it accepted another; is features/simple-quota in its volfile, with pass-through off?`,
      };
    case 'settled':
      return desired.limitBytes === undefined
        ? { type, status: 'True', reason: 'NoLimit', message: 'no limit is wanted and none is in force' }
        : { type, status: 'True', reason: 'AsWanted', message: 'read back from the running brick' };
  }
}

/** Only where a limit makes the brick count; an arbiter counts nothing that means anything (measured on 11.1). */
function judgeCounter({ desired, scan }: PvState, layout: QuotaLayout): ConditionInput[] {
  return desired.limitBytes === undefined || layout.isArbiter ? [] : [judgeUsage(scan)];
}

/** Only while the metadata heal of the directory goes round. */
function judgeHealLoop({ healLoopSink, path }: PvState): ConditionInput[] {
  if (healLoopSink === undefined) return [];
  return [
    {
      type: 'HealEnds',
      status: 'False',
      reason: 'MetadataHealLoop',
      message: `the metadata heal of the directory goes round for the copy of ${healLoopSink}; the agent of that brick ends it (quotaHealLoops: end), or there: setfattr -x trusted.glusterfs.namespace <brick>/${path}`,
    },
  ];
}

/** Only where a soft limit is wanted. */
function judgeSoftLimit(state: PvState, layout: QuotaLayout): ConditionInput[] {
  const type = 'BelowSoftLimit';
  const soft = softLimitBytes(state, layout);
  if (soft === undefined) return [];
  const used = usedBytes(state);
  if (used === undefined)
    return [{ type, status: 'Unknown', reason: 'UsageUnknown', message: 'the usage is not known' }];
  return used < soft
    ? [{ type, status: 'True', reason: 'Below', message: `${used} bytes are used, the soft limit is ${soft}` }]
    : [
        {
          type,
          status: 'False',
          reason: 'Above',
          message: `${used} bytes are used, the soft limit is ${soft}: make room or resize`,
        },
      ];
}

function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function text(bytes: bigint | undefined): string | null {
  return bytes === undefined ? null : bytes.toString();
}
