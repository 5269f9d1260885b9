/** What the kernel counts for a process; for metrics. What cannot be known is undefined, never 0. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, DEFAULT_PROC_ROOT, readProc, readProcNow, TICKS_PER_SECOND } from './proc-fs.ts';
import { parseStatLine } from './stat-line.ts';

export interface ProcessStats {
  /** User plus system time since the start. */
  cpuSeconds: number;
  rssBytes: number | undefined;
  /** Undefined without the right to look into the process. */
  openFds: number | undefined;
  /** Soft limit of open files. */
  maxFds: number | undefined;
  threads: number;
  /** In state D: in a system call that nothing can interrupt. Undefined: there are very many, or they cannot be seen. */
  blockedThreads: number | undefined;
  /** Seconds since the epoch, as `process_start_time_seconds` wants it. */
  startTimeSeconds: number;
}

/** A brick has some 20 to 90 threads; a look at more would cost more than it tells. */
const MAX_THREADS = 256;

/** `undefined` when there is no such process, or only its zombie. */
export async function readProcessStats(
  pid: number,
  procRoot: string = DEFAULT_PROC_ROOT,
): Promise<ProcessStats | undefined> {
  const dir = join(procRoot, String(pid));
  const [stat, status, limits, system] = await Promise.all([
    readProc(join(dir, 'stat')),
    readProc(join(dir, 'status')),
    readProc(join(dir, 'limits')),
    readProc(join(procRoot, 'stat')),
  ]);
  const line = stat.ok ? parseStatLine(stat.value.toString('latin1')) : undefined;
  const bootTime = system.ok ? firstNumber(system.value, /^btime (\d+)$/m) : undefined;
  if (line === undefined || line.state === 'Z' || bootTime === undefined) return undefined;
  const rssKib = status.ok ? firstNumber(status.value, /^VmRSS:\s+(\d+) kB$/m) : undefined;
  const fds = await attempt(join(dir, 'fd'), async () => await readdir(join(dir, 'fd')));
  return {
    cpuSeconds: line.cpuTicks / TICKS_PER_SECOND,
    rssBytes: rssKib === undefined ? undefined : rssKib * 1024,
    openFds: fds.ok ? fds.value.length : undefined,
    maxFds: limits.ok ? firstNumber(limits.value, /^Max open files\s+(\d+)/m) : undefined,
    threads: line.threads,
    blockedThreads: line.threads > MAX_THREADS ? undefined : await blockedThreads(join(dir, 'task')),
    // btime never moves with the wall clock's age arithmetic, so the series of one process stays one number.
    startTimeSeconds: bootTime + line.startTicks / TICKS_PER_SECOND,
  };
}

async function blockedThreads(taskDir: string): Promise<number | undefined> {
  const tasks = await attempt(taskDir, async () => await readdir(taskDir));
  if (!tasks.ok) return undefined;
  return tasks.value.slice(0, MAX_THREADS).filter((task) => {
    const stat = readProcNow(join(taskDir, task, 'stat'))?.toString('latin1');
    return stat !== undefined && parseStatLine(stat)?.state === 'D';
  }).length;
}

function firstNumber(text: Buffer, pattern: RegExp): number | undefined {
  const match = pattern.exec(text.toString('latin1'));
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
