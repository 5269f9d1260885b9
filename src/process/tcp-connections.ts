/** Which TCP connections a process has: enough to see that one was lost or made, and to whom, at the same cost whatever goes through them. */
import { isIPv4, SocketAddress } from 'node:net';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_PROC_ROOT, readProc } from './proc-fs.ts';
import { heldSockets } from './socket-owner.ts';

/** As /proc/net/tcp writes TCP_ESTABLISHED. */
const ESTABLISHED = '01';
/** How IPv6 writes an address of IPv4. */
const MAPPED = '::ffff:';

/** The other end of a connection. */
export interface TcpPeer {
  /** As getaddrinfo writes it; one of IPv4 in its own form, whatever the socket is of. */
  address: string;
  port: number;
}

interface Connection {
  inode: string;
  remote: string;
}

/** @returns the inodes of its established connections, sorted, as one text; undefined: it cannot be told */
export async function tcpConnectionsOf(pid: number, procRoot: string = DEFAULT_PROC_ROOT): Promise<string | undefined> {
  const connections = await establishedBy(pid, procRoot);
  return connections
    ?.map(({ inode }) => inode)
    .toSorted()
    .join(' ');
}

/** @returns with whom it has established connections; undefined: it cannot be told */
export async function tcpPeersOf(pid: number, procRoot: string = DEFAULT_PROC_ROOT): Promise<TcpPeer[] | undefined> {
  const connections = await establishedBy(pid, procRoot);
  return connections?.flatMap(({ remote }) => parsePeer(remote) ?? []);
}

/** An address of IPv4 in its own form, one of IPv6 in its shortest. */
export function plainAddress(address: string): string {
  if (isIPv4(address)) return address;
  const plain = new SocketAddress({ address, family: 'ipv6' }).address;
  const embedded = plain.startsWith(MAPPED) ? plain.slice(MAPPED.length) : '';
  return isIPv4(embedded) ? embedded : plain;
}

async function establishedBy(pid: number, procRoot: string): Promise<Connection[] | undefined> {
  const dir = join(procRoot, String(pid));
  const held = await heldSockets(dir, pid);
  if (!(held instanceof Set)) return undefined;
  const own: Connection[] = [];
  for (const table of ['tcp', 'tcp6']) {
    const text = await readProc(join(dir, 'net', table));
    // A kernel without IPv6 has no such table.
    if (!text.ok && (text.why !== 'absent' || table === 'tcp')) return undefined;
    if (text.ok) own.push(...establishedIn(text.value.toString('latin1')).filter(({ inode }) => held.has(inode)));
  }
  return own;
}

/** sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
function establishedIn(text: string): Connection[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/ +/);
    const [remote, inode] = [fields[2], fields[9]];
    return fields[3] === ESTABLISHED && remote !== undefined && inode !== undefined ? [{ inode, remote }] : [];
  });
}

/** The kernel writes the words of an address as its own numbers, and the port as a number. */
function parsePeer(text: string): TcpPeer | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const bytes = Buffer.from(match[1], 'hex');
  if (endianness() === 'LE') bytes.swap32();
  const port = Number.parseInt(match[2], 16);
  if (bytes.length === 4) return { address: bytes.join('.'), port };
  const words = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return { address: plainAddress(words.join(':')), port };
}
