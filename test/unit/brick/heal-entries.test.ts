import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { setAttributeSync } from 'fs-xattr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { findHealObject, readHealPage, type HealEntry } from '../../../src/brick/heal-entries.ts';
import { isEmptyBrick } from '../../../src/brick/heal-index.ts';
import { HealWindow } from '../../../src/brick/heal-window.ts';
import { SettledAttributes } from '../../../src/brick/settled-attributes.ts';
import { gfidToBytes, ROOT_GFID } from '../../../src/lib/gfid.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;

beforeEach(() => {
  brick = new TemporaryDirectory('heal-entries');
  brick.mkdir('.glusterfs/indices/xattrop');
  brick.mkdir('.glusterfs/unlink');
  setAttributeSync(brick.path, 'trusted.gfid', gfidToBytes(ROOT_GFID));
});
afterEach(() => brick[Symbol.dispose]());

function withRoot<T>(look: (root: DirectoryHandle) => T): T {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  return look(root);
}

function entries(): HealEntry[] {
  const page = withRoot((root) =>
    readHealPage(root, new HealWindow(), { index: 'xattrop', after: undefined, limit: 100 }),
  );
  return page?.entries ?? [];
}

function handleOf(gfid: string): string {
  return `${brick.mkdir(`.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}`)}/${gfid}`;
}

/** As a brick makes it: gfid, handle and, for a directory, no record of its name. */
function makeDirectory(parent: string, path: string): string {
  const gfid = randomUUID();
  setAttributeSync(brick.mkdir(path), 'trusted.gfid', gfidToBytes(gfid));
  fs.symlinkSync(
    `../../${parent.slice(0, 2)}/${parent.slice(2, 4)}/${parent}/${path.split('/').at(-1)}`,
    handleOf(gfid),
  );
  return gfid;
}

function makeFile(path: string): string {
  const gfid = randomUUID();
  const file = brick.write(path, 'x');
  setAttributeSync(file, 'trusted.gfid', gfidToBytes(gfid));
  fs.linkSync(file, handleOf(gfid));
  return gfid;
}

/** The key's hash plays no part in reading. */
function record(path: string, parent: string, name: string | Buffer): void {
  const value = Buffer.concat([Buffer.from(`${parent}/`), Buffer.from(name)]);
  setAttributeSync(path, `trusted.gfid2path.${randomUUID().slice(0, 8)}`, value);
}

/** Until the file system's clock, which is that of the kernel's ticks, has gone on. */
function tick(): void {
  const before = fs.statSync(brick.write('clock', '')).ctimeMs;
  while (fs.statSync(brick.write('clock', '')).ctimeMs === before);
}

function wait(gfid: string): void {
  fs.writeFileSync(`${brick.path}/.glusterfs/indices/xattrop/${gfid}`, '');
}

