import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { AgentError } from '../lib/errors.ts';
import type { ProcessInfo } from '../process/identity.ts';
import type { SocketLook } from '../process/process-identity.ts';
import { ownsListeningSocket } from '../process/socket-owner.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { RpcObserver } from '../rpc/connection.ts';
import type { ManagementClient } from '../rpc/management-client.ts';
import { SocketProcess } from '../rpc/socket-process.ts';
import { parseGlusterArguments } from '../volfile/cmdline.ts';
import type { ExpectedFacts } from '../volfile/lint/rule.ts';
import { VolfileManager } from '../volfile/manager.ts';
import { topOf } from '../volfile/model.ts';
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
  observer: RpcObserver;
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
  const { config, brick, observer, specCalls, clock, log, signal, begin } = parts;
  if (config.volfileDir === undefined) return undefined;
  const { brickName, brickSocket, shdSocket } = config;
  const brickAtSocket = new SocketProcess({ socketPath: brickSocket, brickName, clock, observer });
  const shdAtSocket = new SocketProcess({ socketPath: shdSocket, clock, observer });
  const askBrick = async (own: AbortSignal): Promise<SocketLook> => await brickAtSocket.look(own);
  const brickTarget: VolfileTarget = {
    process: 'brick',
    file: config.brickVolfile,
    pidFile: config.brickPidFile,
    ...(config.brickLogFile === undefined ? {} : { logFile: config.brickLogFile }),
    expected: brickExpectations(config),
    restart: config.volfileRestart === 'auto' ? brickRestart(parts, brickAtSocket) : undefined,
    socket: askBrick,
  };
  const shdTarget: VolfileTarget = {
    process: 'shd',
    file: config.shdVolfile,
    pidFile: config.shdPidFile,
    expected: clientExpectations(config),
    ...(config.shdLogFile === undefined ? {} : { logFile: config.shdLogFile }),
    restart: config.volfileRestart === 'auto' ? shdRestart(parts, shdAtSocket) : undefined,
    socket: async (own) => await shdAtSocket.look(own),
  };
  return new VolfileManager({
    dir: config.volfileDir,
    targets: config.shdExpected ? [brickTarget, shdTarget] : [brickTarget],
    served: {
      file: config.clientVolfile,
      expected: clientExpectations(config),
      pidFile: config.brickPidFile,
      socket: askBrick,
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
function brickRestart({ config, brickManagement, disruption }: VolfileParts, atSocket: SocketProcess): RestartPorts {
  const { brickName, brickSocket } = config;
  return {
    enter: async (holdMs, signal) => await disruption.enter(holdMs, signal),
    leave: () => disruption.release(),
    terminate: async ({ identity, info }, signal) => {
      if (info === undefined) return await atSocket.terminate(identity, [brickName], signal);
      await proveSocket(info, brickSocket);
      await brickManagement.terminate(brickName, signal);
    },
  };
}

/** No client waits for a self-heal daemon, and what it was at it finds again in the index. */
function shdRestart({ config, shdManagement }: VolfileParts, atSocket: SocketProcess): RestartPorts {
  return {
    enter: async () => await Promise.resolve(undefined),
    leave: () => undefined,
    terminate: async ({ identity, info, running }, signal) => {
      const sets = running === undefined ? [] : topOf(running.graph).subvolumes;
      // Ended by the names of its sets: a daemon that keeps one of them lives on and heals that one only.
      if (sets.length === 0) throw new AgentError('ProcessUnproven', 'the sets that it runs are not known');
      if (info === undefined) return await atSocket.terminate(identity, sets, signal);
      await proveSocket(info, config.shdSocket);
      for (const set of sets) await shdManagement.terminate(set, signal);
    },
  };
}

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
