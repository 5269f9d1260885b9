/** A PV for each policy, with a split-brain of each kind, and what becomes of it: the table of docs/heal.md. */
import { chmod, lstat, lutimes, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { errnoOf } from '../../src/lib/errors.ts';
import { POLICIES, type Policy } from '../../src/heal/resolve.ts';
import { createPv, pvPath } from '../lab/pv.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';

export const FIRST = 'of the first brick, and longer';
export const SECOND = 'of the others';

/** The brick whose copy is kept, or why none is. */
type Outcome = number | string;
const NO_METADATA = 'says nothing of metadata: use source-brick or majority';
const FILES_ALONE = 'bigger-file compares files alone: use source-brick or majority';
const NO_DIRECTORY =
  'latest-mtime does not tell when something in a directory was changed: use source-brick or majority';
const NOT_REMOVED = 'which is not removed: keep it with source-brick';
const MERGED = 'no policy is needed: the self-heal daemon merges the names of a directory';

/** By path below the PV. The first brick was alone, the others were together and wrote last. */
export const MATRIX: Record<Policy, Record<string, Outcome>> = {
  'bigger-file': {
    data: 0,
    meta: NO_METADATA,
    both: NO_METADATA,
    names: MERGED,
    'names/gfid': 0,
    'names/link': FILES_ALONE,
    'names/type': FILES_ALONE,
    'names/dir': FILES_ALONE,
  },
  'latest-mtime': {
    data: 1,
    meta: NO_METADATA,
    both: NO_METADATA,
    names: MERGED,
    'names/gfid': 1,
    'names/link': 1,
    'names/type': 1,
    'names/dir': NO_DIRECTORY,
  },
  'source-brick': {
    data: 0,
    meta: 0,
    both: 0,
    names: MERGED,
    'names/gfid': 0,
    'names/link': 0,
    'names/type': 0,
    'names/dir': 0,
    'names/later-dir': NOT_REMOVED,
  },
  majority: {
    data: 1,
    meta: 1,
    both: 1,
    names: MERGED,
    'names/gfid': 1,
    'names/link': 1,
    'names/type': 1,
    'names/dir': NOT_REMOVED,
    'names/later-dir': 1,
  },
};

export const KINDS: Record<string, string> = {
  data: 'data',
  meta: 'metadata',
  both: 'data,metadata',
  names: 'entry',
  'names/gfid': 'gfid',
  'names/link': 'gfid',
  'names/type': 'type',
  'names/dir': 'type',
  'names/later-dir': 'type',
};

export function pvOf(policy: Policy): string {
  return `pvc-${policy}`;
}

/** Before the volume is divided. */
export async function prepareMatrix(client: Mount): Promise<void> {
  for (const policy of POLICIES) {
    const { path } = await createPv(client, pvOf(policy), 1024 ** 2);
    for (const name of ['data', 'meta', 'both']) await writeFile(`${path}/${name}`, 'before');
    await mkdir(`${path}/names`);
  }
}

/** To be called with `divide`. */
export async function splitMatrix(directory: string, side: 0 | 1): Promise<void> {
  const content = side === 0 ? FIRST : SECOND;
  for (const policy of POLICIES) {
    const pv = `${directory}/${pvPath(pvOf(policy))}`;
    await writeFile(`${pv}/data`, content);
    await chmod(`${pv}/meta`, 0o640 + side);
    await writeFile(`${pv}/both`, content);
    await chmod(`${pv}/both`, 0o640 + side);
    await writeFile(`${pv}/names/side-${side}`, content);
    await writeFile(`${pv}/names/gfid`, content);
    await symlink(content, `${pv}/names/link`);
    if (side === 0) await writeFile(`${pv}/names/type`, content);
    else await symlink(content, `${pv}/names/type`);
    for (const name of ['dir', 'later-dir'].filter((name) => `names/${name}` in MATRIX[policy])) {
      if ((name === 'dir') === (side === 0)) {
        await mkdir(`${pv}/names/${name}`);
        await writeFile(`${pv}/names/${name}/inside`, content);
      } else await writeFile(`${pv}/names/${name}`, content);
    }
  }
}

/** Each brick stamps a write with its own clock; here the second is the latest for certain, and by no hair. */
export async function setTimes(volume: Volume): Promise<void> {
  const now = Date.now() / 1000;
  for (const [index, seconds] of [0, 20, 10].entries()) {
    for (const policy of POLICIES) {
      for (const name of ['data', 'both', 'names/gfid', 'names/link', 'names/type']) {
        await lutimes(`${volume.brick(index).path}/${pvPath(pvOf(policy))}/${name}`, now, now + seconds);
      }
    }
  }
}

/** What is below a PV, by the names of `KINDS`; of directories what is in them. A client cannot read what is not ended. */
export async function contentsOf(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of Object.keys(KINDS)) {
    const path = `${directory}/${name}`;
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined || name === 'names') continue;
    const mode = (stat.mode & 0o777).toString(8);
    if (name === 'meta') found[name] = mode;
    else if (stat.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`;
    else if (stat.isDirectory()) found[name] = `inside: ${await readFile(`${path}/inside`, 'utf8').catch(() => '')}`;
    else {
      const content = await readFile(path, 'utf8').catch((error: unknown) => errnoOf(error) ?? 'unreadable');
      found[name] = name === 'both' ? `${mode} ${content}` : content;
    }
  }
  return found;
}

/** What `contentsOf` finds on each brick with data once `policy` was carried out, of what it ends. */
export function expectedContents(policy: Policy): Record<string, string> {
  const of = (name: string, side: 0 | 1): string => {
    const content = side === 0 ? FIRST : SECOND;
    if (name === 'meta') return (0o640 + side).toString(8);
    if (name === 'both') return `${(0o640 + side).toString(8)} ${content}`;
    if (name === 'names/link' || (name === 'names/type' && side === 1)) return `-> ${content}`;
    const isDirectory = (name === 'names/dir' && side === 0) || (name === 'names/later-dir' && side === 1);
    return isDirectory ? `inside: ${content}` : content;
  };
  const ended = Object.entries(MATRIX[policy]).flatMap(([name, kept]): [string, string][] =>
    typeof kept === 'number' ? [[name, of(name, kept === 0 ? 0 : 1)]] : [],
  );
  return Object.fromEntries(ended);
}
