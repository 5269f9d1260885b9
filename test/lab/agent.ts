/** The agent beside a lab brick, configured by environment and flags as in a pod. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { AgentError } from '../../src/lib/errors.ts';
import type { Brick } from './brick.ts';
import { runCommand, type CommandResult } from './command.ts';
import { request, type HttpReply } from './http.ts';
import type { Lab } from './lab.ts';
import { makeFolders } from './lease.ts';
import { LabProcess, type ExitStatus } from './process.ts';
import type { Volume } from './volume.ts';
import { waitFor } from './wait.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Includes the start of Node without a bundle on a busy machine. */
const READY_DEADLINE_MS = 30_000;
const PROBE_TIMEOUT_MS = 2_000;
/** A command that is interrupted ends in a moment. */
const INTERRUPT_DEADLINE_MS = 60_000;

export interface AgentOptions {
  /** Added to, or in place of, what the lab sets; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** By name without dashes in front: `{ 'log-level': 'debug' }`. */
  flags?: Record<string, string>;
  /** Runs dist/main.js (`npm run build` first) in place of src/main.ts. */
  bundle?: boolean;
  /** All that it may have, as a pod spec names them (`SYS_ADMIN`); default: all of the caller's. */
  capabilities?: readonly string[];
  /** As in a pod that does not share its process namespace: it sees no process but its own. */
  ownPids?: boolean;
  /** Waits until /readyz says 200. Default true; false returns at once. */
  waitReady?: boolean;
}

export interface AgentExit extends ExitStatus {
  /** From the signal to the end. */
  durationMs: number;
}

export interface CommandSignalled {
  /** By which it ended; null: by itself. */
  signal: NodeJS.Signals | null;
  stderr: string;
}

export interface ApiOptions {
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** Starts `brick-agent run` for a brick. */
export async function startAgent(
  lab: Lab,
  volume: Volume,
  brick: Brick,
  options: AgentOptions = {},
): Promise<LabAgent> {
  // A restarted agent has the same folder and new ports, as its old connections may linger, unless it is to be found where it was.
  const dir = `${volume.dir}/brick-${brick.index}/agent`;
  await makeFolders(dir);
  const opsPort = portIn(options.env?.['BRICK_AGENT_OPS_LISTEN']) ?? (await lab.nextPort());
  const apiPort = portIn(options.env?.['BRICK_AGENT_API_LISTEN']) ?? (await lab.nextPort());
  const socketPath = `${dir}/agent.sock`;
  const env = {
    PATH: process.env['PATH'],
    ...agentEnvironment(volume, brick),
    BRICK_AGENT_OPS_LISTEN: `127.0.0.1:${opsPort}`,
    BRICK_AGENT_API_LISTEN: `127.0.0.1:${apiPort}`,
    BRICK_AGENT_SOCKET_PATH: socketPath,
    ...options.env,
  };
  const flags = Object.entries(options.flags ?? {}).flatMap(([name, value]) => [`--${name}`, value]);
  const main = resolve(PROJECT, options.bundle === true ? 'dist/main.js' : 'src/main.ts');
  const agentProcess = await LabProcess.start({
    labDir: lab.dir,
    what: `agent of brick ${brick.index}`,
    command: [
      ...boundTo(options.capabilities),
      ...(options.ownPids === true ? OWN_PIDS : []),
      ...program(main),
      'run',
      ...flags,
    ],
    env,
    outputFile: `${dir}/output`,
  });
  lab.track(agentProcess);
  const agent = new LabAgent(agentProcess, {
    opsPort,
    apiPort,
    socketPath,
    outputFile: `${dir}/output`,
    main,
    env,
    ownPids: options.ownPids === true,
  });
  if (options.waitReady ?? true) await agent.waitReady();
  return agent;
}

/** The program is a child of what makes the namespace, and dies with it. */
const OWN_PIDS: readonly string[] = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** For root, what stays in the bounding set is what a program gets. */
function boundTo(capabilities: readonly string[] | undefined): string[] {
  if (capabilities === undefined) return [];
  return ['setpriv', '--bounding-set', ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',')];
}

/** What a pod spec would set for this brick, without the listeners. Also for tools that are not started by startAgent. */
export function agentEnvironment(volume: Volume, brick: Brick): Record<string, string> {
  return {
    VOLUME: volume.name,
    VOLUME_ID: volume.volumeId,
    VOLUME_TYPE: volume.kadaluType,
    BRICK_PATH: brick.path,
    BRICK_INDEX: String(brick.index),
    NODEID: `node-${brick.index}`,
    HOSTNAME: os.hostname(),
    BRICK_AGENT_BRICK_HOST: '127.0.0.1',
    BRICK_AGENT_BRICK_PORT: String(brick.port),
    BRICK_AGENT_BRICK_SOCKET: brick.socket,
    BRICK_AGENT_BRICK_PID_FILE: brick.pidFile,
    BRICK_AGENT_BRICK_LOG_FILE: brick.logFile,
    BRICK_AGENT_STATEDUMP_DIR: brick.runDir,
    BRICK_AGENT_SHD: volume.hasShd ? 'on' : 'off',
    BRICK_AGENT_SHD_SOCKET: volume.shd.socket,
    BRICK_AGENT_SHD_PID_FILE: volume.shd.pidFile,
    BRICK_AGENT_SHD_LOG_FILE: volume.shd.logFile,
    BRICK_AGENT_VOLFILE_DIR: volume.configMap.dir,
    BRICK_AGENT_BRICK_VOLFILE: brick.volfileName,
    BRICK_AGENT_SHD_VOLFILE: volume.shd.volfileName,
    BRICK_AGENT_BRICK_MOUNT: 'any',
    ...(volume.spec.type === 'disperse' ? { BRICK_AGENT_DISPERSE_DATA: String(volume.dataFragments) } : {}),
  };
}

