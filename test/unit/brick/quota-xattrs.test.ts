import fs from 'node:fs';
import { getAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import {
  decimal,
  readOrWriteQuotas,
  readQuotas,
  writeQuotas,
  type BackendClaim,
} from '../../../src/brick/quota-xattrs.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const isRoot = process.getuid?.() === 0;
let brick: TemporaryDirectory;
let root: DirectoryHandle;

beforeEach(() => {
  brick = new TemporaryDirectory('quota-xattrs');
  const handle = DirectoryHandle.open(brick.path);
  if (handle === undefined) throw new Error('no brick');
  root = handle;
});
afterEach(() => {
  root.close();
  brick[Symbol.dispose]();
});

// trusted.* needs CAP_SYS_ADMIN: without root there is nothing to see here.
describe.runIf(isRoot)('quota xattrs', () => {
  it('writes what is named, reads it back, removes what is null', () => {
    brick.mkdir('subvol/ab/cd/pvc-1');
    const path = 'subvol/ab/cd/pvc-1';
    expect(
      writeQuotas(root, [{ path, limitBytes: 1234n, namespace: true, sizeBytes: 77n, record: '{"v":1}' }], false),
    ).toMatchObject([{ path, kind: 'written', quota: { limitBytes: 1234n, sizeBytes: 77n, namespace: true } }]);
    expect(readQuotas(root, [path], true)).toEqual([
      {
        path,
        kind: 'present',
        quota: {
          path,
          gfid: undefined,
          namespace: true,
          limitBytes: 1234n,
          sizeBytes: 77n,
          adopting: false,
          record: '{"v":1}',
          hasEntries: false,
        },
      },
    ]);
    const full = `${brick.path}/${path}`;
    expect(getAttributeSync(full, 'trusted.gfs.squota.limit').toString()).toBe('1234');
    expect(getAttributeSync(full, 'trusted.gfs.squota.size').toString()).toBe('77\0');
    writeQuotas(root, [{ path, limitBytes: null, record: null }], false);
    expect(readQuotas(root, [path], true)[0]).toMatchObject({
      quota: { limitBytes: undefined, record: undefined, namespace: true },
    });
    const [again] = writeQuotas(root, [{ path, limitBytes: null }], true);
    expect(again).toEqual({ ...readQuotas(root, [path], true)[0], kind: 'written' });
  });

  it.each([
    { record: '{"v":1}' },
    { limitBytes: 1n },
    { namespace: true } as const,
    { sizeBytes: 7n },
    { adopting: true },
  ])('writes where nothing of a quota stands, and only there: not beside %o', (something) => {
    brick.mkdir('subvol/ab/cd/bare');
    brick.mkdir('subvol/ab/cd/begun');
    writeQuotas(root, [{ path: 'subvol/ab/cd/begun', ...something }], false);
    const before = readQuotas(root, ['subvol/ab/cd/begun'], true);
    const claims = ['bare', 'begun', 'missing'].map((name): BackendClaim => {
      return { path: `subvol/ab/cd/${name}`, limitBytes: 5n, namespace: true };
    });
    const [bare, begun, missing] = readOrWriteQuotas(root, claims, true);
    expect(bare).toMatchObject({
      kind: 'present',
      written: true,
      quota: { limitBytes: 5n, namespace: true, hasEntries: false },
    });
    expect([begun]).toEqual(before);
    expect(missing).toMatchObject({ kind: 'missing' });
    expect(readQuotas(root, ['subvol/ab/cd/begun'], true)).toEqual(before);
    expect(readQuotas(root, ['subvol/ab/cd/bare'], false)).toMatchObject([
      { quota: { limitBytes: 5n, namespace: true } },
    ]);
  });

  it("keeps one directory's failure to itself", () => {
    brick.mkdir('subvol/good');
    brick.write('subvol/file', '');
    fs.symlinkSync(brick.path, `${brick.path}/subvol/link`);
    const paths = [
      'subvol/missing',
      'subvol/file',
      'subvol/link',
      '../x',
      'a//b',
      '.glusterfs/x',
      'a\0b',
      'subvol/good',
    ];
    expect(readQuotas(root, paths, true).map(({ kind }) => kind)).toEqual([
      'missing',
      'failed',
      'failed',
      'failed',
      'missing',
      'failed',
      'failed',
      'present',
    ]);
    const changes = paths.map((path) => ({ path, limitBytes: 5n }));
    expect(writeQuotas(root, changes, false).map(({ kind }) => kind)).toEqual([
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'failed',
      'written',
    ]);
  });

  it('follows no symlink on the way either, and takes any name', () => {
    brick.mkdir('elsewhere/pv');
    brick.mkdir('subvol/ab');
    fs.symlinkSync('../../elsewhere', `${brick.path}/subvol/ab/cd`);
    expect(readQuotas(root, ['subvol/ab/cd/pv'], false)).toMatchObject([{ kind: 'failed' }]);
    expect(writeQuotas(root, [{ path: 'subvol/ab/cd/pv', limitBytes: 5n }], false)).toMatchObject([{ kind: 'failed' }]);
    expect(readQuotas(root, ['elsewhere/pv'], false)).toMatchObject([{ quota: { limitBytes: undefined } }]);
    brick.mkdir('subvol/ü/\u{1f40c}');
    expect(readQuotas(root, ['subvol/ü/\u{1f40c}'], false)).toMatchObject([{ kind: 'present' }]);
  });

  it('reads the gfid and tells an empty directory from a full one', () => {
    const full = brick.mkdir('subvol/pv');
    setAttributeSync(full, 'trusted.gfid', Buffer.from('11111111222243338444555555555555', 'hex'));
    expect(readQuotas(root, ['subvol/pv'], true)[0]).toMatchObject({
      quota: { gfid: '11111111-2222-4333-8444-555555555555', hasEntries: false },
    });
    brick.write('subvol/pv/f', '');
    expect(readQuotas(root, ['subvol/pv'], false)[0]).toMatchObject({ quota: { hasEntries: undefined } });
    expect(readQuotas(root, ['subvol/pv'], true)[0]).toMatchObject({ quota: { hasEntries: true } });
  });

  it('leaks no descriptor, whatever the path', () => {
    brick.mkdir('a/b/c');
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    for (let round = 0; round < 50; round += 1) readQuotas(root, ['a/b/c', 'a/b/c/d', 'a/../b', 'x/y', 'a/b/\0'], true);
    expect(open()).toBe(before);
  });
});

describe('decimal', () => {
  it.each([
    ['5', 5n],
    ['5\0', 5n],
    ['-7\0', -7n],
    ['', 'Malformed'],
    ['5x', 'Malformed'],
    ['0x5', 'Malformed'],
    ['\0', 'Malformed'],
  ])('reads %j', (text, expected) => {
    expect(decimal(Buffer.from(text))).toBe(expected);
  });
});
