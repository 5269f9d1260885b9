/**
 * Reads small files of /proc under a deadline. `cmdline`, `exe` and `fd` take locks of the process they describe, so a read
 * about a process that is stuck in the kernel may not come back.
 */
import { readFile, readlink } from 'node:fs/promises';
import { withDeadline } from '../lib/deadline.ts';
import { errnoOf, isAgentError } from '../lib/errors.ts';

export const DEFAULT_PROC_ROOT = '/proc';

/** A read of /proc takes microseconds; a second means that the process is stuck. In milliseconds. */
export const PROC_DEADLINE_MS = 1000;

/** USER_HZ: the unit of the times in /proc/<pid>/stat; 100 on every architecture Linux has kept. */
export const TICKS_PER_SECOND = 100;

/** `absent`: no such process or file. `denied`: no right to look. `stuck`: no answer within the deadline. */
export type ProcRead<T> = { ok: true; value: T } | { ok: false; why: 'absent' | 'denied' | 'stuck' };

/** @throws AgentError `Internal` or a system error for anything but an absent, denied or stuck file */
export async function readProc(path: string): Promise<ProcRead<Buffer>> {
  return await attempt(path, async () => await readFile(path));
}

/** As readProc, for a symbolic link such as `exe` or `fd/3`. */
export async function readProcLink(path: string): Promise<ProcRead<string>> {
  return await attempt(path, async () => await readlink(path));
}

/** Runs one file-system call on /proc and sorts its failure into the expected ones. */
export async function attempt<T>(path: string, work: () => Promise<T>): Promise<ProcRead<T>> {
  try {
    return { ok: true, value: await withDeadline(PROC_DEADLINE_MS, path, work) };
  } catch (error) {
    const why = whyNot(error);
    if (why === undefined) throw error;
    return { ok: false, why };
  }
}

function whyNot(error: unknown): 'absent' | 'denied' | 'stuck' | undefined {
  if (isAgentError(error, 'Timeout')) return 'stuck';
  const errno = errnoOf(error) ?? '';
  if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(errno)) return 'absent';
  if (['EACCES', 'EPERM'].includes(errno)) return 'denied';
  return undefined;
}