interface AgentPlaces {
  opsPort: number;
  apiPort: number;
  socketPath: string;
  outputFile: string;
  main: string;
  env: Record<string, string | undefined>;
  ownPids: boolean;
}

export class LabAgent {
  readonly opsPort: number;
  /** Served only when the agent has a token file. */
  readonly apiPort: number;
  readonly socketPath: string;
  readonly #process: LabProcess;
  readonly #places: AgentPlaces;

  constructor(process: LabProcess, places: AgentPlaces) {
    this.#process = process;
    this.opsPort = places.opsPort;
    this.apiPort = places.apiPort;
    this.socketPath = places.socketPath;
    this.#places = places;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** All variables that it was started with. */
  get environment(): Readonly<Record<string, string | undefined>> {
    return this.#places.env;
  }

  /** A variable that it was started with. */
  variable(name: string): string | undefined {
    return this.#places.env[name];
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Over the unix socket, as the command line tool does. */
  async api(method: string, path: string, body?: unknown, options: ApiOptions = {}): Promise<HttpReply> {
    return await request({ method, path, body, target: { socketPath: this.socketPath }, ...options });
  }

  /** GET on the listener of probes and metrics. */
  async ops(path: string, options: ApiOptions = {}): Promise<HttpReply> {
    return await request({ method: 'GET', path, target: { host: '127.0.0.1', port: this.opsPort }, ...options });
  }

  /** `brick-agent <args>` as a person in the pod would call it. */
  async cli(...args: string[]): Promise<CommandResult> {
    const { main, env } = this.#places;
    return await runCommand([...program(main), ...args], { env });
  }

  /** The same by a shell, which turns a signal into a code as `kubectl exec` does: 128 and its number. */
  async cliInShell(...args: string[]): Promise<CommandResult> {
    const { main, env } = this.#places;
    return await runCommand(['sh', '-c', '"$@"; exit $?', 'sh', ...program(main), ...args], { env });
  }

  /** By Ctrl-C as soon as `seen` resolves. */
  async cliInterrupted(seen: () => Promise<unknown>, ...args: string[]): Promise<CommandSignalled> {
    const { main, env } = this.#places;
    const [file = '', ...rest] = [...program(main), ...args];
    const child = spawn(file, rest, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: INTERRUPT_DEADLINE_MS });
    const closed = once(child, 'close');
    const stderr = text(child.stderr);
    try {
      await seen();
    } finally {
      child.kill('SIGINT');
    }
    await closed;
    return { signal: child.signalCode, stderr: await stderr };
  }

  /** With its standard output in a file. */
  async cliInto(file: string, ...args: string[]): Promise<CommandResult> {
    const { main, env } = this.#places;
    return await runCommand(['sh', '-c', 'file=$1; shift; "$@" >"$file"', 'sh', file, ...program(main), ...args], {
      env,
    });
  }

  async waitReady(timeoutMs: number = READY_DEADLINE_MS): Promise<void> {
    await waitFor(
      `/readyz of ${this.#process.what}`,
      async () => {
        if (!this.#process.running) return 'ended';
        const { status, text } = await this.ops('/readyz', { timeoutMs: PROBE_TIMEOUT_MS });
        if (status !== 200) throw new AgentError('Conflict', `${status} ${text}`);
        return 'ready';
      },
      { timeoutMs },
    );
    await this.#process.assertRunning();
  }

  /** The log so far: one object a line; a line that is not JSON (a crash of Node) comes as `{ text }`. */
  async logs(): Promise<Record<string, unknown>[]> {
    const lines = (await readFile(this.#places.outputFile, 'utf8')).split('\n').filter(Boolean);
    return lines.map(parseLine);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** SIGTERM, as the kubelet does. */
  async stop(): Promise<AgentExit> {
    return await this.#end('SIGTERM');
  }

  async kill(): Promise<AgentExit> {
    return await this.#end('SIGKILL');
  }

  /** How it ended by itself. */
  async exited(deadlineMs?: number): Promise<ExitStatus> {
    return await this.#process.exited(deadlineMs);
  }

  async #end(signal: NodeJS.Signals): Promise<AgentExit> {
    const start = performance.now();
    if (this.#places.ownPids) {
      // What has made the namespace passes no signals on, and ends with its child.
      const { pid } = this.#process;
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      for (const child of children.split(' ').filter(Boolean)) process.kill(Number(child), signal);
    }
    const status = this.#places.ownPids ? await this.#process.exited() : await this.#process.end(signal);
    return { ...status, durationMs: performance.now() - start };
  }
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Shown as text below.
  }
  return { text: line };
}

/** The bundle is started as in the image: by its first line, which has flags for the interpreter. Sources are not. */
function portIn(listen: string | undefined): number | undefined {
  const port = /:(\d+)$/.exec(listen ?? '')?.[1];
  return port === undefined ? undefined : Number(port);
}

function program(main: string): string[] {
  return main.endsWith('.js') ? [main] : [process.execPath, main];
}
