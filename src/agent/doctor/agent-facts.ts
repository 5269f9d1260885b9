/** The doctor's facts as the running agent knows them. */
import type { Finding as HealFinding } from '../../heal/explain.ts';
import type { Disruption } from '../../heal/disruption.ts';
import { layoutOf } from '../../quota/layout.ts';
import type { Agent } from '../agent.ts';
import type { CheckResult } from '../health.ts';
import { healthCheckAt } from '../snapshots.ts';
import type { DoctorFacts } from './facts.ts';
import { summarizeQuotas } from './quota-summary.ts';

/** What was just asked for, elsewhere; undefined: it was not. */
export interface AskedFacts {
  /** Of the self-heal daemon. */
  healFindings?: readonly HealFinding[] | undefined;
  /** Of the agents of the other bricks. */
  disruption?: Disruption | undefined;
}

/** From memory: waits for nothing. */
export function agentFacts(agent: Agent, { healFindings, disruption }: AskedFacts = {}): DoctorFacts {
  const { config, monitor, worker, brick, processes, quota, volfiles, watch, heal } = agent;
  const proofOf = (name: 'brick' | 'shd') => processes.views.find(({ process }) => process === name)?.proof;
  return {
    source: 'Agent',
    now: Date.now(),
    places: placesOf(config),
    configProblems: undefined,
    agent: { down: undefined, loops: agent.loopStats() },
    brick: {
      hungSince: worker.hungSince,
      identity: monitor.conditions,
      capacity: monitor.capacity,
      proof: proofOf('brick'),
      connection: brick.isUp ? { ok: true } : { ok: false, reason: brick.downReason ?? 'not connected' },
      statfs: watch.statfsCheck().check(),
      healthCheck: { writtenAt: healthCheckAt(agent), staleMs: config.brickHealthCheckMs },
    },
    shd: { isExpected: config.shdExpected, proof: proofOf('shd'), answers: shdAnswers(agent) },
    volfiles: volfiles?.status(),
    quota: summarizeQuotas(
      quota.enforcer.states(),
      layoutOf(config.volumeType, config.brickIndex, config.disperseData),
      quota.enforcer.hasSynced,
    ),
    refusals: quota.enforcer.refusals,
    guard: quota.guard?.stats,
    volumeUsage: quota.volumeUsageStates(),
    heal: { backlog: heal.status(), loops: quota.healLoops?.active, findings: healFindings },
    peers: quota.peers?.status() ?? [],
    disruption,
    tls: agent.tls?.status() ?? 'Off',
    events: agent.events?.status ?? 'Off',
  };
}

/** From the tries of the probes' loop, without the patience that a probe has. */
function shdAnswers({ watch }: Agent): CheckResult | undefined {
  const { missing, doubt, lastAnswerAt } = watch.shd.contact.view;
  if (missing !== undefined) return { ok: false, reason: missing.why };
  return doubt !== undefined || lastAnswerAt === undefined ? undefined : { ok: true };
}

export function placesOf(config: Agent['config']): DoctorFacts['places'] {
  const { brickPath, brickHost, brickPort, brickPidFile, shdPidFile, shdSocket } = config;
  return { brickPath, brickAddress: `${brickHost}:${brickPort}`, brickPidFile, shdPidFile, shdSocket };
}
