/**
 * Proves that a unix socket is a self-heal daemon's. A heal operation or a question for statistics makes any other GlusterFS
 * process crash, and so does one to a daemon that was started without `iam-self-heal-daemon yes`, even when a reload has
 * brought the option since (measured on 11.1): what counts is the graph that the process was started with.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';
import {
  GLUSTER_EXE_NAMES,
  isSameProcess,
  proveProcess,
  readProcess,
  type ProcessInfo,
  type ProcOptions,
} from '../process/identity.ts';
import { attempt, DEFAULT_PROC_ROOT, readProc } from '../process/proc-fs.ts';
import { ownsListeningSocket } from '../process/socket-owner.ts';
import { parseGlusterArguments } from '../volfile/cmdline.ts';
import { healSets, type HealSet } from '../volfile/facts.ts';
import type { Graph } from '../volfile/model.ts';
import { MAX_VOLFILE_BYTES, parseVolfile } from '../volfile/parse.ts';
import { formatProblem } from '../volfile/problem.ts';
import { isSameSocket, readBelow } from './process-file.ts';

export interface ShdProofOptions extends ProcOptions {
  /** Where we connect to. */
  socketPath: string;
  pidFile: string;
  /** The graph that this process is known to run, from who watches its volfile; undefined: not known. */
  runningGraph?: (process: ProcessInfo) => Graph | undefined;
}

/** What the graph is known by. */
export type GraphEvidence =
  /** The file has not changed since the process started. */
  | 'volfile'
  /** Who watches the volfile knows. */
  | 'running-graph'
  /** The file has changed, but the process has the threads that only a self-heal daemon starts. */
  | 'healer-threads';

export interface ProvenShd {
  process: ProcessInfo;
  socketPath: string;
  /** The replica and disperse sets, at least one, in file order; heal operations name them. */
  sets: readonly HealSet[];
  evidence: GraphEvidence;
  /** Wall-clock milliseconds. */
  provenAt: number;
}

/** The whole proof takes a few milliseconds; more means that a file system in the way hangs. */
const PROOF_DEADLINE_MS = 5000;

/** Start times of processes are good to 20 ms, times of files to one tick of the kernel. In milliseconds. */
const TIME_ERROR_MS = 50;

/** A daemon has some twenty threads and one or two for each brick. */
const MAX_THREADS = 4096;

/** As the kernel shows them, which cuts names to 15 bytes (measured on 11.1: replicate, disperse). */
const HEALER_THREADS: ReadonlySet<string> = new Set(['glfs_shdheal', 'glfs_ecshd']);

/** @throws AgentError `ProcessUnproven` with reason and remedy, `Timeout`, `Aborted` */
export async function proveShd(options: ShdProofOptions, signal?: AbortSignal): Promise<ProvenShd> {
  return await withDeadline(
    PROOF_DEADLINE_MS,
    `proving the self-heal daemon of ${options.socketPath}`,
    async () => await prove(options),
    signal,
  );
}

async function prove(options: ShdProofOptions): Promise<ProvenShd> {
  const { socketPath, pidFile } = options;
  const proof = await proveProcess({ ...options, pidFile, exeNames: GLUSTER_EXE_NAMES });
  if (!proof.ok) throw unproven(proof.reason, proof.message);
  const { process } = proof;
  await proveSocket(process, options);
  const { graph, evidence } = await provenGraph(process, options);
  const sets = healSets(graph);
  if (sets.length === 0) {
    throw unproven(
      'NotAHealDaemon',
      `pid ${process.pid} has no replicate or disperse volume; is ${pidFile} the brick's?`,
    );
  }
  const mute = sets.filter((set) => !set.healDaemon).map((set) => set.name);
  if (mute.length > 0) {
    const remedy = 'write it into the volfile and restart the self-heal daemon';
    throw unproven('NotAHealDaemon', `${mute.join(', ')}: no "option iam-self-heal-daemon yes"; ${remedy}`);
  }
  if (!isSameProcess(process, await readProcess(process.pid, options))) {
    throw unproven('NotRunning', `pid ${process.pid} ended while it was looked at`);
  }
  return { process, socketPath, sets, evidence, provenAt: (options.now ?? Date.now)() };
}

