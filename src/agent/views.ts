/** What the API shows, made from what the parts know. */
import type { HealOperation } from '../heal/operation.ts';
import { AgentError } from '../lib/errors.ts';
import { haltOf, HALTS } from '../process/halt.ts';
import type { AdoptView } from '../quota/adopter.ts';
import type { PvState, QuotaView } from '../quota/pv-state.ts';
import { decodeRecord } from '../quota/record.ts';
import type { VolfileStatus } from '../volfile/status.ts';
import type { Adoption } from './adoption.ts';
import type { Agent } from './agent.ts';
import { runChecks } from './health.ts';
import { processState } from './process-state.ts';
import type { AdoptionService, QuotaService, ShownQuota } from './http/services.ts';
import type {
  AdoptionStatusView,
  HealOperationView,
  HealView,
  PeerQuotas,
  ScanStatusView,
  StatusView,
  VersionView,
  VolfileListView,
} from './http/schemas.ts';

const CAPABILITIES = [
  'quota',
  'heal.index',
  'heal.full',
  'heal.resolve',
  'heal.mark-replaced',
  'disruption',
  'volfile.reload',
  'volfile.restart',
  'volfile.plan',
];

export function versionView(agent: Agent, version: string): VersionView {
  return { version, apiVersion: 'v1', gluster: agent.brick.majorVersion ?? null, capabilities: CAPABILITIES };
}

export function healView(agent: Agent): HealView {
  const status = agent.heal.status();
  const { state, message, pending, observedAt, pendingSince, oldest, leftDirty, operations } = status;
  const { inPerSecond, outPerSecond, etaSeconds } = status;
  return {
    state,
    message,
    pending: {
      xattrop: pending.xattrop ?? null,
      dirty: pending.dirty ?? null,
      entryChanges: pending.entryChanges ?? null,
    },
    observedAt: time(observedAt),
    pendingSince: time(pendingSince),
    oldest:
      oldest === undefined
        ? null
        : {
            gfid: oldest.gfid,
            since: new Date(oldest.at).toISOString(),
            sinceFrom: oldest.from,
            ofAll: oldest.ofAll,
          },
    leftDirty: leftDirty ?? null,
    inPerSecond: inPerSecond ?? null,
    outPerSecond: outPerSecond ?? null,
    etaSeconds: etaSeconds ?? null,
    notServing: agent.notServing() ?? null,
    splitBrain: splitBrainCount(agent),
    conditions: [agent.healUnobstructed.condition],
    daemon: daemonView(agent),
    operations: operations.map(operationView),
  };
}

/** Objects in split-brain; null: not known, or there can be none. */
export function splitBrainCount({ splitBrain }: Pick<Agent, 'splitBrain'>): number | null {
  const status = splitBrain?.status();
  if (status === undefined) return null;
  const { items, unknown, checkedAt } = status;
  return items.length === 0 && (unknown !== undefined || checkedAt === undefined) ? null : items.length;
}

type DaemonView = NonNullable<HealView['daemon']>;

function daemonView(agent: Agent): HealView['daemon'] {
  const { config, processes, watch } = agent;
  const view = processes.views.find(({ process }) => process === 'shd');
  if (!config.shdExpected || view === undefined) return null;
  const { proof, restarts } = view;
  if (proof?.ok === true) {
    const { pid, startedAt } = proof.process;
    const halt = haltOf(proof.process);
    const message = halt === undefined ? 'running' : `${HALTS[halt].words}: it heals nothing`;
    return { state: halt ?? 'Running', pid, startedAt: time(startedAt), restarts, message, ...saidBy(agent) };
  }
  return { ...processState(view, watch.shd.answers), pid: null, startedAt: null, restarts, ...saidBy(agent) };
}

function saidBy({ healLinks, healCrawls }: Agent): Pick<DaemonView, 'bricks' | 'crawls' | 'conditions'> {
  const bricks = (healLinks?.links ?? []).map(({ xlator, name, isOwnSet, isConnected = null }) => {
    return { xlator, name, isOwnSet, isConnected };
  });
  const last = healCrawls?.last;
  const crawls = last === undefined ? null : { askedAt: new Date(last.at).toISOString(), newest: [...last.states] };
  return { bricks, crawls, conditions: healLinks === undefined ? [] : [healLinks.condition] };
}

