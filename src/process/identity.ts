/**
 * Who is that process, proven. A pid file outlives its process and pids are used again, so a number in a file is not a
 * process: a signal goes only to one whose executable, start time and hold on the pid file fit together.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withDeadline } from '../lib/deadline.ts';
import { errnoOf, errorMessage } from '../lib/errors.ts';
import { lockHolders } from './file-locks.ts';
import { readFrozen } from './freezer.ts';
import {
  DEFAULT_PROC_ROOT,
  PROC_DEADLINE_MS,
  readMoment,
  readProc,
  readProcLink,
  TICKS_PER_SECOND,
} from './proc-fs.ts';
import { parseStatLine } from './stat-line.ts';

export interface ProcessInfo {
  pid: number;
  /** Path of the executable as its own root shows it, without " (deleted)"; undefined when we may not look. */
  exe: string | undefined;
  /** The file was replaced or removed since the process started (a package upgrade). */
  exeDeleted: boolean;
  /** Clock ticks since boot; with the pid it names one process for as long as the machine is up. */
  startTicks: number;
  /** Wall-clock milliseconds, computed from the age of the process; good to about 20 ms. */
  startedAt: number;
  cmdline: string[];
  /** One letter as in proc(5). */
  state: string;
  /** Whether its cgroup is frozen; undefined: not looked at, or it cannot be seen from here. */
  isFrozen?: boolean | undefined;
}

export type ProofFailure =
  | 'PidFileMissing'
  | 'PidFileUnreadable'
  | 'PidFileGarbage'
  | 'NotRunning'
  | 'NoPermission'
  | 'WrongExecutable'
  | 'PidReused'
  | 'LockedByOther';

export type ProcessProof =
  | {
      ok: true;
      process: ProcessInfo;
      evidence: 'lock' | 'start-time';
      /** Wall-clock milliseconds. glusterfsd writes it right before it reads its volfile (measured on 11.1). */
      pidFileWrittenAt: number;
    }
  | { ok: false; reason: ProofFailure; message: string };

/** Certainly not there: the pid file is missing, or names nobody. Whatever else is not proven is doubt. */
export function isGone({ reason }: ProcessProof & { ok: false }): boolean {
  return reason === 'NotRunning' || reason === 'PidFileMissing';
}

/** Names one process for as long as the machine is up. */
export function keyOf({ pid, startTicks }: Pick<ProcessInfo, 'pid' | 'startTicks'>): string {
  return `${pid}:${startTicks}`;
}

export interface ProcOptions {
  /** Where proc is mounted; another place in tests only. */
  procRoot?: string;
  /** Wall clock in milliseconds. */
  now?: () => number;
}

export interface ProveOptions extends ProcOptions {
  pidFile: string;
  /** Accepted base names of the executable. */
  exeNames: readonly string[];
}

/** What runs as a brick or self-heal daemon; `glusterfs` is a link to `glusterfsd` in the usual packages. */
export const GLUSTER_EXE_NAMES: readonly string[] = ['glusterfsd', 'glusterfs'];

/**
 * The process writes its pid file after it has started. The slack covers the coarse clock of file times (one kernel tick),
 * the 10 ms steps of /proc/uptime and a small step of the wall clock since. In milliseconds.
 */
export const PID_FILE_SLACK_MS = 2000;

/** A pid with a line feed is at most 11 bytes; more is not a pid file. */
const MAX_PID_FILE_BYTES = 64;

/** `undefined` when there is no such process. A zombie is returned with state `Z`. */
export async function readProcess(pid: number, options: ProcOptions = {}): Promise<ProcessInfo | undefined> {
  const root = options.procRoot ?? DEFAULT_PROC_ROOT;
  const dir = join(root, String(pid));
  const statText = await readProc(join(dir, 'stat'));
  const moment = readMoment(root, options.now ?? Date.now);
  if (!statText.ok || moment === undefined) return undefined;
  const line = parseStatLine(statText.value.toString('latin1'));
  if (line === undefined) return undefined;
  const exe = await readProcLink(join(dir, 'exe'));
  const cmdline = await readProc(join(dir, 'cmdline'));
  return {
    pid,
    exe: exe.ok ? exe.value.replace(/ \(deleted\)$/, '') : undefined,
    exeDeleted: exe.ok && exe.value.endsWith(' (deleted)'),
    startTicks: line.startTicks,
    startedAt: Math.round(moment.now - (moment.uptimeSeconds - line.startTicks / TICKS_PER_SECOND) * 1000),
    cmdline: cmdline.ok ? splitCmdline(cmdline.value) : [],
    state: line.state,
    isFrozen: await readFrozen(pid, root),
  };
}

