import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { setAttributeSync } from 'fs-xattr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCopies, readNamed, readSymlinks } from '../../../src/brick/copies.ts';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { gfidToBytes, ROOT_GFID } from '../../../src/lib/gfid.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let directory: string;
let file: string;

beforeEach(() => {
  brick = new TemporaryDirectory('copies');
  setAttributeSync(brick.path, 'trusted.gfid', gfidToBytes(ROOT_GFID));
  directory = randomUUID();
  setAttributeSync(brick.mkdir('dir'), 'trusted.gfid', gfidToBytes(directory));
  fs.symlinkSync(`../../00/00/${ROOT_GFID}/dir`, handleOf(directory));
  file = randomUUID();
  const path = brick.write('dir/file', 'four');
  setAttributeSync(path, 'trusted.gfid', gfidToBytes(file));
  setAttributeSync(path, 'trusted.gfid2path.0', Buffer.from(`${directory}/file`));
  setAttributeSync(path, 'trusted.afr.v-client-1', Buffer.from('000000010000000000000000', 'hex'));
  fs.linkSync(path, handleOf(file));
});
afterEach(() => brick[Symbol.dispose]());

function handleOf(gfid: string): string {
  return `${brick.mkdir(`.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}`)}/${gfid}`;
}

function withRoot<T>(look: (root: DirectoryHandle) => T): T {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  return look(root);
}

describe('readCopies', () => {
  it('tells of files, directories, the root, and what is not there', () => {
    const lost = randomUUID();
    fs.symlinkSync(`../../00/00/${ROOT_GFID}/nowhere`, handleOf(lost));
    const copies = withRoot((root) => readCopies(root, [file, directory, ROOT_GFID, randomUUID(), lost]));
    expect(copies).toMatchObject([
      {
        type: 'file',
        size: 4,
        counters: { 'trusted.afr.v-client-1': '000000010000000000000000' },
        names: [{ parent: directory, name: 'file' }],
      },
      { type: 'directory', counters: {}, names: [{ parent: ROOT_GFID, name: 'dir' }] },
      { type: 'directory', names: [] },
      'gone',
      'unresolved',
    ]);
  });
});

describe('readNamed', () => {
  it('tells what is under a name, and follows nothing', () => {
    fs.symlinkSync('/etc', `${brick.path}/dir/link`);
    const names = ['file', 'link', 'none', 'file/below'].map((name) => ({ parent: directory, name }));
    const others = [
      { parent: ROOT_GFID, name: 'dir' },
      { parent: randomUUID(), name: 'file' },
    ];
    expect(withRoot((root) => readNamed(root, [...names, ...others]))).toEqual([
      { gfid: file, type: 'file' },
      undefined,
      undefined,
      undefined,
      { gfid: directory, type: 'directory' },
      undefined,
    ]);
  });
});

describe('readSymlinks', () => {
  it('tells of those that have a gfid, at most so many', () => {
    const links = ['link', 'l\xefnk'].map((name) => {
      const gfid = randomUUID();
      const path = Buffer.from(`${brick.path}/dir/${name}`, 'latin1');
      fs.symlinkSync('/etc', path);
      const fd = fs.openSync(path, 0o10000000 | fs.constants.O_NOFOLLOW);
      setAttributeSync(`/proc/self/fd/${fd}`, 'trusted.gfid', gfidToBytes(gfid));
      fs.closeSync(fd);
      return gfid;
    });
    fs.symlinkSync('/etc', `${brick.path}/dir/foreign`);
    const found = (limit: number): string[] =>
      withRoot((root) => readSymlinks(root, [randomUUID(), file, directory, ROOT_GFID], limit));
    expect(found(9).toSorted()).toEqual(links.toSorted());
    expect(found(1)).toHaveLength(1);
  });
});
