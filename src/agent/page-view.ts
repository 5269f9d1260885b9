/** Makes what the status page is told from what the parts know; bounded, however many PVs there are. */
import type { Condition } from '../lib/conditions.ts';
import { brickLimit, layoutOf, type QuotaLayout } from '../quota/layout.ts';
import { claimText } from '../quota/claim.ts';
import { claimOf, liveLimitBytes, usedBytes, type PvState } from '../quota/pv-state.ts';
import type { VolumeUsageView } from '../quota/volume-usage.ts';
import { POINT_MS } from '../heal/backlog-history.ts';
import type { Agent } from './agent.ts';
import { agentFacts } from './doctor/agent-facts.ts';
import { diagnose } from './doctor/diagnose.ts';
import type { FindingSeverity } from './doctor/finding.ts';
import { fullnessOf, severityOf } from './doctor/quota-summary.ts';
import { runChecks, type HealthCheck } from './health.ts';
import type { ProcessView } from './process-monitor.ts';
import { processState } from './process-state.ts';
import { healthCheckAt } from './snapshots.ts';
import { splitBrainCount } from './views.ts';
import type { PagePv, PageQuery, PageStatus, ShownCondition } from './http/page-status.ts';

/** PVs that one answer carries; who looks for another has the filter. */
export const MAX_ITEMS = 100;
/** Findings and lines of evidence that one answer carries. */
const MAX_FINDINGS = 30;
/** Longest message, in UTF-16 code units: names in it may be long. */
const MAX_TEXT = 600;

const RANK: Record<FindingSeverity, number> = { error: 0, warning: 1, info: 2 };

export function pageStatus(
  agent: Agent,
  version: string,
  probes: Readonly<Record<string, readonly HealthCheck[]>>,
  query: PageQuery,
): PageStatus {
  const { config, monitor, worker, brick } = agent;
  const { capacity } = monitor;
  return {
    version,
    gluster: brick.majorVersion ?? null,
    volume: config.volume,
    volumeId: config.volumeId,
    volumeType: config.volumeType,
    brickIndex: config.brickIndex,
    brickPath: config.brickPath,
    hostname: config.hostname,
    node: config.nodeId ?? null,
    ready: runChecks(agent.readyz).ok,
    findings: diagnose(agentFacts(agent))
      .findings.slice(0, MAX_FINDINGS)
      .map(({ check, severity, reason, message, evidence, remedy, followsFrom }) => ({
        check,
        severity,
        reason,
        message: cut(message),
        evidence: evidence.map(cut),
        remedy: remedy ?? null,
        followsFrom,
      })),
    brick: {
      up: brick.isUp,
      fenced: !monitor.fence.open,
      hung: worker.hungSince !== undefined,
      healthCheck: healthCheckView(agent),
      stop: stopView(agent),
      // Each of them fences the brick.
      conditions: monitor.conditions.map((condition) =>
        shown(condition, condition.status === 'True' ? undefined : 'error'),
      ),
      capacity:
        capacity === undefined
          ? null
          : {
              totalBytes: Number(capacity.totalBytes),
              availableBytes: Number(capacity.availableBytes),
              inodes: Number(capacity.inodes),
              inodesFree: Number(capacity.inodesFree),
            },
    },
    processes: agent.processes.views.map((view) => processView(view, agent.watch[view.process].answers)),
    probes: Object.entries(probes).map(([path, checks]) => {
      const { ok, results } = runChecks(checks);
      return { path, ok, checks: results.map(({ name, ok, reason }) => ({ name, ok, reason: reason ?? null })) };
    }),
    quotas: quotasView(agent, query),
    heal: healView(agent),
    volfiles: volfilesView(agent),
  };
}

function quotasView({ config, quota }: Agent, { q, attention }: PageQuery): PageStatus['quotas'] {
  const { enforcer } = quota;
  const layout = layoutOf(config.volumeType, config.brickIndex, config.disperseData);
  const ranked = rankPvs(enforcer.states(), layout);
  const usageOf = quota.volumeUsages();
  const matching = ranked.filter(
    ({ state, severity }) => (!attention || needsAttention(severity)) && isLookedFor(state, q),
  );
  return {
    synced: enforcer.hasSynced,
    total: ranked.length,
    limited: ranked.filter(({ state }) => state.desired.limitBytes !== undefined).length,
    attention: ranked.filter(({ severity }) => needsAttention(severity)).length,
    matching: matching.length,
    items: matching.slice(0, MAX_ITEMS).map((shown) => pvView(shown, layout, usageOf?.(shown.state.pv))),
  };
}

/** @param part of the PV's name or of its claim's, in any case; empty: every PV is */
export function isLookedFor(state: PvState, part: string): boolean {
  if (part === '') return true;
  const claim = claimOf(state);
  const names = claim === undefined ? [state.pv] : [state.pv, claimText(claim)];
  return names.some((name) => name.toLowerCase().includes(part.toLowerCase()));
}

export interface RankedPv {
  state: PvState;
  severity: FindingSeverity | undefined;
  fullness: number | undefined;
}

