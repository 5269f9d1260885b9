import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { AgentError } from '../lib/errors.ts';
import type { ProcessInfo } from '../process/identity.ts';
import { ownsListeningSocket } from '../process/socket-owner.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { ManagementClient } from '../rpc/management-client.ts';
import { parseGlusterArguments } from '../volfile/cmdline.ts';
import type { ExpectedFacts } from '../volfile/lint/rule.ts';
import { VolfileManager } from '../volfile/manager.ts';
import type { RestartPorts } from '../volfile/restart.ts';
import { VolfileStage } from '../volfile/stage.ts';
import type { VolfileTarget } from '../volfile/target.ts';
import type { Config } from './config/load.ts';
import type { DisruptionGuard } from './disruption.ts';

export interface VolfileParts {
  config: Config;
  brick: BrickClient;
  brickManagement: ManagementClient;
  shdManagement: ManagementClient;
  disruption: DisruptionGuard;
  /** How often the brick has told us to fetch our volfile again. */
  specCalls: () => number;
  clock: Clock;
  log: Log;
  /** Ends everything. */
  signal: AbortSignal;
  /** See `VolfileManagerOptions`. */
  begin: Promise<void>;
}

/** Starts to watch the volfiles of brick and self-heal daemon; undefined when no directory is configured. */
export function startVolfiles(parts: VolfileParts): VolfileManager | undefined {
  const { config, brick, brickManagement, shdManagement, specCalls, clock, log, signal, begin } = parts;
  if (config.volfileDir === undefined) return undefined;
  const brickTarget: VolfileTarget = {
    process: 'brick',
    file: config.brickVolfile,
    pidFile: config.brickPidFile,
    ...(config.brickLogFile === undefined ? {} : { logFile: config.brickLogFile }),
    expected: brickExpectations(config),
    restart: config.volfileRestart === 'auto' ? brickRestart(parts) : undefined,
    probe: async (signal) => await answers(async () => await brickManagement.null(signal)),
  };
  const shdTarget: VolfileTarget = {
    process: 'shd',
    file: config.shdVolfile,
    pidFile: config.shdPidFile,
    expected: clientExpectations(config),
    ...(config.shdLogFile === undefined ? {} : { logFile: config.shdLogFile }),
    restart: config.volfileRestart === 'auto' ? SHD_RESTART : undefined,
    probe: async (signal) => await answers(async () => await shdManagement.null(signal)),
  };
  return new VolfileManager({
    dir: config.volfileDir,
    targets: config.shdExpected ? [brickTarget, shdTarget] : [brickTarget],
    served: {
      file: config.clientVolfile,
      expected: clientExpectations(config),
      pidFile: config.brickPidFile,
      getSpec: async (key, own) => await brick.getSpec(key, own),
      calls: specCalls,
    },
    glusterVersion: () => brick.majorVersion,
    returnDeadlineMs: config.volfileReturnMs,
    stage: config.volfileStaging === undefined ? undefined : new VolfileStage(config.volfileStaging),
    clock,
    log,
    signal,
    begin,
  });
}

/** A brick goes when its set can do without it, and one of the set at a time. */
function brickRestart({ config, brickManagement, disruption }: VolfileParts): RestartPorts {
  return {
    enter: async (holdMs, signal) => await disruption.enter(holdMs, signal),
    leave: () => disruption.release(),
    terminate: async (process, signal) => {
      await proveSocket(process.info, config.brickSocket);
      await brickManagement.terminate(config.brickName, signal);
    },
  };
}

/** No client waits for a self-heal daemon, and what it was at it finds again in the index. */
const SHD_RESTART: RestartPorts = { enter: async () => await Promise.resolve(undefined), leave: () => undefined };

/** What ends a brick must reach the one that is meant. @throws AgentError `ProcessUnproven` */
async function proveSocket(process: ProcessInfo, socketPath: string): Promise<void> {
  const { socket } = parseGlusterArguments(process.cmdline);
  const owner = await ownsListeningSocket(process.pid, [socketPath, ...(socket === undefined ? [] : [socket])]);
  if (!owner.ok) throw new AgentError('ProcessUnproven', owner.message);
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

/** What the volfiles of whoever connects to this brick have to say. */
export function clientExpectations({ brickName, brickPort }: Config): ExpectedFacts {
  return { brickName, bricks: [{ name: brickName, listenPort: brickPort }] };
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
