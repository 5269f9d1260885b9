/**
 * Real Gluster volumes for integration tests, the demo and the benches: real processes, no glusterd, nothing left behind.
 * Knows no test framework.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import { AgentError } from '../../src/lib/errors.ts';
import { runCommand, type CommandOptions, type CommandResult } from './command.ts';
import type { LabContext } from './context.ts';
import { findGlusterRoot } from './gluster-root.ts';
import { endRecordedProcesses, makeFolders, removeFolder, sweepCrashedLabs, takeLease, type Lease } from './lease.ts';
import { inNamespace, type LabProcess } from './process.ts';
import { Volume, type VolumeSpec } from './volume.ts';
import { waitFor, type WaitOptions } from './wait.ts';

export interface LabOptions {
  /** For people who look at a lab that is left running. */
  name: string;
  /** Where GlusterFS is. Default: what findGlusterRoot finds. */
  root?: string;
}

export class Lab {
  /** The lab's own folder; everything it makes is in it. */
  readonly dir: string;
  readonly name: string;
  readonly #context: LabContext;
  readonly #lease: Lease;
  readonly #processes: LabProcess[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];
  #usedPorts = 0;
  #destroyed = false;

  private constructor(name: string, lease: Lease, root: string) {
    this.name = name;
    this.dir = lease.dir;
    this.#lease = lease;
    this.#context = {
      root,
      labDir: lease.dir,
      track: (process) => this.#processes.push(process),
      nextPort: async () => this.nextPort(),
    };
  }

  /**
   * Takes a folder and a block of ports, after removing what crashed runs left.
   *
   * @throws AgentError `NotFound` without a GlusterFS, `NotSupported` off Linux or without root
   */
  static async create(options: LabOptions): Promise<Lab> {
    assertSupported();
    const root = options.root ?? findGlusterRoot();
    await sweepCrashedLabs();
    const lease = await takeLease(options.name);
    const lab = new Lab(options.name, lease, root);
    // The self-heal daemon heals only bricks whose host name resolves to this machine.
    await writeFile(`${lab.dir}/hosts`, `127.0.0.1 localhost ${os.hostname()}\n`);
    return lab;
  }

  async volume(spec: VolumeSpec): Promise<Volume> {
    return await Volume.create(this.#context, spec);
  }

  async waitFor<T>(what: string, look: () => T | Promise<T>, options?: WaitOptions) {
    return await waitFor(what, look, options);
  }

  /** A TCP port that nobody else uses, for agents and peers. */
  async nextPort(): Promise<number> {
    while (this.#usedPorts < this.#lease.portCount) {
      const port = this.#lease.firstPort + this.#usedPorts;
      this.#usedPorts += 1;
      if (await isFree(port)) return port;
    }
    throw new AgentError('Conflict', `lab ${this.name} has no free port left of its ${this.#lease.portCount}`);
  }

  /** The lab ends this process when it is destroyed. */
  track(process: LabProcess): void {
    this.#context.track(process);
  }

  /** Runs before the processes are ended, last registered first. */
  onDestroy(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** Runs a tool where GlusterFS is (glfsheal, setfattr, glusterfsd --version) and waits for it; see runCommand. */
  async runInRoot(command: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    const runDir = `${this.dir}/tools/run`;
    const logDir = `${this.dir}/tools/log`;
    await makeFolders(runDir, logDir);
    const { root, labDir } = this.#context;
    return await runCommand(inNamespace({ root, labDir, runDir, logDir }, command), options);
  }

  /** glfsheal on a volume's client volfile, e.g. `lab.glfsheal(volume, 'info-summary')`. */
  async glfsheal(volume: Volume, ...args: string[]): Promise<CommandResult> {
    const triplet = os.arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
    const program = `/usr/lib/${triplet}/glusterfs/glfsheal`;
    return await this.runInRoot([program, volume.name, ...args, 'volfile-path', volume.clientVolfile]);
  }

  /**
   * Ends every process of the lab and removes its folder.
   *
   * @throws AgentError `Internal` when anything is left, with its name
   */
  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const cleanup of this.#cleanups.toReversed()) await cleanup();
    // Clients first (last started), so that they do not retry against dead bricks.
    await Promise.all(this.#processes.toReversed().map(async (process) => process.end('SIGKILL')));
    await endRecordedProcesses(this.dir);
    // As long as the number is ours: the next lab may have it, and its processes, within milliseconds.
    const left = leftovers(this.dir);
    await removeFolder(this.dir);
    if (left.length > 0) throw new AgentError('Internal', `lab ${this.name} left behind: ${left.join('; ')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

/** Processes with the folder on their command line, as working directory or among their mounts. */
export function leftovers(dir: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (args.some((arg) => arg.startsWith(`${dir}/`))) found.push(`process ${pid} (${args[0]})`);
      else if (readlinkSync(`/proc/${pid}/cwd`).startsWith(`${dir}/`))
        found.push(`working directory of process ${pid}`);
    } catch {
      // It ended while we looked.
    }
  }
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  found.push(...mounts.filter((line) => line.includes(`${dir}/`)).map((line) => `mount ${line}`));
  return found;
}

/** @throws AgentError `NotSupported` */
export function assertSupported(): void {
  if (process.platform !== 'linux') throw new AgentError('NotSupported', 'the lab needs Linux');
  if (process.getuid?.() !== 0)
    throw new AgentError('NotSupported', 'the lab needs root: it mounts and sets trusted xattrs');
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '0.0.0.0', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
