/**
 * Files that are open and deleted: posix keeps them as `.glusterfs/unlink/<gfid>` until they are closed (measured on 11.1). They
 * are in no directory, so no scan sees them.
 */
import fs from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { brickIo, type DirectoryHandle } from './handle.ts';
import { counterBytes } from './scan/count.ts';

/** More are not looked at: it would hold up everything else; each costs some 5 µs. */
const MAX_FILES = 20_000;

/** @returns undefined when they are too many. @throws AgentError `BrickIo` */
export function heldBytes(root: DirectoryHandle): number | undefined {
  const directory = `${root.path}/.glusterfs/unlink`;
  let names: string[];
  try {
    names = fs.readdirSync(directory);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 0;
    throw brickIo(directory, cause);
  }
  if (names.length > MAX_FILES) return undefined;
  let bytes = 0;
  for (const name of names) {
    const stats = fs.lstatSync(`${directory}/${name}`, { throwIfNoEntry: false });
    if (stats !== undefined) bytes += counterBytes(stats);
  }
  return bytes;
}
