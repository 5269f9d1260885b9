/**
 * Whether the cgroup of a process is frozen, as `docker pause`, `ctr task pause` and a checkpoint do it. /proc does not tell: the
 * process sleeps (S) with cgroup v2 and waits (D) with v1, like any other (measured on Linux 6.18); the cgroup's own files do.
 *
 * They are found by the process's path in /proc/<pid>/cgroup, below our own mounts; in a pod, where each container sees its own
 * cgroup as the root and another's as `/../<id>`, in the mount that the process itself has, below /proc/<pid>/root.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, readProc } from './proc-fs.ts';

/** A process belongs to one group of each hierarchy; they are a dozen. */
const MAX_BYTES = 16_384;

export interface CgroupPaths {
  /** In the hierarchy of cgroup v2. */
  unified: string | undefined;
  /** In the freezer's hierarchy of cgroup v1. */
  freezer: string | undefined;
}

/** @param text of /proc/<pid>/cgroup: lines `id:controllers:path` */
export function parseCgroupPaths(text: string): CgroupPaths {
  const paths: CgroupPaths = { unified: undefined, freezer: undefined };
  for (const line of text.split('\n')) {
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (id === '0' && controllers === '') paths.unified = path;
    else if (controllers.split(',').includes('freezer')) paths.freezer = path;
  }
  return paths;
}

/**
 * Files that may tell, the likeliest first; a root group has none.
 *
 * @param sysRoot where the mounts are: /sys/fs/cgroup
 * @param processRoot the root of the process, as /proc/7/root
 */
export function freezerFiles({ unified, freezer }: CgroupPaths, sysRoot: string, processRoot: string): string[] {
  const theirs = join(processRoot, 'sys/fs/cgroup');
  const files: string[] = [];
  if (unified !== undefined) {
    // v2 alone, and beside v1 as systemd mounts it.
    if (isBelow(unified)) files.push(...[sysRoot, join(sysRoot, 'unified')].map((at) => join(at, unified, EVENTS)));
    files.push(join(theirs, EVENTS));
  }
  if (freezer !== undefined) {
    if (isBelow(freezer)) files.push(join(sysRoot, 'freezer', freezer, STATE));
    files.push(join(theirs, 'freezer', STATE));
  }
  return files;
}

const EVENTS = 'cgroup.events';
const STATE = 'freezer.state';

/** Another container's group leads out of what our mounts show. */
function isBelow(path: string): boolean {
  return !path.split('/').includes('..');
}

/** Also what is frozen by a group above it. @returns undefined when it does not say */
export function parseFrozen(text: string): boolean | undefined {
  const [, v2] = /^frozen ([01])$/m.exec(text) ?? [];
  if (v2 !== undefined) return v2 === '1';
  const [, v1] = /^(THAWED|FREEZING|FROZEN)\n?$/.exec(text) ?? [];
  return v1 === undefined ? undefined : v1 !== 'THAWED';
}

/** @returns undefined when it cannot be seen from here */
export async function readFrozen(
  pid: number,
  procRoot: string,
  sysRoot = '/sys/fs/cgroup',
): Promise<boolean | undefined> {
  const dir = join(procRoot, String(pid));
  const cgroup = await readProc(join(dir, 'cgroup'));
  if (!cgroup.ok) return undefined;
  const paths = parseCgroupPaths(cgroup.value.toString('utf8'));
  let known: boolean | undefined;
  for (const file of freezerFiles(paths, sysRoot, join(dir, 'root'))) {
    const text = await attempt(file, async () => await readShort(file));
    const frozen = text.ok ? parseFrozen(text.value) : undefined;
    if (frozen === true) return true;
    known ??= frozen;
  }
  return known;
}

/** What the process has mounted there is its own affair: a FIFO would hold the thread, a long file its memory. */
async function readShort(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
