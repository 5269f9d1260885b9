/**
 * A FUSE client. Its mount lives in the client's own mount namespace, so it can never outlive the client; everybody else
 * reaches it through /proc/<pid>/root.
 */
import { readFile, stat, symlink } from 'node:fs/promises';
import { AgentError, errnoOf } from '../../src/lib/errors.ts';
import type { LabContext } from './context.ts';
import { podPlaces, type PodPlaces } from './daemon.ts';
import { makeFolders } from './lease.ts';
import { inNamespace, LabProcess, type ExitStatus } from './process.ts';
import { waitFor, type WaitOptions } from './wait.ts';

export interface MountOptions {
  /** `--client-pid`: -14 is the quota helper (Kadalu's CSI), -6 shd, -7 glfsheal, -12 the marker of replaced bricks. */
  pid?: number;
  /** More arguments of glusterfs, e.g. `--attribute-timeout=0`. */
  args?: string[];
  /** Takes its volfile from a brick (`volspec-directory`) in place of the file. */
  volfileServer?: { port: number; id: string };
  /** `-L`; default INFO. */
  logLevel?: 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
}

export interface MountPlan {
  volfile: string;
  dir: string;
  /** Names of the volume's protocol/client translators. */
  clients: string[];
}

export class Mount {
  /** Root of the volume, usable from any process of this machine (root only). */
  readonly path: string;
  readonly logFile: string;
  readonly runDir: string;
  readonly #process: LabProcess;
  readonly #clients: string[];

  private constructor(process: LabProcess, path: string, places: PodPlaces, clients: string[]) {
    this.#process = process;
    this.path = path;
    this.logFile = places.logFile;
    this.runDir = places.runDir;
    this.#clients = clients;
  }

  static async start(context: LabContext, plan: MountPlan, options: MountOptions): Promise<Mount> {
    const { root, labDir } = context;
    const places = podPlaces(plan.dir, 'client');
    const mountPoint = `${plan.dir}/mnt`;
    await makeFolders(places.runDir, places.logDir, mountPoint);
    const command = ['glusterfs', '-N', ...volfileArguments(plan, options), '-l', places.logFile, '-p', places.pidFile];
    if (options.pid !== undefined) command.push(`--client-pid=${options.pid}`);
    if (options.logLevel !== undefined) command.push('-L', options.logLevel);
    command.push(...(options.args ?? []), mountPoint);
    const process = await LabProcess.start({
      labDir,
      what: `client ${plan.dir}`,
      command: inNamespace({ root, labDir, runDir: places.runDir, logDir: places.logDir }, command),
      outputFile: `${places.logDir}/output`,
      logFile: places.logFile,
    });
    context.track(process);
    const path = `/proc/${process.pid}/root${mountPoint}`;
    await waitFor(`mount of ${plan.dir}`, async () => (process.running ? isMounted(process.pid, mountPoint) : 'ended'));
    await process.assertRunning();
    // For people: the lab's folder shows where the mount is.
    await symlink(path, `${plan.dir}/volume`);
    const mount = new Mount(process, path, places, plan.clients);
    await waitFor(`root of ${plan.dir}`, async () => stat(path));
    return mount;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** The bricks that this client is connected to, by index in the volume. */
  async connectedBricks(): Promise<number[]> {
    const states = await Promise.all(this.#clients.map(async (name) => this.#isConnected(name)));
    return states.flatMap((connected, index) => (connected ? [index] : []));
  }

  /** A client comes back to a restarted brick after 3 s or so; writes before that leave pending heals. */
  async waitConnected(options?: WaitOptions): Promise<void> {
    const all = this.#clients.length;
    await waitFor(
      `client ${this.pid} to be connected to all ${all} bricks`,
      async () => (await this.connectedBricks()).length === all,
      options,
    );
  }

  pause(): void {
    this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#process.signal('SIGCONT');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  async kill(): Promise<ExitStatus> {
    return await this.#process.end('SIGKILL');
  }

  /** Ends the client, and with it the mount. */
  async unmount(): Promise<ExitStatus> {
    return await this.#process.end('SIGTERM');
  }

  async #isConnected(client: string): Promise<boolean> {
    // The meta translator, which every FUSE client has on top, shows the state of each translator as a file.
    const state = await readFile(`${this.path}/.meta/graphs/active/${client}/private`, 'utf8');
    const connected = /^connected = (\d)$/m.exec(state)?.[1];
    if (connected === undefined) throw new AgentError('Internal', `${client}: no connection state in ${state}`);
    return connected === '1';
  }
}

async function isMounted(pid: number, mountPoint: string): Promise<boolean> {
  try {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
    return mounts.split('\n').some((line) => line.includes(`${mountPoint} `) && line.includes(' - fuse'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function volfileArguments({ volfile }: MountPlan, { volfileServer }: MountOptions): string[] {
  if (volfileServer === undefined) return ['-f', volfile];
  const { port, id } = volfileServer;
  return ['--volfile-server', '127.0.0.1', '--volfile-server-port', String(port), '--volfile-id', id];
}
