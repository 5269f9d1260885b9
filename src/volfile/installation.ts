/**
 * Which GlusterFS a running process is of, and which translators it can load: read from what it has loaded, since image and
 * file system of the process are not ours, and nothing of it is executed.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_PROC_ROOT, readProc } from '../process/proc-fs.ts';
import { withDeadline } from '../lib/deadline.ts';

export interface Installation {
  /** E.g. `11.1`. */
  version: string;
  /** Types such as `features/index`; undefined when the directory cannot be read. */
  xlators: ReadonlySet<string> | undefined;
}

/** In milliseconds. */
const LIST_DEADLINE_MS = 5000;

/** 11.1 has 55 translators in 10 categories. */
const MAX_CATEGORIES = 50;

/** `/usr/lib/x86_64-linux-gnu/glusterfs/11.1/xlator/protocol/server.so`: the version is part of the path of every translator. */
const XLATOR_PATH = / (\/\S*\/glusterfs\/(\d+\.\d+[^/\s]*)\/xlator)\/[^/\s]+\/[^/\s]+\.so$/m;

/** `undefined` without the right to look into the process, or before it has loaded its first translator. */
export async function findInstallation(
  pid: number,
  procRoot: string = DEFAULT_PROC_ROOT,
): Promise<Installation | undefined> {
  const maps = await readProc(join(procRoot, String(pid), 'maps'));
  const match = maps.ok ? XLATOR_PATH.exec(maps.value.toString('latin1')) : null;
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { version: match[2], xlators: await listXlators(pid, match[1], procRoot) };
}

/**
 * The kernel names mapped files as the reader would reach them where both share a root, and as the process does where they do
 * not; the process's own root comes first, since the same path may lead to another version here.
 */
async function listXlators(pid: number, dir: string, procRoot: string): Promise<ReadonlySet<string> | undefined> {
  for (const place of [join(procRoot, String(pid), 'root', dir), dir]) {
    try {
      const types = await withDeadline(LIST_DEADLINE_MS, `listing ${place}`, async () => await listXlatorTypes(place));
      if (types.size > 0) return types;
    } catch {
      // Not there, or not ours to read: then nothing is said about types.
    }
  }
  return undefined;
}

/** The types of translators, such as `features/index`, in an installation's directory. @throws what readdir throws */
export async function listXlatorTypes(dir: string): Promise<Set<string>> {
  const types = new Set<string>();
  const categories = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name: category } of categories.slice(0, MAX_CATEGORIES)) {
    for (const name of await readdir(join(dir, category))) {
      if (name.endsWith('.so')) types.add(`${category}/${name.slice(0, -3)}`);
    }
  }
  return types;
}

/** Of `11.1`, the part that this agent knows about. */
export function majorVersion(version: string | undefined): '10' | '11' | undefined {
  const major = version?.split('.')[0];
  return major === '10' || major === '11' ? major : undefined;
}
