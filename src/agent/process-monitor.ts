import { readProcessStats, type ProcessStats } from '../process/stat.ts';
import { GLUSTER_EXE_NAMES, keyOf, proveProcess, type ProcessProof } from '../process/identity.ts';

/** What was last seen of one Gluster process of this pod. */
export interface ProcessView {
  process: 'brick' | 'shd';
  proof: ProcessProof | undefined;
  /** Undefined: not running, or not visible. */
  stats: ProcessStats | undefined;
  /** Times that another process was found in its place, since the agent began to look. */
  restarts: number;
}

/** Watches the processes by their pid files; reads /proc only. */
export class ProcessMonitor {
  readonly #pidFiles: readonly { process: 'brick' | 'shd'; pidFile: string }[];
  #views: readonly ProcessView[];
  /** The one that was proven last, and how many came in place of another, by process. */
  readonly #seen = new Map<string, { key: string; restarts: number }>();

  constructor(pidFiles: readonly { process: 'brick' | 'shd'; pidFile: string }[]) {
    this.#pidFiles = pidFiles;
    this.#views = pidFiles.map(({ process }) => ({ process, proof: undefined, stats: undefined, restarts: 0 }));
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
      this.#pidFiles.map(async ({ process, pidFile }) => {
        const proof = await proveProcess({ pidFile, exeNames: GLUSTER_EXE_NAMES });
        const stats = proof.ok ? await readProcessStats(proof.process.pid) : undefined;
        return { process, proof, stats, restarts: this.#countRestarts(process, proof) };
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