/**
 * Proves that the pid file names a live process of the kind wanted, and that this process is the one that wrote it.
 *
 * Two proofs of the latter: glusterfsd keeps an fcntl write lock on its pid file while it lives (measured on 11.1), which is
 * certain when /proc/locks shows it; else the process must not be younger than the file. Expected failures are results;
 * nothing is thrown for them.
 */
export async function proveProcess(options: ProveOptions): Promise<ProcessProof> {
  const { pidFile, exeNames } = options;
  const file = await readPidFile(pidFile);
  if (!file.ok) return file;
  const process = await readProcess(file.pid, options);
  if (process === undefined || process.state === 'Z' || process.state === 'X') {
    return fail('NotRunning', `pid ${file.pid} of ${pidFile} is not running`);
  }
  if (process.exe === undefined) {
    return fail(
      'NoPermission',
      `the executable of pid ${file.pid} cannot be read; run as the same user and share the process namespace, or add SYS_PTRACE`,
    );
  }
  if (!exeNames.includes(basename(process.exe))) {
    return fail('WrongExecutable', `pid ${file.pid} of ${pidFile} runs ${process.exe}, not ${exeNames.join(' or ')}`);
  }
  const holders = await lockHolders(file, options.procRoot);
  const pidFileWrittenAt = file.mtimeMs;
  if (holders.includes(file.pid)) return { ok: true, process, evidence: 'lock', pidFileWrittenAt };
  const other = holders[0];
  if (other !== undefined) {
    return fail('LockedByOther', `${pidFile} names pid ${file.pid} but is locked by pid ${other}`);
  }
  if (process.startedAt > file.mtimeMs + PID_FILE_SLACK_MS) {
    return fail('PidReused', `pid ${file.pid} is younger than ${pidFile}: the number was given to another process`);
  }
  return { ok: true, process, evidence: 'start-time', pidFileWrittenAt };
}

/** The same process still, or already gone or another one with its pid. */
export function isSameProcess(a: ProcessInfo, b: ProcessInfo | undefined): boolean {
  return b !== undefined && b.state !== 'Z' && b.state !== 'X' && a.pid === b.pid && a.startTicks === b.startTicks;
}

interface PidFile {
  ok: true;
  pid: number;
  mtimeMs: number;
  ino: number;
}

async function readPidFile(path: string): Promise<PidFile | (ProcessProof & { ok: false })> {
  try {
    return await withDeadline(PROC_DEADLINE_MS, `reading ${path}`, async () => await readPidFileNow(path));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return fail('PidFileMissing', `${path} does not exist`);
    return fail('PidFileUnreadable', `${path} cannot be read: ${errorMessage(error)}`);
  }
}

async function readPidFileNow(path: string): Promise<PidFile | (ProcessProof & { ok: false })> {
  // Opening a FIFO would wait for a writer, so the kind is looked at first.
  if (!(await stat(path)).isFile()) return fail('PidFileGarbage', `${path} is not a regular file`);
  const handle = await open(path, 'r');
  try {
    const { mtimeMs, ino } = await handle.stat();
    const pid = parsePid(await readStart(handle));
    if (pid === undefined) return fail('PidFileGarbage', `${path} does not hold a pid`);
    return { ok: true, pid, mtimeMs, ino };
  } finally {
    await handle.close();
  }
}

async function readStart(handle: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_PID_FILE_BYTES), 0, MAX_PID_FILE_BYTES, 0);
  return buffer.toString('latin1', 0, bytesRead);
}

function parsePid(text: string): number | undefined {
  const match = /^\s*([1-9]\d{0,9})\s*$/.exec(text);
  // PID_MAX_LIMIT of 64-bit Linux is 2^22. 1 is init: a brick that is its container's first process writes 1, which here is
  // somebody else; the executable decides.
  const pid = Number(match?.[1] ?? 'NaN');
  return pid <= 2 ** 22 ? pid : undefined;
}

function splitCmdline(bytes: Buffer): string[] {
  const words = bytes.toString('utf8').split('\0');
  if (words.at(-1) === '') words.pop();
  return words;
}

function fail(reason: ProofFailure, message: string): ProcessProof & { ok: false } {
  return { ok: false, reason, message };
}
