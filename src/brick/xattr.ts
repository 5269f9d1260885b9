/**
 * Extended attributes of a held directory.
 *
 * Only the Sync functions of fs-xattr: the others can store garbage and leak (docs/adr/0001). It follows symlinks and cuts
 * paths at NUL, so it is only ever given the path of a descriptor, or `..` below it.
 */
import { getAttributeSync, listAttributesSync, removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { brickIo, type DirectoryHandle } from './handle.ts';

/** ENODATA; the number is tested because fs-xattr's `code` is not reliable for every errno. */
const ENODATA = 61;

/** Names of what is there. One call costs less than a single look for an attribute that is not there, which is an exception. */
export function listXattrs(handle: DirectoryHandle): string[] {
  try {
    return listAttributesSync(handle.path);
  } catch (cause) {
    throw brickIo('listing xattrs', cause);
  }
}

/** @returns undefined when the attribute is not there, which is also what a process without CAP_SYS_ADMIN sees of `trusted.*` */
export function getXattr(handle: DirectoryHandle, name: string): Buffer | undefined {
  try {
    return getAttributeSync(handle.path, name);
  } catch (cause) {
    if (errnoNumber(cause) === ENODATA) return undefined;
    throw brickIo(`reading ${name}`, cause);
  }
}

/** Of the directory above; undefined also when it is not to be had. */
export function getParentXattr(handle: DirectoryHandle, name: string): Buffer | undefined {
  try {
    return getAttributeSync(`${handle.path}/..`, name);
  } catch {
    return undefined;
  }
}

export function setXattr(handle: DirectoryHandle, name: string, value: Buffer | string): void {
  try {
    setAttributeSync(handle.path, name, value);
  } catch (cause) {
    throw brickIo(`writing ${name}`, cause);
  }
}

/** Removing what is not there is fine. */
export function removeXattr(handle: DirectoryHandle, name: string): void {
  try {
    removeAttributeSync(handle.path, name);
  } catch (cause) {
    if (errnoNumber(cause) !== ENODATA) throw brickIo(`removing ${name}`, cause);
  }
}

function errnoNumber(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return Math.abs(error.errno);
}
