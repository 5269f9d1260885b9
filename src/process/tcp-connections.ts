/** Which TCP connections a process has: enough to see that one was lost or made, at the same cost whatever goes through them. */
import { join } from 'node:path';
import { DEFAULT_PROC_ROOT, readProc } from './proc-fs.ts';
import { heldSockets } from './socket-owner.ts';

/** As /proc/net/tcp writes TCP_ESTABLISHED. */
const ESTABLISHED = '01';

/** @returns the inodes of its established connections, sorted, as one text; undefined: it cannot be told */
export async function tcpConnectionsOf(pid: number, procRoot: string = DEFAULT_PROC_ROOT): Promise<string | undefined> {
  const dir = join(procRoot, String(pid));
  const held = await heldSockets(dir, pid);
  if (!(held instanceof Set)) return undefined;
  const own: string[] = [];
  for (const table of ['tcp', 'tcp6']) {
    const text = await readProc(join(dir, 'net', table));
    // A kernel without IPv6 has no such table.
    if (!text.ok && (text.why !== 'absent' || table === 'tcp')) return undefined;
    if (text.ok) own.push(...establishedIn(text.value.toString('latin1')).filter((inode) => held.has(inode)));
  }
  return own.toSorted().join(' ');
}

/** sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
function establishedIn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/ +/);
    const inode = fields[9];
    return fields[3] === ESTABLISHED && inode !== undefined ? [inode] : [];
  });
}