/** Those that need attention first, then by fullness, then by name. */
export function rankPvs(states: Iterable<PvState>, layout: QuotaLayout): RankedPv[] {
  const ranked = Array.from(states, (state): RankedPv => {
    const fullness = fullnessOf(state, layout);
    const gravest = state.conditions
      .map(severityOf)
      .reduce((worst, next) => (rank(next) < rank(worst) ? next : worst), undefined);
    const isOver = fullness !== undefined && fullness > 1;
    return { state, fullness, severity: isOver && gravest !== 'error' ? 'warning' : gravest };
  });
  const group = ({ severity }: RankedPv): number => (needsAttention(severity) ? rank(severity) : RANK.info);
  return ranked.sort(
    (a, b) =>
      group(a) - group(b) ||
      (b.fullness ?? -1) - (a.fullness ?? -1) ||
      (a.state.pv < b.state.pv ? -1 : Number(a.state.pv > b.state.pv)),
  );
}

function rank(severity: FindingSeverity | undefined): number {
  return severity === undefined ? RANK.info + 1 : RANK[severity];
}

function needsAttention(severity: FindingSeverity | undefined): boolean {
  return severity === 'error' || severity === 'warning';
}

export function pvView(
  { state, severity, fullness }: RankedPv,
  layout: QuotaLayout,
  usage: VolumeUsageView | undefined,
): PagePv {
  const { pv, desired, backend, conditions } = state;
  const onDisk = backend.kind === 'present' ? backend.quota.limitBytes : undefined;
  const wanted = desired.limitBytes === undefined ? undefined : brickLimit(desired.limitBytes, layout);
  const claim = claimOf(state);
  return {
    pv,
    claim: claim === undefined ? null : claimText(claim),
    wantedBytes: number(wanted),
    onDiskBytes: typeof onDisk === 'bigint' ? Number(onDisk) : null,
    liveBytes: number(liveLimitBytes(state)),
    usedBytes: number(usedBytes(state)),
    fullness: fullness ?? null,
    source: desired.source ?? null,
    volumeUsage:
      usage === undefined
        ? null
        : {
            state: usage.state,
            usedBytes: usage.usedBytes === null ? null : Number(usage.usedBytes),
            message: usage.state === 'Sum' ? '' : cut(wordsOf(usage)),
          },
    severity: severity ?? null,
    conditions: conditions.map((condition) => shown(condition, severityOf(condition))),
  };
}

/** With who is silent, each with why. */
function wordsOf({ message, silent }: VolumeUsageView): string {
  return [message, ...silent.map(({ agent, message: why }) => `${agent} ${why}`)].join('; ');
}

/** A brick that is away is told as such; what is not known is no fault. */
const CONNECTED = { True: undefined, False: 'warning', Unknown: 'info' } as const;

function healView(agent: Agent): PageStatus['heal'] {
  const { heal, healLinks } = agent;
  const { state, reason, message, pending, inPerSecond, outPerSecond, etaSeconds, pendingSince } = heal.status();
  return {
    state,
    reason,
    message,
    objects: pending.xattrop ?? null,
    inPerSecond: inPerSecond ?? null,
    outPerSecond: outPerSecond ?? null,
    etaSeconds: etaSeconds ?? null,
    pendingSince: time(pendingSince),
    splitBrain: splitBrainCount(agent),
    connected: healLinks === undefined ? null : shown(healLinks.condition, CONNECTED[healLinks.condition.status]),
    history: { pointMs: POINT_MS, points: heal.history.points() },
  };
}

function volfilesView({ volfiles }: Agent): PageStatus['volfiles'] {
  const items = volfiles?.status() ?? [];
  return {
    configured: volfiles !== undefined,
    items: items.map(({ process, file, outcome, reason, message, wantedHash, runningHash, since }) => ({
      process,
      file,
      outcome,
      reason,
      message: cut(message),
      wantedSha256: wantedHash ?? null,
      runningSha256: runningHash ?? null,
      since: new Date(since).toISOString(),
    })),
  };
}

function healthCheckView(agent: Agent): PageStatus['brick']['healthCheck'] {
  const { ok } = agent.watch.healthCheck().check();
  return { ok, writtenAt: time(healthCheckAt(agent)) };
}

function stopView({ glance }: Agent): PageStatus['brick']['stop'] {
  const disruption = glance.look();
  if (disruption === undefined) return null;
  const { verdict, reasons } = disruption;
  return {
    verdict,
    reasons: reasons.slice(0, MAX_FINDINGS).map(({ code, message }) => ({ code, message: cut(message) })),
  };
}

function processView(view: ProcessView, answers: boolean): PageStatus['processes'][number] {
  const { process, proof } = view;
  const since = proof?.ok === true ? new Date(proof.process.startedAt).toISOString() : null;
  return { process, ...processState(view, answers), since };
}

function shown({ type, status, reason, message }: Condition, severity: FindingSeverity | undefined): ShownCondition {
  return { type, status, reason, message: severity === undefined ? '' : cut(message), severity: severity ?? null };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function number(bytes: bigint | undefined): number | null {
  return bytes === undefined ? null : Number(bytes);
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