/** That connecting to our path reaches this process: it listens under its name for it, and both names are one file. */
async function proveSocket(process: ProcessInfo, options: ShdProofOptions): Promise<void> {
  const { socket } = parseGlusterArguments(process.cmdline);
  if (socket === undefined) {
    throw unproven('NoSocket', `pid ${process.pid} was started without -S; give it -S ${options.socketPath}`);
  }
  const owner = await ownsListeningSocket(process.pid, [socket], options.procRoot);
  if (!owner.ok) throw unproven(owner.reason, owner.message);
  const same = await lookInto(process, `the socket ${socket}`, async () => {
    return await isSameSocket(options.socketPath, rootOf(process, options), socket);
  });
  if (!same) {
    throw unproven(
      'OtherSocket',
      `${options.socketPath} is not the socket that pid ${process.pid} knows as ${socket}; check shdSocket, and that both containers share its directory`,
    );
  }
}

async function provenGraph(
  process: ProcessInfo,
  options: ShdProofOptions,
): Promise<{ graph: Graph; evidence: GraphEvidence }> {
  const { pid } = process;
  const { volfile, volfileServer, addedOptions } = parseGlusterArguments(process.cmdline);
  if (addedOptions.has('iam-self-heal-daemon')) {
    throw unproven(
      'GraphUnknown',
      `pid ${pid} has iam-self-heal-daemon on its command line; write it into the volfile`,
    );
  }
  const running = options.runningGraph?.(process);
  if (running !== undefined) return { graph: running, evidence: 'running-graph' };
  if (volfile === undefined || volfileServer || !volfile.startsWith('/')) {
    throw unproven(
      'GraphUnknown',
      `pid ${pid} was not started with -f and an absolute path, so its volfile is not known`,
    );
  }
  const file = await lookInto(process, `the volfile ${volfile}`, async () => {
    return await readBelow(rootOf(process, options), volfile, MAX_VOLFILE_BYTES);
  });
  if (file === undefined)
    throw unproven('GraphUnknown', `${volfile} is not a volfile: not a regular file, or too large`);
  const parsed = parseVolfile(file.bytes);
  if (!parsed.ok) {
    const [problem] = parsed.problems;
    throw unproven(
      'GraphUnknown',
      problem === undefined ? `${volfile} cannot be parsed` : formatProblem(volfile, problem),
    );
  }
  if (file.changedAt < process.startedAt - TIME_ERROR_MS) return { graph: parsed.graph, evidence: 'volfile' };
  // With several sets the threads do not tell whose they are.
  if (healSets(parsed.graph).length === 1 && (await hasHealerThreads(process, options))) {
    return { graph: parsed.graph, evidence: 'healer-threads' };
  }
  throw unproven(
    'GraphUnknown',
    `${volfile} was changed after pid ${pid} started, so what it runs is not known; restart the self-heal daemon`,
  );
}

async function hasHealerThreads(process: ProcessInfo, options: ShdProofOptions): Promise<boolean> {
  const dir = join(options.procRoot ?? DEFAULT_PROC_ROOT, String(process.pid), 'task');
  const tasks = await attempt(dir, async () => await readdir(dir));
  if (!tasks.ok) return false;
  for (const task of tasks.value.slice(0, MAX_THREADS)) {
    const name = await readProc(join(dir, task, 'comm'));
    if (name.ok && HEALER_THREADS.has(name.value.toString('latin1').trimEnd())) return true;
  }
  return false;
}

function rootOf(process: ProcessInfo, options: ShdProofOptions): string {
  return join(options.procRoot ?? DEFAULT_PROC_ROOT, String(process.pid), 'root');
}

/** Runs a look below the process's root, and says what to do when it is not allowed. */
async function lookInto<T>(process: ProcessInfo, what: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    const denied = ['EACCES', 'EPERM'].includes(errnoOf(cause) ?? '');
    const remedy = denied ? '; run as the same user and share the process namespace, or add SYS_PTRACE' : '';
    const message = `${what} of pid ${process.pid} cannot be read: ${errorMessage(cause)}${remedy}`;
    throw unproven(denied ? 'NoPermission' : 'GraphUnknown', message, cause);
  }
}

function unproven(reason: string, message: string, cause?: unknown): AgentError {
  return new AgentError('ProcessUnproven', message, { details: { reason }, ...(cause === undefined ? {} : { cause }) });
}