export function scanStatusView({ quota: { scanner } }: Agent): ScanStatusView {
  const { running, requested, failed, cancelled } = scanner.status();
  return {
    running:
      running === undefined
        ? null
        : {
            pv: running.pv,
            startedAt: new Date(running.startedAt).toISOString(),
            files: running.files,
            diskBytes: String(running.diskBytes),
            filesPerSecond: running.filesPerSecond,
            totalFiles: running.totalFiles ?? null,
            etaSeconds: running.etaMs === undefined ? null : running.etaMs / 1000,
          },
    requested,
    failed,
    cancelled: cancelled.map(({ pv, at }) => ({ pv, at: new Date(at).toISOString() })),
  };
}

export function adoptionView(view: AdoptView): AdoptionStatusView {
  const { pv, state, step, message, startedAt, finishedAt, directories, wrong, againAt } = view;
  return {
    pv,
    state,
    step,
    message,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: time(finishedAt),
    directories,
    wrong: wrong ?? null,
    againAt: time(againAt),
  };
}

function adoptionOf({ adopter }: Adoption, pv: string): AdoptionStatusView | undefined {
  const view = adopter.get(pv);
  return view === undefined ? undefined : adoptionView(view);
}

export function adoptionService({ config, quota: { adoption } }: Agent): AdoptionService {
  return {
    start: (pv) => adoptionView(adoption.adopter.start(pv)),
    get: (pv) => adoptionOf(adoption, pv),
    answer: async (question, signal) => {
      if (question.volumeId !== config.volumeId) {
        throw new AgentError('Conflict', `this is an agent of volume ${config.volumeId}`);
      }
      return await adoption.answer(question, signal);
    },
  };
}

export function operationView(operation: HealOperation): HealOperationView {
  const { id, kind, state, accepted, children, startedAt, answeredAt, finishedAt, backlogAtStart, backlogNow } =
    operation;
  const { crawl, message } = operation;
  return {
    id,
    kind,
    state,
    accepted: accepted ?? null,
    children: children.map(({ xlator, child, status, explanation }) => ({
      xlator,
      child,
      status,
      explanation: explanation ?? null,
    })),
    startedAt: new Date(startedAt).toISOString(),
    answeredAt: time(answeredAt),
    finishedAt: time(finishedAt),
    backlogAtStart: backlogAtStart ?? null,
    backlogNow: backlogNow ?? null,
    crawl: crawl ?? null,
    message,
  };
}

export function volfileListView(agent: Agent): VolfileListView {
  const { volfiles } = agent;
  if (volfiles === undefined) return { configured: false, items: [] };
  const policy = agent.config.volfileRestart;
  return { configured: true, items: volfiles.status().map((status) => volfileView(status, policy)) };
}

export function quotaService({ quota }: Agent): QuotaService {
  const { enforcer } = quota;
  type UsageOf = ReturnType<typeof quota.volumeUsages>;
  const withUsage = (view: QuotaView, usageOf: UsageOf): ShownQuota => ({
    ...view,
    status: {
      ...view.status,
      volumeUsage: usageOf?.(view.pv) ?? null,
      tampering: quota.guard?.tampering.of(view.pv) ?? null,
      adoption: adoptionOf(quota.adoption, view.pv) ?? null,
    },
  });
  const shown = (view: QuotaView): ShownQuota => withUsage(view, quota.volumeUsages());
  return {
    get hasSynced() {
      return enforcer.hasSynced;
    },
    get refusals() {
      return enforcer.refusals;
    },
    list: () => {
      const usageOf = quota.volumeUsages();
      return enforcer.list().map((view) => withUsage(view, usageOf));
    },
    get: (pv) => {
      const view = enforcer.get(pv);
      return view === undefined ? undefined : shown(view);
    },
    setLimit: async (pv, wanted, signal) => {
      const { view, created } = await enforcer.setLimit(pv, wanted, signal);
      return { view: shown(view), created };
    },
    removeLimit: async (pv, signal) => shown(await enforcer.removeLimit(pv, signal)),
  };
}

