import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

/** By one who has never looked before. */
function takeAnew(): Inventory | undefined {
  using root = DirectoryHandle.open(brick.path);
  return root === undefined ? undefined : new PvInventory().take(root, true, undefined).inventory;
}

function addPv(pv: string, size: unknown, at = 'ab/cd'): string {
  brick.mkdir(`subvol/${at}/${pv}`);
  return brick.write(`info/subvol/${at}/${pv}.json`, JSON.stringify({ size, path_prefix: `subvol/${at}` }));
}

/** So long after a change its time stamp is no other change's. */
const SETTLED_MS = 1_100;
/** Looks until everything has been looked at again. */
const ALL_LOOKS = 15;

describe('an inventory that has settled', () => {
  let version: number;

  beforeEach(async () => {
    addPv('pvc-1', 1024);
    addPv('pvc-2', 2048, '00/11');
    brick.mkdir('subvol/ab/cd/no-info');
    await delay(SETTLED_MS);
    ({ version } = take());
  });
  afterEach(() => vi.restoreAllMocks());

  it('costs one stat for each directory of PVs and each info file', () => {
    using root = DirectoryHandle.open(brick.path);
    if (root === undefined) throw new Error('no brick');
    const reads = [vi.spyOn(fs, 'readdirSync'), vi.spyOn(fs, 'openSync')] as const;
    const stats = vi.spyOn(fs, 'lstatSync');
    expect(inventory.take(root, true, version)).toEqual({
      version,
      inventory: undefined,
    });
    for (const read of reads) expect(read).not.toHaveBeenCalled();
    // subvol, two below it and two below these; info/subvol and two below it; two info files and the place of a third.
    expect(stats).toHaveBeenCalledTimes(5 + 3 + 3);
  });

  const INFO_3 = '{"size": 9, "path_prefix": "subvol/ab/cd"}';
  it.each<[string, () => void]>([
    ['a resize in place, to a number as long', () => addPv('pvc-1', 4096)],
    ['a new PV beside another', () => brick.mkdir('subvol/ab/cd/pvc-3')],
    ['a new PV', () => brick.mkdir('subvol/77/88/pvc-3')],
    ['an info file for a PV without one', () => brick.write('info/subvol/ab/cd/no-info.json', INFO_3)],
    ['a PV that is gone', () => fs.rmdirSync(`${brick.path}/subvol/ab/cd/no-info`)],
    ['an info file that is gone', () => fs.rmSync(`${brick.path}/info/subvol/00/11/pvc-2.json`)],
    [
      'another file in the place of an info file',
      () => fs.renameSync(brick.write('other', INFO_3), `${brick.path}/info/subvol/ab/cd/pvc-1.json`),
    ],
    [
      'a directory in the place of an info file',
      () => {
        fs.rmSync(`${brick.path}/info/subvol/00/11/pvc-2.json`);
        brick.mkdir('info/subvol/00/11/pvc-2.json');
      },
    ],
    ['all PVs gone', () => fs.rmSync(`${brick.path}/subvol`, { recursive: true })],
  ])('shows %s at the next look', (_, change) => {
    expect(take(version).inventory).toBeUndefined();
    change();
    const seen = take(version).inventory;
    expect(seen).toBeDefined();
    expect(seen).toEqual(takeAnew());
  });

  it('shows an info file beside another, whose PV has no directory, within so many looks', () => {
    brick.write('info/subvol/ab/cd/pvc-3.json', INFO_3);
    const looks = Array.from({ length: ALL_LOOKS }, () => take(version).inventory);
    expect(looks.at(-1)).toEqual(takeAnew());
  });
});

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
