/**
 * Does a process hold the listening unix socket of that name? Heal operations crash a process that is not a self-heal daemon,
 * so a socket must be proven to belong to the one meant before they are sent.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, DEFAULT_PROC_ROOT, readProc, readProcLink } from './proc-fs.ts';

export type SocketOwnership =
  | { ok: true }
  | {
      ok: false;
      reason: 'NotListening' | 'HeldByOther' | 'Ambiguous' | 'NoPermission' | 'NotRunning';
      message: string;
    };

/** A brick under load has some thousands of files open; more than this is not looked through. */
const MAX_FDS = 65_536;

/**
 * @param paths the names that the process may have bound it by (its `-S` argument); compared as text, since the process may
 *   live in another mount namespace
 */
export async function ownsListeningSocket(
  pid: number,
  paths: readonly string[],
  procRoot: string = DEFAULT_PROC_ROOT,
): Promise<SocketOwnership> {
  const dir = join(procRoot, String(pid));
  const table = await readProc(join(dir, 'net', 'unix'));
  if (!table.ok) return table.why === 'absent' ? gone(pid) : denied(pid);
  const listening = parseListeningSockets(table.value.toString('utf8'), paths);
  const wanted = paths.join(' or ');
  if (listening.size === 0) {
    return { ok: false, reason: 'NotListening', message: `nobody listens on ${wanted} in the namespace of pid ${pid}` };
  }
  const held = await heldSockets(dir, pid);
  if (!(held instanceof Set)) return held;
  const own = [...listening].filter((inode) => held.has(inode));
  if (own.length === 0) {
    return { ok: false, reason: 'HeldByOther', message: `${wanted} is not held by pid ${pid}` };
  }
  if (own.length < listening.size) {
    // Two processes bound the same name one after the other: the file leads to the later one, and we cannot tell which.
    return { ok: false, reason: 'Ambiguous', message: `pid ${pid} and another process both listen on ${wanted}` };
  }
  return { ok: true };
}

/** The inodes of listening stream sockets with one of these names, from /proc/net/unix. */
export function parseListeningSockets(text: string, paths: readonly string[]): Set<string> {
  const inodes = new Set<string>();
  for (const line of text.split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; 00010000 is __SO_ACCEPTCON, type 0001 a stream.
    const match = /^\S+: \S+ \S+ 00010000 0001 \S+ +(\d+) (.+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && paths.includes(match[2])) inodes.add(match[1]);
  }
  return inodes;
}

/** The inodes of all sockets that it holds, or why they cannot be read. */
export async function heldSockets(dir: string, pid: number): Promise<Set<string> | (SocketOwnership & { ok: false })> {
  const fdDir = join(dir, 'fd');
  const fds = await attempt(fdDir, async () => await readdir(fdDir));
  if (!fds.ok) return fds.why === 'absent' ? gone(pid) : denied(pid);
  const inodes = new Set<string>();
  for (const fd of fds.value.slice(0, MAX_FDS)) {
    const link = await readProcLink(join(fdDir, fd));
    const match = link.ok ? /^socket:\[(\d+)\]$/.exec(link.value) : null;
    if (match?.[1] !== undefined) inodes.add(match[1]);
  }
  return inodes;
}

function gone(pid: number): SocketOwnership & { ok: false } {
  return { ok: false, reason: 'NotRunning', message: `pid ${pid} is not running` };
}

function denied(pid: number): SocketOwnership & { ok: false } {
  return {
    ok: false,
    reason: 'NoPermission',
    message: `the sockets of pid ${pid} cannot be read; run as the same user, or add SYS_PTRACE`,
  };
}