export function peerQuotasView({ config, quota: { enforcer, subvolume, usageTeller } }: Agent): PeerQuotas {
  const quotas = enforcer.ownWishes().map(({ pv, source, limitBytes, claim }) => {
    const told = { pv, source, limitBytes: String(limitBytes) };
    return claim === undefined ? told : Object.assign(told, { claim });
  });
  const removed = [...enforcer.states()].filter(isRemovedHere).map(({ pv }) => pv);
  const usage = (usageTeller?.ownUsage() ?? []).map(({ pv, usedBytes, ageMs }) => ({
    pv,
    usedBytes: String(usedBytes),
    ageMs,
  }));
  return { volumeId: config.volumeId, brickIndex: config.brickIndex, quotas, removed, subvolume, usage };
}

/** Through our own API, and not because a peer says so: what agents tell one another must not go round. */
function isRemovedHere({ desired, backend }: PvState): boolean {
  if (!desired.removed || backend.kind !== 'present' || backend.quota.record === undefined) return false;
  return decodeRecord(backend.quota.record)?.kind === 'removed';
}

export function statusView(agent: Agent, version: string): StatusView {
  const { config, monitor } = agent;
  const report = runChecks(agent.readyz);
  const quotas = agent.quota.enforcer.list();
  const limited = quotas.filter(({ spec }) => spec.limitBytes !== null);
  const without = (type: string): number =>
    limited.filter(({ status }) =>
      status.conditions.some((condition) => condition.type === type && condition.status !== 'True'),
    ).length;
  const { capacity } = monitor;
  return {
    version: versionView(agent, version),
    ready: report.ok,
    notReady: report.results.filter(({ ok }) => !ok).map(({ name, reason }) => `${name}: ${reason ?? ''}`),
    brick: {
      volume: config.volume,
      volumeId: config.volumeId,
      brickPath: config.brickPath,
      brickIndex: config.brickIndex,
      hostname: config.hostname,
      fenced: !monitor.fence.open,
      conditions: [...monitor.conditions],
      capacity:
        capacity === undefined
          ? null
          : {
              totalBytes: String(capacity.totalBytes),
              freeBytes: String(capacity.freeBytes),
              availableBytes: String(capacity.availableBytes),
              inodes: String(capacity.inodes),
              inodesFree: String(capacity.inodesFree),
            },
    },
    quotas: {
      pvs: quotas.length,
      withLimit: limited.length,
      notOnDisk: without('OnDisk'),
      notLive: without('Live'),
      refused: agent.quota.enforcer.refusals.length,
      synced: agent.quota.enforcer.hasSynced,
    },
    heal: healView(agent),
    volfiles: volfileListView(agent),
  };
}

function volfileView(
  status: VolfileStatus,
  policy: Agent['config']['volfileRestart'],
): VolfileListView['items'][number] {
  const changes = status.changes.map(
    ({ volume, key, from, to }) => `${volume}: ${key} ${from ?? '(default)'} -> ${to ?? '(default)'}`,
  );
  return {
    process: status.process,
    file: status.file,
    outcome: status.outcome,
    reason: status.reason,
    message: status.message,
    wantedSha256: status.wantedHash ?? null,
    runningSha256: status.runningHash ?? null,
    since: time(status.since),
    problems: status.problems.map(({ id, severity, line, column, message, remedy }) => ({
      id,
      severity,
      // 0 stands for the file as a whole.
      line: line === 0 ? null : line,
      column: column === 0 ? null : column,
      message,
      remedy,
    })),
    changes: [...changes, ...status.differences],
    conditions: status.conditions,
    lastReload:
      status.lastReload === undefined
        ? null
        : { ...status.lastReload, at: new Date(status.lastReload.at).toISOString() },
    restart: { policy, waitsFor: status.restartWaitsFor ?? null, ...status.restarts },
    history: status.history.map(({ at, plan, outcome, reason, message, wantedHash, durationMs }) => ({
      at: new Date(at).toISOString(),
      plan,
      outcome,
      reason,
      message,
      wantedSha256: wantedHash ?? null,
      durationMs: durationMs ?? null,
    })),
  };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
