import { readProcessStats, type ProcessStats } from '../process/stat.ts';
import { boundBy } from '../process/socket-file.ts';
import { GLUSTER_EXE_NAMES, keyOf, proveProcess, type ProcessProof } from '../process/identity.ts';
import type { Config } from './config/load.ts';

/** What was last seen of one Gluster process of this pod. */
export interface ProcessView {
  process: 'brick' | 'shd';
  proof: ProcessProof | undefined;
  /** Undefined: not running, or not visible. */
  stats: ProcessStats | undefined;
  /** Of one that is not proven: when a process has bound its socket last, in wall-clock milliseconds. */
  boundAt?: number | undefined;
  /** Times that another process was found in its place, since the agent began to look. */
  restarts: number;
}

/** Where the traces of a process are. */
export interface ProcessPlaces {
  process: 'brick' | 'shd';
  pidFile: string;
  socketPath: string;
}

/** Those that there are meant to be in this pod. */
export function processPlaces(
  config: Pick<Config, 'brickPidFile' | 'brickSocket' | 'shdExpected' | 'shdPidFile' | 'shdSocket'>,
): ProcessPlaces[] {
  const brick = { process: 'brick', pidFile: config.brickPidFile, socketPath: config.brickSocket } as const;
  const shd = { process: 'shd', pidFile: config.shdPidFile, socketPath: config.shdSocket } as const;
  return config.shdExpected ? [brick, shd] : [brick];
}

/** Watches the processes by their pid files and the files of their sockets; asks them nothing. */
export class ProcessMonitor {
  readonly #places: readonly ProcessPlaces[];
  #views: readonly ProcessView[];
  /** The one that was proven last, and how many came in place of another, by process. */
  readonly #seen = new Map<string, { key: string; restarts: number }>();

  constructor(places: readonly ProcessPlaces[]) {
    this.#places = places;
    this.#views = places.map(({ process }) => ({ process, proof: undefined, stats: undefined, restarts: 0 }));
  }

  get views(): readonly ProcessView[] {
    return this.#views;
  }

  /** Something that changes when the brick process does; undefined while it is not proven. */
  get brickKey(): string | undefined {
    const proof = this.#views.find(({ process }) => process === 'brick')?.proof;
    return proof?.ok === true ? keyOf(proof.process) : undefined;
  }

  async pass(): Promise<void> {
    this.#views = await Promise.all(
      this.#places.map(async ({ process, pidFile, socketPath }) => {
        const proof = await proveProcess({ pidFile, exeNames: GLUSTER_EXE_NAMES });
        const stats = proof.ok ? await readProcessStats(proof.process.pid) : undefined;
        const boundAt = proof.ok ? undefined : await boundAtOf(socketPath);
        return { process, proof, stats, boundAt, restarts: this.#countRestarts(process, proof) };
      }),
    );
  }

  /** One that is not proven counts when its successor is: a pid file that cannot be read is no restart. */
  #countRestarts(process: 'brick' | 'shd', proof: ProcessProof): number {
    const before = this.#seen.get(process);
    if (!proof.ok) return before?.restarts ?? 0;
    const key = keyOf(proof.process);
    const restarts = before === undefined ? 0 : before.restarts + Number(before.key !== key);
    this.#seen.set(process, { key, restarts });
    return restarts;
  }
}

async function boundAtOf(socketPath: string): Promise<number | undefined> {
  try {
    return (await boundBy(socketPath))?.startedAt;
  } catch {
    // Not to be looked at: not known.
    return undefined;
  }
}
