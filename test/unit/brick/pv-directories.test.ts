import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { setAttributeSync } from 'fs-xattr';
import { afterEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { addName, listDirectories, MAX_DIRECTORIES, removeName } from '../../../src/brick/pv-directories.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const TEMPORARY = '.kq-a-0123456789abcdef';

let temporary: TemporaryDirectory | undefined;

afterEach(() => temporary?.[Symbol.dispose]());

function brickWith(...directories: string[]): { path: string; pv: string; root: DirectoryHandle } {
  temporary = new TemporaryDirectory('pv-directories');
  const { path } = temporary;
  const pv = `${path}/subvol/ab/cd/pvc-1`;
  for (const directory of ['', ...directories]) mkdirSync(`${pv}/${directory}`, { recursive: true });
  let number = 0;
  for (const directory of ['', ...readdirSync(pv, { recursive: true, encoding: 'utf8' })]) {
    number += 1;
    setAttributeSync(`${pv}/${directory}`, 'trusted.gfid', Buffer.alloc(16, number));
  }
  const root = DirectoryHandle.open(path);
  if (root === undefined) throw new Error('no brick');
  return { path, pv, root };
}

describe('listDirectories', () => {
  it('tells all directories with their parents, parents first, names as bytes, no symlink followed', () => {
    const { pv, root, path } = brickWith('a', 'a/ü\n', 'b');
    symlinkSync(path, `${pv}/link`);
    writeFileSync(`${pv}/a/file`, 'x');
    const found = listDirectories(root, 'subvol/ab/cd/pvc-1') ?? [];
    const seen = found.map(({ name, depth }) => `${depth} ${name}`);
    expect(seen.toSorted((a, b) => a.localeCompare(b))).toEqual([
      '1 a',
      '1 b',
      `2 ${Buffer.from('ü\n').toString('latin1')}`,
    ]);
    expect(seen[2]).toMatch(/^2/);
    const gfids = new Map(found.map(({ name, gfid }) => [name, gfid]));
    expect(found.find(({ depth }) => depth === 2)?.parent).toBe(gfids.get('a'));
    root.close();
  });

  it('refuses a PV with too many, and knows one that is not there', () => {
    const { pv, root } = brickWith();
    for (let index = 0; index <= MAX_DIRECTORIES; index += 1) {
      mkdirSync(`${pv}/d${index}`);
      setAttributeSync(`${pv}/d${index}`, 'trusted.gfid', Buffer.alloc(16, 9));
    }
    expect(listDirectories(root, 'subvol/ab/cd/pvc-1')).toBeUndefined();
    expect(listDirectories(root, 'subvol/ab/cd/pvc-2')).toBeUndefined();
    root.close();
  });
});

describe('second names', () => {
  it('come and go, beside the first, for regular files only', () => {
    const { pv, root } = brickWith('a');
    writeFileSync(`${pv}/a/file`, 'x');
    linkSync(`${pv}/a/file`, `${pv}/handle`);
    symlinkSync('/etc/passwd', `${pv}/a/link`);
    expect(addName(root, 'subvol/ab/cd/pvc-1/a/file', TEMPORARY)).toBe(true);
    expect(readdirSync(`${pv}/a`).sort()).toEqual([TEMPORARY, 'file', 'link']);
    removeName(root, 'subvol/ab/cd/pvc-1/a/file', TEMPORARY);
    expect(readdirSync(`${pv}/a`).sort()).toEqual(['file', 'link']);
    expect(addName(root, 'subvol/ab/cd/pvc-1/a/link', TEMPORARY)).toBe(false);
    expect(addName(root, 'subvol/ab/cd/pvc-1/a/gone', TEMPORARY)).toBe(false);
    expect(addName(root, 'subvol/ab/cd/pvc-1/a', TEMPORARY)).toBe(false);
    expect(addName(root, 'subvol/ab/cd/pvc-1/a/file', '.kq-a-../../x')).toBe(false);
    root.close();
  });

  it('that were left are removed by the next listing; a tenant’s file of that name stays', () => {
    const { pv, root } = brickWith('a', 'b');
    writeFileSync(`${pv}/a/file`, 'x');
    linkSync(`${pv}/a/file`, `${pv}/handle`);
    linkSync(`${pv}/a/file`, `${pv}/a/${TEMPORARY}`);
    writeFileSync(`${pv}/b/${TEMPORARY}`, 'x');
    listDirectories(root, 'subvol/ab/cd/pvc-1');
    expect(readdirSync(`${pv}/a`)).toEqual(['file']);
    expect(readdirSync(`${pv}/b`)).toEqual([TEMPORARY]);
    root.close();
  });
});
