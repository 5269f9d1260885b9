import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { parseInfo, PvInventory, type Inventory } from '../../../src/brick/pv-inventory.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let inventory: PvInventory;

beforeEach(() => {
  brick = new TemporaryDirectory('inventory');
  inventory = new PvInventory();
});
afterEach(() => brick[Symbol.dispose]());

function take(known?: number): { version: number; inventory: Inventory | undefined } {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  return inventory.take(root, true, known);
}

function addPv(pv: string, size: unknown, at = 'ab/cd'): string {
  brick.mkdir(`subvol/${at}/${pv}`);
  return brick.write(`info/subvol/${at}/${pv}.json`, JSON.stringify({ size, path_prefix: `subvol/${at}` }));
}

describe('PvInventory', () => {
  it('joins the directories with what Kadalu wants', () => {
    addPv('pvc-1', 1024);
    brick.mkdir('subvol/00/11/pvc-2');
    brick.write('info/subvol/22/33/pvc-3.json', '{"size": "2048", "path_prefix": "subvol/22/33"}');
    const { places, refusals } = take().inventory ?? { places: [], refusals: [] };
    expect(places.toSorted((a, b) => a.pv.localeCompare(b.pv))).toEqual([
      { pv: 'pvc-1', path: 'subvol/ab/cd/pvc-1', kadaluBytes: 1024n },
      { pv: 'pvc-2', path: 'subvol/00/11/pvc-2', kadaluBytes: undefined },
      { pv: 'pvc-3', path: 'subvol/22/33/pvc-3', kadaluBytes: 2048n },
    ]);
    expect(refusals).toEqual([]);
  });

  it('sends an unchanged inventory only once, and sees a resize in place, a new and a deleted PV', () => {
    addPv('pvc-1', 1024);
    const first = take();
    expect(take(first.version)).toEqual({ version: first.version, inventory: undefined });
    addPv('pvc-1', 4096);
    const second = take(first.version);
    expect(second.inventory?.places[0]?.kadaluBytes).toBe(4096n);
    addPv('pvc-2', 1);
    const third = take(second.version);
    expect(third.inventory?.places).toHaveLength(2);
    fs.rmSync(`${brick.path}/subvol/ab/cd/pvc-1`, { recursive: true });
    fs.rmSync(`${brick.path}/info/subvol/ab/cd/pvc-1.json`);
    expect(take(third.version).inventory?.places.map(({ pv }) => pv)).toEqual(['pvc-2']);
  });

  it('refuses bad entries one by one and keeps the others', () => {
    addPv('good', 10);
    addPv('zero', 0);
    addPv('twice', 1);
    brick.mkdir('subvol/ff/ff/twice');
    brick.write('info/subvol/ab/cd/garbage.json', '\u0000\u0001');
    brick.write('info/subvol/ab/cd/empty.json', '');
    brick.write('info/subvol/ab/cd/huge.json', ' '.repeat(5000));
    brick.mkdir('info/subvol/ab/cd/directory.json');
    fs.symlinkSync('/etc/hostname', `${brick.path}/info/subvol/ab/cd/link.json`);
    const { places, refusals } = take().inventory ?? { places: [], refusals: [] };
    expect(places.map(({ pv }) => pv).toSorted()).toEqual(['good', 'twice', 'zero']);
    expect(places.find(({ pv }) => pv === 'zero')?.kadaluBytes).toBeUndefined();
    expect(refusals.map(({ file }) => file).toSorted()).toEqual([
      'info/subvol/ab/cd/directory.json',
      'info/subvol/ab/cd/empty.json',
      'info/subvol/ab/cd/garbage.json',
      'info/subvol/ab/cd/huge.json',
      'info/subvol/ab/cd/link.json',
      'info/subvol/ab/cd/zero.json',
      'subvol/ff/ff/twice',
    ]);
  });

  it('does not leave the brick through a symlink', () => {
    using outside = new TemporaryDirectory('outside');
    outside.mkdir('cd/pvc-evil');
    brick.mkdir('subvol');
    fs.symlinkSync(outside.path, `${brick.path}/subvol/ab`);
    brick.mkdir('subvol/aa/bb');
    fs.symlinkSync(outside.path, `${brick.path}/subvol/aa/bb/pvc-link`);
    expect(take().inventory?.places).toEqual([]);
  });

  it('is empty on a brick that has no PVs yet', () => {
    expect(take().inventory).toEqual({ places: [], refusals: [] });
  });
});

describe('parseInfo', () => {
  it.each([
    ['{"size": 1.5}', 'not a whole number'],
    ['{"size": -1}', 'not a whole number'],
    ['{"size": "9223372036854775808"}', 'not a whole number'],
    ['{}', 'has no "size"'],
    ['[]', 'has no "size"'],
    ['null', 'has no "size"'],
    ['{"size": 5, "path_prefix": "subvol/xx/yy"}', 'lies under subvol/ab/cd'],
  ])('refuses %s', (text, reason) => {
    expect(parseInfo(text, 'info/subvol/ab/cd/pvc.json')).toMatchObject({ reason: expect.stringContaining(reason) });
  });

  it('takes a size with or without path_prefix, as number or text', () => {
    expect(parseInfo('{"size": 5}', 'info/subvol/ab/cd/pvc.json')).toEqual({ kadaluBytes: 5n });
    expect(parseInfo('{"size": "9223372036854775807"}', 'info/subvol/a/b/p.json')).toEqual({
      kadaluBytes: 2n ** 63n - 1n,
    });
  });
});
