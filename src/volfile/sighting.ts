/** Looks at the process of a target, and remembers what is known of it for as long as it is the same one. */
import { GLUSTER_EXE_NAMES, isGone, proveProcess, type ProcessInfo } from '../process/identity.ts';
import { identityOf, type ProcessIdentity } from '../process/process-identity.ts';
import type { SignalOptions } from '../process/signal.ts';
import { KnownProcess } from './known-process.ts';

export type Sighting =
  /** Proven by its pid file, executable and start time. */
  | { found: 'by-pid'; identity: ProcessIdentity; process: ProcessInfo; pidFileWrittenAt: number }
  /** `isGone`: certainly none runs, as far as the pid file tells; else there is doubt. */
  | { found: 'none'; isGone: boolean; message: string };

export type Found = Exclude<Sighting, { found: 'none' }>;

export interface ProcessSightOptions {
  pidFile: string;
  /** Default: what the process was told with `-l`, read through its own root. */
  logFile?: string | undefined;
  /** Default: glusterfsd and glusterfs. */
  exeNames?: readonly string[] | undefined;
  /** Where proc is mounted; for tests. */
  system?: SignalOptions | undefined;
}

export class ProcessSight {
  readonly #options: ProcessSightOptions;
  #known: KnownProcess | undefined;

  constructor(options: ProcessSightOptions) {
    this.#options = options;
  }

  /** The process that was met last, whether or not it still runs. */
  get last(): KnownProcess | undefined {
    return this.#known;
  }

  async look(): Promise<Sighting> {
    const { pidFile, exeNames = GLUSTER_EXE_NAMES, system } = this.#options;
    const proof = await proveProcess({ ...system, pidFile, exeNames });
    if (!proof.ok) return { found: 'none', isGone: isGone(proof), message: proof.message };
    const { process, pidFileWrittenAt } = proof;
    return { found: 'by-pid', identity: identityOf(process), process, pidFileWrittenAt };
  }

  /** What is known of the process that was found; another one than the last begins anew. */
  async meet(sighting: Sighting): Promise<KnownProcess | undefined> {
    if (sighting.found === 'none') return undefined;
    const { logFile, system } = this.#options;
    if (this.of(sighting) === undefined) this.#known = new KnownProcess(sighting, logFile, system?.procRoot);
    await this.#known?.findInstallation();
    return this.#known;
  }

  /** As `meet`, but nothing is remembered. */
  of(sighting: Sighting): KnownProcess | undefined {
    return sighting.found !== 'none' && this.#known?.isStill(sighting.identity) === true ? this.#known : undefined;
  }
}
