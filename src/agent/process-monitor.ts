import { readProcessStats, type ProcessStats } from '../process/stat.ts';
import { GLUSTER_EXE_NAMES, proveProcess, type ProcessProof } from '../process/identity.ts';

/** What was last seen of one Gluster process of this pod. */
export interface ProcessView {
  process: 'brick' | 'shd';
  proof: ProcessProof | undefined;
  /** Undefined: not running, or not visible. */
  stats: ProcessStats | undefined;
}

/** Watches the processes by their pid files; reads /proc only. */
export class ProcessMonitor {
  readonly #pidFiles: readonly { process: 'brick' | 'shd'; pidFile: string }[];
  #views: readonly ProcessView[];

  constructor(pidFiles: readonly { process: 'brick' | 'shd'; pidFile: string }[]) {
    this.#pidFiles = pidFiles;
    this.#views = pidFiles.map(({ process }) => ({ process, proof: undefined, stats: undefined }));
  }

  get views(): readonly ProcessView[] {
    return this.#views;
  }

  /** Something that changes when the brick process does; undefined while it is not proven. */
  get brickKey(): string | undefined {
    const proof = this.#views.find(({ process }) => process === 'brick')?.proof;
    return proof?.ok === true ? `${proof.process.pid}:${proof.process.startTicks}` : undefined;
  }

  async pass(): Promise<void> {
    this.#views = await Promise.all(
      this.#pidFiles.map(async ({ process, pidFile }) => {
        const proof = await proveProcess({ pidFile, exeNames: GLUSTER_EXE_NAMES });
        return { process, proof, stats: proof.ok ? await readProcessStats(proof.process.pid) : undefined };
      }),
    );
  }
}
