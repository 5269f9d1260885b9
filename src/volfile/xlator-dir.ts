/** Which translators are installed beside a process: a volfile that names another one cannot be parsed by it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../lib/deadline.ts';

/** In milliseconds. */
const LIST_DEADLINE_MS = 5000;

/** 11.1 has 55 in 10 categories. */
const MAX_CATEGORIES = 50;

/**
 * @param dir e.g. `/usr/lib/x86_64-linux-gnu/glusterfs/11.1/xlator`, or the same below `/proc/<pid>/root`
 * @returns types such as `features/index`; undefined when the directory cannot be read or holds none
 */
export async function listXlators(dir: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const types = await withDeadline(LIST_DEADLINE_MS, `listing ${dir}`, async () => await list(dir));
    return types.size === 0 ? undefined : types;
  } catch {
    // Another image, another place: then nothing is said about types.
    return undefined;
  }
}

async function list(dir: string): Promise<Set<string>> {
  const types = new Set<string>();
  const categories = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name: category } of categories.slice(0, MAX_CATEGORIES)) {
    for (const name of await readdir(join(dir, category))) {
      if (name.endsWith('.so')) types.add(`${category}/${name.slice(0, -3)}`);
    }
  }
  return types;
}
