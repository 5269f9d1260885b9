/** What the agent says of itself to the kubelet. */
import type { BrickWorker } from '../brick/worker/client.ts';
import type { Clock } from '../lib/clock.ts';
import type { LoopStats } from '../lib/loop.ts';
import type { QuotaEnforcer } from '../quota/enforcer.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { BrickMonitor } from './brick-monitor.ts';
import type { CheckResult, HealthCheck } from './health.ts';
import type { TlsKeeper } from './tls/keeper.ts';

/** A loop that has begun no pass for this long is stuck, whatever its interval; every await in it has a shorter deadline. In milliseconds. */
const LOOP_STUCK_MS = 300_000;

/**
 * Fails only for faults of the agent that a restart mends. A brick that is down, hung or not ours is none of them: killing the
 * sidecar would not help, and would take its word away.
 */
export function livenessChecks(loops: () => LoopStats[], clock: Clock): HealthCheck[] {
  const seen = new Map<string, { runs: number; at: number }>();
  return [
    { name: 'ping', check: () => ({ ok: true }) },
    {
      name: 'loops',
      check: () => {
        const now = clock.monotonic();
        const stuck: string[] = [];
        for (const { name, runs } of loops()) {
          const before = seen.get(name);
          if (before?.runs !== runs) seen.set(name, { runs, at: now });
          else if (now - before.at > LOOP_STUCK_MS) stuck.push(name);
        }
        return stuck.length === 0 ? { ok: true } : { ok: false, reason: `no pass for 5 min: ${stuck.join(', ')}` };
      },
    },
  ];
}

export interface ReadinessSources {
  worker: Pick<BrickWorker, 'hungSince'>;
  monitor: Pick<BrickMonitor, 'fence'>;
  brick: Pick<BrickClient, 'isUp' | 'downReason'>;
  quota: Pick<QuotaEnforcer, 'hasSynced' | 'isBrickSynced'>;
  /** Whether the API is there, on all that it is to listen on. */
  apiListens: () => boolean;
  /** Undefined: TLS is off. */
  tls: TlsKeeper | undefined;
  clock: Clock;
}

/** Ready: the brick is ours, answers on disk and on the wire, every limit was looked at since its start, and the API is there. */
export function readinessChecks(sources: ReadinessSources): HealthCheck[] {
  const { worker, monitor, brick, quota, apiListens, tls, clock } = sources;
  return [
    {
      name: 'brick-disk',
      check: () =>
        worker.hungSince === undefined
          ? { ok: true }
          : {
              ok: false,
              reason: `a system call on the brick has not come back since ${new Date(worker.hungSince).toISOString()}`,
            },
    },
    {
      name: 'brick-identity',
      check: () => (monitor.fence.open ? { ok: true } : { ok: false, reason: monitor.fence.reason }),
    },
    {
      name: 'brick-connection',
      check: () => (brick.isUp ? { ok: true } : { ok: false, reason: brick.downReason ?? 'not connected' }),
    },
    {
      name: 'quota-synced',
      check: () => {
        if (!quota.hasSynced) return { ok: false, reason: 'the first pass over the PVs is not done' };
        // One that is down is told by the check before.
        if (!brick.isUp || quota.isBrickSynced) return { ok: true };
        return { ok: false, reason: 'the brick has been connected to anew, and not all limits were looked at since' };
      },
    },
    {
      name: 'api',
      check: () => (apiListens() ? { ok: true } : { ok: false, reason: 'the API does not listen yet' }),
    },
    ...(tls === undefined ? [] : [{ name: 'tls', check: () => tlsCheck(tls, clock) }]),
  ];
}

/** Never fails: the brick serves its clients without the API, and a pod that is not ready would lose them. */
function tlsCheck(tls: TlsKeeper, clock: Clock): CheckResult {
  const { refusal, notAfter } = tls.status();
  const ended = [...notAfter].filter(([, at]) => at <= clock.now()).map(([use]) => `${use} has expired`);
  const reasons = [...ended, ...(refusal === undefined ? [] : [`refused: ${refusal}`])];
  return { ok: true, ...(reasons.length === 0 ? {} : { reason: reasons.join('; ') }) };
}
