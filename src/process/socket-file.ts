/**
 * Which process listens on a unix socket, told by the socket's file alone. A file is bound once: a Gluster process that starts unlinks
 * what an earlier one has left and binds a new file, before it reads its volfile (1.2 ms on 11.1), and never again, whatever signals it
 * gets (measured). So another file is another process, and the same file the same one, however often one has connected since.
 */
import { stat } from 'node:fs/promises';
import { withDeadline } from '../lib/deadline.ts';
import { errnoOf } from '../lib/errors.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A run directory is memory-backed or a local disk; longer means that it hangs. In milliseconds. */
const STAT_DEADLINE_MS = 1000;

/**
 * The process that has bound the socket. `startedAt` is when it did so, by the kernel's clock for files, to one of its ticks; that it
 * still lives only an answer tells.
 *
 * @returns undefined when there is no such file, or no socket
 * @throws AgentError `Timeout`; what the file system says
 */
export async function boundBy(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const look = async () => await stat(path, { bigint: true });
    const info = await withDeadline(STAT_DEADLINE_MS, `looking at ${path}`, look);
    if (!info.isSocket()) return undefined;
    const { dev, ino, mtimeNs, birthtimeNs } = info;
    // Not every file system knows the time of birth; where it does, nobody can change it.
    const boundNs = birthtimeNs > 0n && birthtimeNs < mtimeNs ? birthtimeNs : mtimeNs;
    const startedAt = Number(boundNs / 1000n) / 1000;
    return {
      key: `socket:${dev}:${ino}:${boundNs}`,
      name: `the process at ${path} that started at ${new Date(startedAt).toISOString()}`,
      startedAt,
    };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
