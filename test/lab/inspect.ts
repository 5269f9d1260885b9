/** What the backends say: pending heals, and whether the bricks of a set hold the same. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errnoOf } from '../../src/lib/errors.ts';
import type { Brick } from './brick.ts';
import type { Volume } from './volume.ts';

/** Replicate and disperse keep their own things there. */
const INTERNAL = /^\.glusterfs(-anonymous-inode-.*)?$/;

/** Entries in the heal index of a brick, by the slow and certain way: one directory listing. */
export async function pendingOn(brick: Brick): Promise<number> {
  try {
    const names = await readdir(`${brick.path}/.glusterfs/indices/xattrop`);
    return names.filter((name) => !name.startsWith('xattrop-')).length;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** The sum over all bricks. */
export async function pendingHeals(volume: Volume): Promise<number> {
  const counts = await Promise.all(volume.bricks.map(pendingOn));
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * How the bricks of each set differ: names, types, owners, modes, link targets, sizes and (not for disperse) content. An
 * arbiter has neither sizes nor content. Empty when they are equal.
 */
export async function brickDifferences(volume: Volume): Promise<string[]> {
  const differences: string[] = [];
  for (const [first, ...others] of volume.sets) {
    if (first === undefined) continue;
    const wanted = await describeTree(first, volume);
    for (const brick of others) differences.push(...compare(first, wanted, brick, await describeTree(brick, volume)));
  }
  return differences;
}

interface Entry {
  meta: string;
  data: string;
}

function compare(first: Brick, wanted: Map<string, Entry>, brick: Brick, found: Map<string, Entry>): string[] {
  const differences: string[] = [];
  for (const [path, entry] of wanted) {
    const other = found.get(path);
    if (other === undefined) differences.push(`${path}: missing on brick ${brick.index}`);
    else if (other.meta !== entry.meta)
      differences.push(`${path}: ${entry.meta} on ${first.index}, ${other.meta} on ${brick.index}`);
    else if (other.data !== entry.data && !brick.isArbiter) {
      differences.push(`${path}: ${entry.data} on ${first.index}, ${other.data} on ${brick.index}`);
    }
  }
  for (const path of found.keys()) {
    if (!wanted.has(path)) differences.push(`${path}: only on brick ${brick.index}`);
  }
  return differences;
}

async function describeTree(brick: Brick, volume: Volume): Promise<Map<string, Entry>> {
  const tree = new Map<string, Entry>();
  const dirs = ['.'];
  for (let dir = dirs.pop(); dir !== undefined; dir = dirs.pop()) {
    for (const name of await readdir(join(brick.path, dir))) {
      if (dir === '.' && INTERNAL.test(name)) continue;
      const path = join(dir, name);
      const stats = await lstat(join(brick.path, path));
      if (stats.isDirectory()) dirs.push(path);
      const meta = `mode ${stats.mode.toString(8)} owner ${stats.uid}:${stats.gid}`;
      const target = stats.isSymbolicLink() ? ` -> ${await readlink(join(brick.path, path))}` : '';
      const size = stats.isFile() ? `${stats.size} bytes` : '';
      // Fragments of the same file differ from brick to brick.
      const hash = stats.isFile() && volume.spec.type !== 'disperse' ? ` ${await sha256(join(brick.path, path))}` : '';
      tree.set(path, { meta: meta + target, data: size + hash });
    }
  }
  return tree;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