describe('readHealPage', () => {
  it('finds every name of a file, and says how many have no usable record', () => {
    const dir = makeDirectory(ROOT_GFID, 'dir');
    const gfid = makeFile('dir/one');
    const file = `${brick.path}/dir/one`;
    fs.linkSync(file, `${brick.path}/two`);
    fs.linkSync(file, `${brick.path}/three`);
    record(file, dir, 'one');
    record(file, ROOT_GFID, 'two');
    record(file, ROOT_GFID, 'renamed away');
    setAttributeSync(file, 'trusted.afr.vol1-client-2', Buffer.from('000000010000000000000000', 'hex'));
    wait(gfid);
    const [entry] = entries();
    expect(entry).toEqual({
      gfid,
      object: {
        type: 'file',
        paths: expect.arrayContaining(['dir/one', 'two']),
        unknownNames: 1,
        changedAt: fs.statSync(file).ctimeMs,
        isNamespace: false,
        counters: { 'trusted.afr.vol1-client-2': '000000010000000000000000' },
      },
    });
    expect(entry?.object).toHaveProperty('paths.length', 2);
  });

  it('does not believe a record whose name belongs to something else by now', () => {
    const gfid = makeFile('old');
    record(`${brick.path}/old`, ROOT_GFID, 'old');
    fs.renameSync(`${brick.path}/old`, `${brick.path}/new`);
    brick.write('old', 'another file');
    wait(gfid);
    expect(entries()[0]?.object).toMatchObject({ paths: [], unknownNames: 1 });
  });

  it('finds names that are not UTF-8, in directories too', () => {
    const raw = Buffer.from([0x61, 0xff, 0x0a]);
    const gfid = makeFile('plain');
    fs.renameSync(`${brick.path}/plain`, Buffer.concat([Buffer.from(`${brick.path}/`), raw]));
    record(`${brick.path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`, ROOT_GFID, raw);
    wait(gfid);
    expect(entries()[0]?.object).toMatchObject({ paths: [raw.toString('latin1')], unknownNames: 0 });
  });

  it('looks at a directory by its path, and at nothing else that is there by now', () => {
    const outer = makeDirectory(ROOT_GFID, 'outer');
    const inner = makeDirectory(outer, 'outer/inner');
    setAttributeSync(`${brick.path}/outer/inner`, 'trusted.glusterfs.namespace', Buffer.from('true'));
    wait(inner);
    wait(ROOT_GFID);
    expect(entries().map(({ object }) => object)).toMatchObject([
      { type: 'directory', paths: [''], isNamespace: false },
      { type: 'directory', paths: ['outer/inner'], isNamespace: true },
    ]);
    fs.renameSync(`${brick.path}/outer/inner`, `${brick.path}/outer/away`);
    expect(entries()[1]?.object).toBe('unresolved');
    fs.symlinkSync('away', `${brick.path}/outer/inner`);
    expect(entries()[1]?.object).toBe('unresolved');
    fs.unlinkSync(`${brick.path}/outer/inner`);
    makeDirectory(outer, 'outer/inner');
    expect(entries()[1]?.object).toBe('unresolved');
  });

  it('reads a symlink of a user, and never what it leads to', () => {
    const secret = brick.write('elsewhere', 'x');
    setAttributeSync(secret, 'trusted.afr.vol1-client-9', Buffer.alloc(12, 1));
    const gfid = randomUUID();
    fs.symlinkSync(secret, `${brick.path}/link`);
    fs.linkSync(`${brick.path}/link`, handleOf(gfid));
    wait(gfid);
    expect(entries()[0]?.object).toMatchObject({ type: 'symlink', counters: {} });
  });

  it('goes on with the brick that it holds when another directory has got its path', () => {
    const gfid = makeFile('file');
    record(`${brick.path}/file`, ROOT_GFID, 'file');
    wait(gfid);
    const moved = `${brick.path}-moved`;
    using root = DirectoryHandle.open(brick.path);
    if (root === undefined) throw new Error('no brick');
    // Remembered, and wrong from then on, as after a mount over it.
    root.realPath();
    fs.renameSync(brick.path, moved);
    fs.mkdirSync(brick.path);
    try {
      const page = readHealPage(root, new HealWindow(), { index: 'xattrop', after: undefined, limit: 100 });
      expect(page?.entries).toMatchObject([{ gfid, object: { paths: ['file'] } }]);
    } finally {
      fs.rmdirSync(brick.path);
      fs.renameSync(moved, brick.path);
    }
  });

  it('gives no page of a brick whose path led elsewhere by its end', () => {
    using root = DirectoryHandle.open(brick.path);
    if (root === undefined) throw new Error('no brick');
    expect(root.readPath()).toBe(brick.path);
    const moved = `${brick.path}-moved`;
    fs.renameSync(brick.path, moved);
    try {
      const read = () => readHealPage(root, new HealWindow(), { index: 'xattrop', after: undefined, limit: 100 });
      expect(read).toThrow('was moved');
    } finally {
      fs.renameSync(moved, brick.path);
    }
    expect(root.isAtReadPath()).toBe(true);
  });

  it('takes a symlink of a user for what it is, not for the handle of a directory', () => {
    const gfid = randomUUID();
    fs.symlinkSync('../../00/00/00000000-0000-0000-0000-000000000001/etc', `${brick.path}/link`);
    fs.linkSync(`${brick.path}/link`, handleOf(gfid));
    wait(gfid);
    expect(entries()[0]?.object).toMatchObject({ type: 'symlink', paths: [], unknownNames: 1 });
  });

  it('reads an object that has not changed no second time, and one that has at once', () => {
    const gfid = makeFile('file');
    const file = `${brick.path}/file`;
    record(file, ROOT_GFID, 'file');
    wait(gfid);
    let now = Date.now() + 60_000;
    const known = new SettledAttributes({ now: () => now, monotonic: () => now });
    const read = () =>
      withRoot((root) =>
        readHealPage(root, new HealWindow(), { index: 'xattrop', after: undefined, limit: 100 }, known),
      )?.entries[0]?.object;
    const before = read();
    expect(known.size).toBe(1);
    expect(read()).toEqual(before);
    tick();
    setAttributeSync(file, 'trusted.afr.vol1-client-2', Buffer.from('000000010000000000000000', 'hex'));
    expect(read()).toMatchObject({ counters: { 'trusted.afr.vol1-client-2': '000000010000000000000000' } });
    // Another object under its name is a change of it, too: it has lost that name.
    const other = brick.write('other', 'x');
    fs.renameSync(other, file);
    expect(read()).toMatchObject({ paths: [], unknownNames: 0 });
    now += 200_000;
    makeFile('unasked');
    fs.unlinkSync(`${brick.path}/.glusterfs/indices/xattrop/${gfid}`);
    expect(read()).toBeUndefined();
    expect(known.size).toBe(0);
  });

  describe('of a file that is known and has not changed', () => {
    let file: string;
    let dir: string;
    let gfid: string;
    let known: SettledAttributes;
    let first: unknown;
    const paths = () => {
      const page = withRoot((root) =>
        readHealPage(root, new HealWindow(), { index: 'xattrop', after: undefined, limit: 100 }, known),
      );
      const [object] = (page?.entries ?? []).flatMap((entry) => (entry.gfid === gfid ? [entry.object] : []));
      return typeof object === 'object' ? [...object.paths.toSorted(), object.unknownNames] : object;
    };
    beforeEach(() => {
      dir = makeDirectory(ROOT_GFID, 'dir');
      gfid = makeFile('dir/one');
      file = `${brick.path}/dir/one`;
      fs.linkSync(file, `${brick.path}/two`);
      record(file, dir, 'one');
      record(file, ROOT_GFID, 'two');
      wait(gfid);
      known = new SettledAttributes({ now: () => Date.now() + 60_000, monotonic: () => performance.now() });
      first = paths();
      tick();
    });

    it('follows its directory to another name', () => {
      fs.renameSync(`${brick.path}/dir`, `${brick.path}/new`);
      // Before the brick has set the handle, nobody knows where the directory is.
      expect(paths()).toEqual(['two', 1]);
      fs.unlinkSync(handleOf(dir));
      fs.symlinkSync(`../../00/00/${ROOT_GFID}/new`, handleOf(dir));
      expect(paths()).toEqual(['new/one', 'two', 0]);
    });

    it('does not take another directory at the path for the one in which it was seen', () => {
      fs.renameSync(`${brick.path}/dir`, `${brick.path}/away`);
      brick.mkdir('dir');
      expect(paths()).toEqual(['two', 1]);
      brick.write('dir/one', 'another file');
      expect(paths()).toEqual(['two', 1]);
      fs.rmSync(`${brick.path}/dir`, { recursive: true });
      fs.renameSync(`${brick.path}/away`, `${brick.path}/dir`);
      expect(paths()).toEqual(['dir/one', 'two', 0]);
    });

    it('is found by all of its names, at first and again', () => {
      expect([first, paths()]).toEqual([
        ['dir/one', 'two', 0],
        ['dir/one', 'two', 0],
      ]);
    });

    it.each([
      ['a name that it loses', () => fs.unlinkSync(`${brick.path}/two`), ['dir/one', 0]],
      ['a name that another object takes', () => fs.renameSync(brick.write('x', ''), file), ['two', 0]],
      ['a name that is renamed', () => fs.renameSync(file, `${brick.path}/dir/else`), ['two', 1]],
      ['a name that goes elsewhere', () => fs.renameSync(`${brick.path}/two`, `${brick.path}/dir/2`), ['dir/one', 1]],
      ['a name that it gains', () => fs.linkSync(file, `${brick.path}/three`), ['dir/one', 'two', 1]],
    ])('notices %s', (_, change, expected) => {
      change();
      expect(paths()).toEqual(expected);
      expect(paths()).toEqual(expected);
    });
  });

  it('tells what is gone from what is deleted but open', () => {
    const gone = randomUUID();
    wait(gone);
    const open = makeFile('open');
    fs.renameSync(handleOf(open), `${brick.path}/.glusterfs/unlink/${open}`);
    fs.unlinkSync(`${brick.path}/open`);
    wait(open);
    const found = new Map(entries().map(({ gfid, object }) => [gfid, object]));
    expect(found.get(gone)).toBe('gone');
    expect(found.get(open)).toMatchObject({ type: 'file', paths: [], unknownNames: 0 });
  });
});

describe('findHealObject', () => {
  it('finds by path and by gfid, and says whether it waits', () => {
    const gfid = makeFile('file');
    record(`${brick.path}/file`, ROOT_GFID, 'file');
    expect(withRoot((root) => findHealObject(root, { path: 'file' }))).toMatchObject({
      gfid,
      object: { paths: ['file'] },
      waitsIn: [],
    });
    wait(gfid);
    expect(withRoot((root) => findHealObject(root, { gfid }))).toMatchObject({ gfid, waitsIn: ['xattrop'] });
  });

  it('finds nothing where nothing of Gluster is', () => {
    brick.write('foreign', '');
    for (const path of ['foreign', 'missing', 'foreign/below']) {
      expect(withRoot((root) => findHealObject(root, { path }))).toBeUndefined();
    }
  });
});

describe('isEmptyBrick', () => {
  it('does not count what Gluster and the file system make', () => {
    brick.mkdir('.glusterfs-anonymous-inode-4f1c1a9e-0000-4000-8000-000000000000');
    brick.mkdir('lost+found');
    expect(withRoot(isEmptyBrick)).toBe(true);
    brick.mkdir('.glusterfsx');
    expect(withRoot(isEmptyBrick)).toBe(false);
  });
});
