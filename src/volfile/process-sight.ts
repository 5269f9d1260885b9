/** Looks at the process of a target, and remembers what is known of it for as long as it is the same one. */
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { GLUSTER_EXE_NAMES, isGone, proveProcess, type ProcessProof } from '../process/identity.ts';
import { identityOf, type SocketLook } from '../process/process-identity.ts';
import type { SignalOptions } from '../process/signal.ts';
import { KnownProcess } from './known-process.ts';
import { SHARE_NAMESPACE, type Sighting } from './sighting.ts';

export interface ProcessSightOptions {
  pidFile: string;
  /** Default: what the process was told with `-l`, read through its own root. */
  logFile?: string | undefined;
  /** Default: glusterfsd and glusterfs. */
  exeNames?: readonly string[] | undefined;
  /** Asks the process at its socket who it is. */
  socket: (signal: AbortSignal) => Promise<SocketLook>;
  /** Where proc is mounted; for tests. */
  system?: SignalOptions | undefined;
}

/** In milliseconds. */
const SOCKET_DEADLINE_MS = 5000;

export class ProcessSight {
  readonly #options: ProcessSightOptions;
  #known: KnownProcess | undefined;
  /** Wall-clock milliseconds when a process was proven last. */
  #provenAt = 0;

  constructor(options: ProcessSightOptions) {
    this.#options = options;
  }

  /** The process that was met last, whether or not it still runs. */
  get last(): KnownProcess | undefined {
    return this.#known;
  }

  /** @throws AgentError `Aborted` when the signal fires */
  async look(signal: AbortSignal): Promise<Sighting> {
    const { pidFile, exeNames = GLUSTER_EXE_NAMES, system } = this.#options;
    const proof = await proveProcess({ ...system, pidFile, exeNames });
    if (!proof.ok) return await this.#lookAtSocket(proof, signal);
    const { process, pidFileWrittenAt } = proof;
    this.#provenAt = (system?.now ?? Date.now)();
    return { found: 'by-pid', identity: identityOf(process), process, pidFileWrittenAt };
  }

  /** Whether a process answers at its socket, whichever it is. @throws AgentError `Aborted` when the signal fires */
  async answers(signal: AbortSignal): Promise<boolean> {
    return (await this.#askSocket(signal)).state !== 'silent';
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

  async #lookAtSocket(proof: ProcessProof & { ok: false }, signal: AbortSignal): Promise<Sighting> {
    const { message } = proof;
    const look = await this.#askSocket(signal);
    // One that answers at its own socket runs, whatever the pid file says.
    if (look.state === 'silent') return { found: 'none', isGone: isGone(proof), message };
    if (look.state === 'unsure') {
      return {
        found: 'none',
        isGone: false,
        message: `${message}, but somebody answers at its socket: ${look.message}; ${SHARE_NAMESPACE}`,
      };
    }
    const { identity } = look;
    // More is known of the one that was proven: what it was told since. That it cannot be proven any more passes, or is a fault.
    if (identity.startedAt <= this.#provenAt) {
      return { found: 'none', isGone: false, message: `${message}, but it answers, and was proven before` };
    }
    return { found: 'by-socket', identity, why: message };
  }

  async #askSocket(signal: AbortSignal): Promise<SocketLook> {
    const { socket, pidFile } = this.#options;
    try {
      return await withDeadline(SOCKET_DEADLINE_MS, `asking the process of ${pidFile}`, socket, signal);
    } catch (error) {
      if (signal.aborted && isAgentError(error, 'Aborted')) throw error;
      return { state: 'silent', message: errorMessage(error) };
    }
  }
}
