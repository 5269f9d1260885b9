/** The mount that a path lies on, from /proc/self/mountinfo (proc_pid_mountinfo(5)). */

/** `shutDown`: the file system answers EIO to everything, until it is mounted anew. */
export type MountAccess = 'readWrite' | 'readOnly' | 'shutDown';

export interface MountEntry {
  mountPoint: string;
  /** `major:minor` of the device. */
  device: string;
  fsType: string;
  source: string;
  access: MountAccess;
}

/**
 * Either the mount or the whole file system can be read-only; after an I/O error it is the latter. ext4 of newer kernels leaves `rw`
 * in place then and adds a word (6.18, measured).
 */
const READ_ONLY = ['ro', 'emergency_ro'];
/** ext4 says so (6.18, measured). */
const SHUT_DOWN = 'shutdown';

/**
 * The mount whose mount point is the longest prefix of the path; of several on one point the last, which lies on top.
 *
 * @param text content of mountinfo; lines that cannot be understood are passed over
 */
export function findMount(text: string, path: string): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const line of text.split('\n')) {
    const entry = parseLine(line);
    if (entry === undefined || !covers(entry.mountPoint, path)) continue;
    if (found === undefined || entry.mountPoint.length >= found.mountPoint.length) found = entry;
  }
  return found;
}

function covers(mountPoint: string, path: string): boolean {
  return mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
}

function parseLine(line: string): MountEntry | undefined {
  // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
  const [before, after] = line.split(' - ', 2);
  const left = before?.split(' ') ?? [];
  const right = after?.split(' ') ?? [];
  const [device, mountPoint, options] = [left[2], left[4], left[5]];
  const [fsType, source, superOptions] = right;
  if (device === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (fsType === undefined || source === undefined) return undefined;
  const access = accessOf([...options.split(','), ...(superOptions ?? '').split(',')]);
  return { device, mountPoint: unescape(mountPoint), fsType, source: unescape(source), access };
}

function accessOf(options: readonly string[]): MountAccess {
  if (options.includes(SHUT_DOWN)) return 'shutDown';
  return READ_ONLY.some((option) => options.includes(option)) ? 'readOnly' : 'readWrite';
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));
}
