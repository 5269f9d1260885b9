/** What the metrics show, made from what the parts know. */
import { brickSetOf } from '../heal/brick-set.ts';
import { isFinished } from '../heal/operation.ts';
import type { BrickSnapshot } from '../metrics/collectors/brick.ts';
import type { HealSnapshot } from '../metrics/collectors/heal.ts';
import type { ProcessSnapshot } from '../metrics/collectors/process.ts';
import type { VolfileSnapshot } from '../metrics/collectors/volfile.ts';
import { layoutOf } from '../quota/layout.ts';
import type { Agent } from './agent.ts';
import type { BrickMonitor } from './brick-monitor.ts';
import type { ProcessMonitor } from './process-monitor.ts';
import { processState } from './process-state.ts';
import type { ProcessWatch } from './process-watch.ts';

export function brickSnapshot({ config, monitor, worker, brick, processes, heal, watch }: Agent): BrickSnapshot {
  return {
    info: {
      volumeId: config.volumeId,
      volumeType: config.volumeType,
      brick: config.brickPath,
      brickIndex: config.brickIndex,
      node: config.nodeId ?? '',
      hostname: config.hostname,
    },
    set: setOf(config),
    checks: monitor.conditions.map(({ type, status }) => ({ name: type, status })),
    fenced: !monitor.fence.open,
    // An empty directory where the disk should be mounted is no empty brick.
    empty: monitor.fence.open ? heal.status().isEmptyBrick : undefined,
    hung: worker.hungSince !== undefined,
    up: brick.isUp,
    capacity: monitor.capacity,
    writableBytes: watch.writableBytes,
    healthCheckAt: healthCheckAt({ monitor, processes }),
  };
}

function setOf(config: Agent['config']): BrickSnapshot['set'] {
  const set = brickSetOf(config);
  if (set === undefined) return undefined;
  const { isArbiter, dataFragments } = layoutOf(config.volumeType, config.brickIndex, config.disperseData);
  return { number: set.first / set.members.length, dataBricks: isArbiter ? 0 : dataFragments };
}

/**
 * When the health check of the running brick process last wrote, in wall-clock milliseconds. What an earlier process wrote says
 * nothing of this one, and where the check is switched off that is all there is.
 */
export function healthCheckAt({ monitor, processes }: HealthCheckSources): number | undefined {
  const at = monitor.healthCheckAt;
  const view = processes.views.find(({ process }) => process === 'brick');
  const startedAt = view?.stats?.startTimeSeconds ?? (view?.boundAt ?? 0) / 1000;
  return at === undefined || at / 1000 < startedAt ? undefined : at;
}

interface HealthCheckSources {
  monitor: Pick<BrickMonitor, 'healthCheckAt'>;
  processes: Pick<ProcessMonitor, 'views'>;
}

export function healSnapshot({ heal, healLinks, healCrawls, watch, config }: Agent): HealSnapshot {
  const status = heal.status();
  const { lastAnswerAt, missing, doubt } = watch.shd.contact.view;
  const isTold = config.shdExpected && doubt === undefined && (missing !== undefined || lastAnswerAt !== undefined);
  return {
    ...status,
    disconnected: healLinks?.disconnected(),
    crawling: healCrawls?.isCrawling,
    daemonUp: isTold ? missing === undefined : undefined,
    operations: { running: status.operations.filter((operation) => !isFinished(operation)), ended: heal.outcomes },
  };
}

interface ProcessSources {
  processes: Pick<ProcessMonitor, 'views'>;
  watch: Record<'brick' | 'shd', Pick<ProcessWatch, 'answers'>>;
}

/** Restarts of a process that cannot be seen are not known either. */
export function processSnapshots({ processes, watch }: ProcessSources): ProcessSnapshot[] {
  return processes.views.map(({ process, proof, stats, restarts }) => {
    const { state } = processState({ proof }, watch[process].answers);
    if (state === 'Unknown') return { process, up: undefined, stats, restarts: undefined };
    return { process, up: state === 'Running', stats, restarts };
  });
}

export function volfileSnapshots({ volfiles }: Agent): VolfileSnapshot[] {
  return (volfiles?.status() ?? []).map((status) => ({
    process: status.process,
    outcome: status.outcome,
    wantedSha256: status.wantedHash,
    lastReload: status.lastReload,
    lastSuccessAt: status.lastSuccessAt,
    restarts: status.restarts,
    restartWaitsFor: status.restartWaitsFor,
    problems: status.problems,
  }));
}
