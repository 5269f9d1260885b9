import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { ManagementClient } from '../rpc/management-client.ts';
import type { ExpectedFacts } from '../volfile/lint/rule.ts';
import { VolfileManager } from '../volfile/manager.ts';
import { VolfileStage } from '../volfile/stage.ts';
import type { VolfileTarget } from '../volfile/target.ts';
import type { Config } from './config/load.ts';

export interface VolfileParts {
  config: Config;
  brick: BrickClient;
  brickManagement: ManagementClient;
  shdManagement: ManagementClient;
  clock: Clock;
  log: Log;
  /** Ends everything. */
  signal: AbortSignal;
}

/** Starts to watch the volfiles of brick and self-heal daemon; undefined when no directory is configured. */
export function startVolfiles(parts: VolfileParts): VolfileManager | undefined {
  const { config, brick, brickManagement, shdManagement, clock, log, signal } = parts;
  if (config.volfileDir === undefined) return undefined;
  const brickTarget: VolfileTarget = {
    process: 'brick',
    file: config.brickVolfile,
    pidFile: config.brickPidFile,
    ...(config.brickLogFile === undefined ? {} : { logFile: config.brickLogFile }),
    expected: brickExpectations(config),
    probe: async (signal) => await answers(async () => await brickManagement.null(signal)),
  };
  const shdTarget: VolfileTarget = {
    process: 'shd',
    file: config.shdVolfile,
    pidFile: config.shdPidFile,
    ...(config.shdLogFile === undefined ? {} : { logFile: config.shdLogFile }),
    probe: async (signal) => await answers(async () => await shdManagement.null(signal)),
  };
  return new VolfileManager({
    dir: config.volfileDir,
    targets: config.shdExpected ? [brickTarget, shdTarget] : [brickTarget],
    glusterVersion: () => brick.majorVersion,
    stage: config.volfileStaging === undefined ? undefined : new VolfileStage(config.volfileStaging),
    clock,
    log,
    signal,
  });
}

/** What the volfile of this brick has to say. */
export function brickExpectations(config: Config): ExpectedFacts {
  return {
    directory: config.brickPath,
    volumeId: config.volumeId,
    brickName: config.brickName,
    listenPort: config.brickPort,
  };
}

async function answers(ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    // Whatever the reason: it does not answer. The caller asks again and says so.
    return false;
  }
}
