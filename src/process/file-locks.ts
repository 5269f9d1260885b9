/** Who holds a lock on a file, from /proc/locks: the one proof of a pid file that needs no clock. */
import { join } from 'node:path';
import { DEFAULT_PROC_ROOT, readProc } from './proc-fs.ts';

/**
 * The pids that hold a POSIX write lock on the inode, as this pid namespace numbers them; empty when none is visible.
 *
 * Compared by inode only: on overlay file systems the device shown there is not the one that stat shows.
 */
export async function lockHolders(file: { ino: number }, procRoot: string = DEFAULT_PROC_ROOT): Promise<number[]> {
  const locks = await readProc(join(procRoot, 'locks'));
  return locks.ok ? parseLockHolders(locks.value.toString('latin1'), file.ino) : [];
}

/** Lines such as `1: POSIX  ADVISORY  WRITE 16049 fe:00:2146977 0 EOF`; one with `->` only waits for the lock. */
export function parseLockHolders(text: string, ino: number): number[] {
  const pids: number[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+: POSIX +\S+ +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line);
    if (match?.[1] !== undefined && Number(match[2]) === ino) pids.push(Number(match[1]));
  }
  return pids;
}
