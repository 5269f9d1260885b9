/**
 * Reads small files of /proc under a deadline. `cmdline`, `exe` and `fd` take locks of the process they describe, so a read
 * about a process that is stuck in the kernel may not come back.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
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
  return await attempt(path, async () => await readWhole(path));
}

/** Most of these files are smaller, in bytes. */
const CHUNK_BYTES = 4096;
/** As many reads as are mostly under way at a time. */
const MAX_SPARE = 8;
const spare: Buffer[] = [];

/**
 * These files have no size, and readFile takes 64 KiB for each of them: those of a brick's threads were 3 MB in each look, and had the whole heap
 * collected every 10 s (measured).
 */
async function readWhole(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  const chunk = spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return Buffer.concat(parts);
      parts.push(Buffer.from(chunk.subarray(0, bytesRead)));
    }
  } finally {
    // A read that is stuck comes here when it ends: until then the kernel may write into the chunk.
    if (spare.length < MAX_SPARE) spare.push(chunk);
    await handle.close();
  }
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

/** The machine's two clocks at one moment. */
export interface Moment {
  /** Wall-clock milliseconds. */
  now: number;
  /** Since boot, in steps of 10 ms. */
  uptimeSeconds: number;
}

/** A read of a thread that keeps its core takes a tenth of a millisecond. */
const MAX_APART_MS = 10;
const MAX_LOOKS = 5;

/**
 * Read one right after the other without giving up the thread (this file waits for no process), and again when the thread was
 * interrupted in between: a process would seem to be older by as much. `now` is then the earlier one all the same.
 *
 * @returns undefined when there is no such file
 */
export function readMoment(procRoot: string, clock: () => number): Moment | undefined {
  let best: { moment: Moment; apart: number } | undefined;
  for (let look = 0; look < MAX_LOOKS && (best === undefined || best.apart > MAX_APART_MS); look += 1) {
    const now = clock();
    const text = readUptime(procRoot);
    const apart = clock() - now;
    const uptimeSeconds = Number.parseFloat(text ?? '');
    if (Number.isNaN(uptimeSeconds)) return undefined;
    if (best === undefined || apart < best.apart) best = { moment: { now, uptimeSeconds }, apart };
  }
  return best?.moment;
}

/**
 * The same without giving up the thread, and at a tenth of the cost, for what is small and waits for no process: `task/<tid>/stat` takes spin
 * locks only.
 *
 * @returns good until the next call; undefined when there is no such file. @throws a system error for anything but an absent or denied file
 */
export function readProcNow(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const bytes = readSync(fd, scratch, 0, CHUNK_BYTES, null);
    return scratch.subarray(0, bytes);
  } catch (error) {
    if (whyNot(error) === undefined) throw error;
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Of the last such read. */
const scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);

function readUptime(procRoot: string): string | undefined {
  try {
    return readFileSync(join(procRoot, 'uptime'), 'latin1');
  } catch (error) {
    if (whyNot(error) === undefined) throw error;
    return undefined;
  }
}

function whyNot(error: unknown): 'absent' | 'denied' | 'stuck' | undefined {
  if (isAgentError(error, 'Timeout')) return 'stuck';
  const errno = errnoOf(error) ?? '';
  if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(errno)) return 'absent';
  if (['EACCES', 'EPERM'].includes(errno)) return 'denied';
  return undefined;
}
