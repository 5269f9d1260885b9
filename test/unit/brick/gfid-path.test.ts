import fs from 'node:fs';
import { join } from 'node:path';
import { setAttributeSync } from 'fs-xattr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GfidPaths, type GfidPlace } from '../../../src/brick/gfid-path.ts';
import { BlameReader, freeNamespace, parseBlame } from '../../../src/brick/afr-blame.ts';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const DIR = 'aaaaaaaa-0000-4000-8000-000000000001';
const SUB = 'aabbaaaa-0000-4000-8000-000000000002';
const FILE = 'bbbbbbbb-0000-4000-8000-000000000003';

/** trusted.* needs CAP_SYS_ADMIN: without root there is nothing to see here. */
const isRoot = process.getuid?.() === 0;
let temporary: TemporaryDirectory;
let brick: string;

beforeEach(() => {
  temporary = new TemporaryDirectory('gfid-path');
  brick = temporary.path;
});
afterEach(() => temporary[Symbol.dispose]());

function handleOf(gfid: string): string {
  const dir = join(brick, '.glusterfs', gfid.slice(0, 2), gfid.slice(2, 4));
  fs.mkdirSync(dir, { recursive: true });
  return join(dir, gfid);
}

function addDirectory(path: Buffer | string, gfid: string, parent: string, name: Buffer | string): void {
  fs.mkdirSync(Buffer.concat([Buffer.from(`${brick}/`), Buffer.from(path)]));
  const target = `../../${parent.slice(0, 2)}/${parent.slice(2, 4)}/${parent}/`;
  fs.symlinkSync(Buffer.concat([Buffer.from(target), Buffer.from(name)]), handleOf(gfid));
}

function addFile(path: string, gfid: string, ...names: string[]): void {
  fs.writeFileSync(join(brick, path), 'x');
  fs.linkSync(join(brick, path), handleOf(gfid));
  for (const [index, name] of names.entries()) {
    setAttributeSync(join(brick, path), `trusted.gfid2path.${String(index).padStart(16, '0')}`, name);
  }
}

function locate(gfid: string): GfidPlace {
  using root = DirectoryHandle.open(brick);
  if (root === undefined) throw new Error('no brick');
  return new GfidPaths(root).locate(gfid);
}

describe.runIf(isRoot)('GfidPaths', () => {
  it('finds directories and files from their handles', () => {
    addDirectory('dir', DIR, ROOT_GFID, 'dir');
    addDirectory('dir/sub', SUB, DIR, 'sub');
    addFile('dir/sub/file', FILE, `${SUB}/file`);
    expect(locate(ROOT_GFID)).toEqual({ kind: 'path', path: '' });
    expect(locate(SUB)).toEqual({ kind: 'path', path: 'dir/sub' });
    expect(locate(FILE)).toEqual({ kind: 'path', path: 'dir/sub/file' });
  });

  it('takes names as bytes', () => {
    const name = Buffer.from([0xff, 0x0a, 0xc3]);
    addDirectory(name, DIR, ROOT_GFID, name);
    expect(locate(DIR)).toEqual({ kind: 'path', path: '\u00ff\n\u00c3' });
  });

  it('passes over records of names that were given to something else', () => {
    addDirectory('dir', DIR, ROOT_GFID, 'dir');
    addFile('dir/new', FILE, `${DIR}/old`, `${SUB}/gone`, `${DIR}/../../etc`, 'garbage', `${DIR}/new`);
    fs.writeFileSync(join(brick, 'dir/old'), 'another');
    expect(locate(FILE)).toEqual({ kind: 'path', path: 'dir/new' });
  });

  it('calls a file without a record, and one that is open and deleted, nameless', () => {
    addFile('file', FILE);
    expect(locate(FILE)).toEqual({ kind: 'nameless' });
    fs.mkdirSync(join(brick, '.glusterfs/unlink'));
    fs.renameSync(handleOf(FILE), join(brick, '.glusterfs/unlink', FILE));
    expect(locate(FILE)).toEqual({ kind: 'nameless' });
  });

  it('calls gone what has no handle, a handle that leads nowhere, and what is no gfid', () => {
    addDirectory('dir', DIR, ROOT_GFID, 'dir');
    fs.rmdirSync(join(brick, 'dir'));
    expect([DIR, FILE, '../../../etc/passwd'].map((gfid) => locate(gfid).kind)).toEqual(['gone', 'gone', 'gone']);
    fs.symlinkSync(`../../aa/bb/${SUB}/loop`, handleOf(SUB));
    expect(locate(SUB)).toEqual({ kind: 'gone' });
  });

  it('does not take a symlink that a tenant made for the handle of a directory', () => {
    fs.symlinkSync(`../../00/00/${ROOT_GFID}/etc`, join(brick, 'link'));
    fs.linkSync(join(brick, 'link'), handleOf(FILE));
    fs.mkdirSync(join(brick, 'etc'));
    expect(locate(FILE)).toEqual({ kind: 'nameless' });
  });
});

describe.runIf(isRoot)('the blame of a directory', () => {
  const words = (...numbers: number[]): Buffer => {
    const bytes = Buffer.alloc(numbers.length * 4);
    for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, index * 4);
    return bytes;
  };

  it.each([
    [words(1, 2, 3), { name: 'x', data: 1, metadata: 2, entry: 3 }],
    [words(0, 0, 0), undefined],
    [words(1, 2), undefined],
    [undefined, undefined],
  ])('reads %s', (value, expected) => {
    expect(parseBlame('x', value)).toEqual(expected);
  });

  it('is read for all names but dirty; the namespace is freed only where we are blamed for metadata alone', () => {
    const dir = join(brick, 'dir');
    fs.mkdirSync(dir);
    setAttributeSync(dir, 'trusted.afr.dirty', words(0, 1, 0));
    setAttributeSync(dir, 'trusted.afr.v-client-0', words(0, 7, 0));
    setAttributeSync(dir, 'trusted.afr.v-client-1', words(1, 7, 0));
    setAttributeSync(dir, 'trusted.glusterfs.namespace', 'true');
    using root = DirectoryHandle.open(brick);
    if (root === undefined) throw new Error('no brick');
    const blame = { name: 'v-client-0', data: 0, metadata: 7, entry: 0 };
    expect(new BlameReader().read(root, ['dir', 'none'])).toEqual([
      [blame, { ...blame, name: 'v-client-1', data: 1 }],
      [],
    ]);
    expect(['v-client-1', 'v-client-2', 'dirty'].map((own) => freeNamespace(root, 'dir', own))).toEqual([
      false,
      false,
      false,
    ]);
    expect(freeNamespace(root, 'none', 'v-client-0')).toBe(false);
    expect(freeNamespace(root, 'dir', 'v-client-0')).toBe(true);
    expect(freeNamespace(root, 'dir', 'v-client-0')).toBe(false);
  });
});
