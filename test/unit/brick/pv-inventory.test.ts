import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { removeAttributeSync, setAttributeSync } from 'fs-xattr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BlameReader } from '../../../src/brick/afr-blame.ts';
import { ChangeWatch } from '../../../src/brick/change-watch.ts';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { parseInfo } from '../../../src/brick/pv-info.ts';
import { PvInventory, type Inventory } from '../../../src/brick/pv-inventory.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let inventory: PvInventory;

beforeEach(() => {
  brick = new TemporaryDirectory('inventory');
  inventory = new PvInventory();
});
afterEach(() => brick[Symbol.dispose]());

function take(known?: number): ReturnType<PvInventory['take']> {
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

/** More events than are read between two looks; of two entries in turn, as one event that is like the last is dropped. */
function touchOften(directory: string): void {
  for (const name of ['a', 'b']) fs.mkdirSync(`${directory}/${name}`, { recursive: true });
  for (let n = 0; n < 2_200; n += 1)
    for (const name of ['a', 'b']) fs.chmodSync(`${directory}/${name}`, 0o700 + (n % 2));
}

/** So long after a change its time stamp is no other change's. */
const SETTLED_MS = 1_100;

/** What was changed up to now counts as settled, and so does from now on what was changed some milliseconds ago. */
async function settle(): Promise<void> {
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() + SETTLED_MS);
  await delay(10);
}
/** Looks until everything has been looked at again, and also what is watched. */
const ALL_LOOKS = 10;
const WATCHED_LOOKS = 150;

/** Events are read when nothing else is to be done, as in the brick's thread. */
const READ_MS = 50;
/** subvol, two below it and two below these; info/subvol and two below it; two info files, and where a third would appear. */
const WATCHED = 5 + 3 + 2 + 1;

describe.each(['looked at', 'watched'] as const)('an inventory that has settled and is %s', (way) => {
  let version: number;
  let watch: ChangeWatch;

  beforeEach(async () => {
    addPv('pvc-1', 1024);
    addPv('pvc-2', 2048, '00/11');
    brick.mkdir('subvol/ab/cd/no-info');
    await settle();
    watch = new ChangeWatch();
    inventory = new PvInventory(way === 'watched' ? watch : undefined);
    ({ version } = take());
    // The first look without a change begins to watch, the next one looks once more at what is watched.
    for (let look = 0; look < 3; look += 1) take();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    watch.close();
  });

  it('is watched as a whole, or not at all', () => {
    expect([take().version, watch.size]).toEqual([version, way === 'watched' ? WATCHED : 0]);
  });

  it(`costs ${way === 'watched' ? 'nothing' : 'one stat for each directory of PVs and each info file'}`, () => {
    using root = DirectoryHandle.open(brick.path);
    if (root === undefined) throw new Error('no brick');
    const reads = [vi.spyOn(fs, 'readdirSync'), vi.spyOn(fs, 'openSync')] as const;
    const stats = vi.spyOn(fs, 'lstatSync');
    expect(inventory.take(root, true, version)).toEqual({ version, inventory: undefined, unwatched: undefined });
    for (const read of reads) expect(read).not.toHaveBeenCalled();
    expect(stats).toHaveBeenCalledTimes(way === 'watched' ? 0 : WATCHED);
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
  ])('shows %s at the next look', async (_, change) => {
    expect(take(version).inventory).toBeUndefined();
    change();
    await delay(READ_MS);
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

describe('a watched inventory', () => {
  let watch: ChangeWatch;

  beforeEach(async () => {
    addPv('pvc-1', 1024);
    await settle();
    watch = new ChangeWatch();
    inventory = new PvInventory(watch);
    for (let look = 0; look < 3; look += 1) take();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    watch.close();
  });

  async function limitAfter(change: () => void): Promise<bigint | undefined> {
    change();
    await delay(READ_MS);
    return take().inventory?.places[0]?.kadaluBytes;
  }

  it('looks only at what was reported, and again until a change would show', async () => {
    vi.mocked(Date.now).mockRestore();
    addPv('pvc-1', 4096);
    await delay(READ_MS);
    const stats = vi.spyOn(fs, 'lstatSync');
    expect(take().inventory?.places[0]?.kadaluBytes).toBe(4096n);
    // The file, twice, and the directory of info files, which is not watched.
    expect(stats.mock.calls.map(([path]) => String(path).split('/info/')[1])).toEqual([
      'subvol/ab/cd/pvc-1.json',
      'subvol/ab/cd',
      'subvol/ab/cd/pvc-1.json',
    ]);
    for (const isSettled of [false, true]) {
      if (isSettled) await delay(SETTLED_MS);
      for (let look = 0; look < 3; look += 1) take();
      stats.mockClear();
      take();
      expect(stats.mock.calls.length > 0).toBe(!isSettled);
    }
  });

  it('sees a file that is written by another name of it, as a brick does, and one in the place of another', async () => {
    const file = `${brick.path}/info/subvol/ab/cd/pvc-1.json`;
    fs.linkSync(file, `${brick.path}/handle`);
    take();
    const write = (path: string, size: number): void => fs.writeFileSync(path, JSON.stringify({ size }));
    expect(await limitAfter(() => write(`${brick.path}/handle`, 5))).toBe(5n);
    write(`${brick.path}/new`, 6);
    expect(await limitAfter(() => fs.renameSync(`${brick.path}/new`, file))).toBe(6n);
    take();
    expect(await limitAfter(() => write(file, 7))).toBe(7n);
  });

  it('follows a directory that is replaced, and watches the new one', async () => {
    fs.renameSync(`${brick.path}/subvol/ab`, `${brick.path}/subvol/old`);
    brick.mkdir('subvol/ab/cd/pvc-9');
    await delay(READ_MS);
    expect(take().inventory).toEqual(takeAnew());
    for (let look = 0; look < 3; look += 1) take();
    brick.mkdir('subvol/ab/cd/pvc-10');
    await delay(READ_MS);
    expect(take().inventory).toEqual(takeAnew());
  });

  it('looks at everything in each pass from the time on that a change was not told', async () => {
    vi.spyOn(watch, 'take').mockReturnValue({ paths: new Set(), lost: false });
    fs.mkdirSync(`${brick.path}/subvol/ab/cd/pvc-2`);
    const looks = Array.from({ length: WATCHED_LOOKS }, () => take());
    expect(looks.at(-1)?.inventory?.places).toHaveLength(2);
    expect(take().unwatched).toContain('a change was not reported');
    expect(watch.size).toBe(0);
    fs.mkdirSync(`${brick.path}/subvol/ab/cd/pvc-3`);
    expect(take().inventory?.places).toHaveLength(3);
  });

  it('takes no offence at a change that is reported after it was seen', async () => {
    const told = vi.spyOn(watch, 'take').mockReturnValue({ paths: new Set(), lost: false });
    fs.mkdirSync(`${brick.path}/subvol/ab/cd/pvc-2`);
    for (let look = 0; look < WATCHED_LOOKS && take().inventory?.places.length !== 2; look += 1);
    told.mockRestore();
    await delay(READ_MS);
    expect(take().unwatched).toBeUndefined();
    expect(watch.size).toBeGreaterThan(0);
  });

  it('looks at everything when events were lost', () => {
    vi.spyOn(watch, 'take').mockReturnValueOnce({ paths: new Set(), lost: true });
    fs.mkdirSync(`${brick.path}/subvol/ab/cd/pvc-2`);
    expect(take().inventory?.places).toHaveLength(2);
    take();
    expect(take().unwatched).toBeUndefined();
  });

  it.each([
    ['ENOSPC', 'max_user_watches'],
    ['EMFILE', 'max_user_instances'],
  ])('looks at what the kernel lets nobody watch (%s), and tries again later', async (code, word) => {
    inventory = new PvInventory(new ChangeWatch());
    vi.spyOn(fs, 'watch').mockImplementation(() => {
      throw Object.assign(new Error('no'), { code });
    });
    take();
    expect(take().unwatched).toContain(word);
    fs.mkdirSync(`${brick.path}/subvol/ab/cd/pvc-2`);
    expect(take().inventory?.places).toHaveLength(2);
    vi.mocked(fs.watch).mockRestore();
    for (let look = 0; look <= WATCHED_LOOKS; look += 1) take();
    expect(take().unwatched).toBeUndefined();
  });

  it('begins anew when another brick is there', async () => {
    using other = new TemporaryDirectory('inventory');
    other.mkdir('subvol/ab/cd/pvc-7');
    using root = DirectoryHandle.open(other.path);
    if (root === undefined) throw new Error('no brick');
    expect(inventory.take(root, true, undefined).inventory?.places.map(({ pv }) => pv)).toEqual(['pvc-7']);
    expect(watch.size).toBe(0);
  });
});

describe('what was read of the PVs', () => {
  const path = 'subvol/ab/cd/pvc-1';
  let watch: ChangeWatch;

  beforeEach(async () => {
    addPv('pvc-1', 1024);
    addPv('cd', 1024);
    await settle();
    watch = new ChangeWatch();
    inventory = new PvInventory(watch);
    for (let look = 0; look < 3; look += 1) take();
    inventory.reads?.quotas.note(path);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    watch.close();
  });

  const isStill = (of: string = path): boolean => inventory.reads?.quotas.isStill(of) === true;

  it('stands until an attribute of the directory changes, under any name of it, and is told apart by reader and PV', async () => {
    inventory.reads?.blames.note(path);
    addPv('pvc-2', 1);
    brick.write(`${path}/file`, 'x');
    await delay(READ_MS);
    expect([isStill(), isStill('subvol/ab/cd/pvc-2'), isStill('nowhere')]).toEqual([true, false, false]);
    fs.symlinkSync(`${brick.path}/${path}`, `${brick.path}/handle`);
    setAttributeSync(`${brick.path}/handle`, 'trusted.gfs.squota.limit', '7');
    await delay(READ_MS);
    expect([isStill(), inventory.reads?.blames.isStill(path)]).toEqual([false, false]);
    inventory.reads?.quotas.note(path);
    expect([isStill(), inventory.reads?.blames.isStill(path)]).toEqual([true, false]);
    removeAttributeSync(`${brick.path}/${path}`, 'trusted.gfs.squota.limit');
    await delay(READ_MS);
    expect(isStill()).toBe(false);
  });

  it.each<[string, () => void]>([
    ['the directory goes', () => fs.rmSync(`${brick.path}/${path}`, { recursive: true })],
    [
      'another one comes in its place',
      () => {
        fs.rmdirSync(`${brick.path}/${path}`);
        fs.mkdirSync(`${brick.path}/${path}`);
      },
    ],
    ['it is moved', () => fs.renameSync(`${brick.path}/${path}`, `${brick.path}/elsewhere`)],
    ['one above it is moved', () => fs.renameSync(`${brick.path}/subvol/ab`, `${brick.path}/subvol/ff`)],
    ['one of the name of that above it is changed', () => fs.chmodSync(`${brick.path}/subvol/ab/cd/cd`, 0o700)],
  ])('ends when %s', async (_, change) => {
    expect(isStill()).toBe(true);
    change();
    await delay(READ_MS);
    expect(isStill()).toBe(false);
    for (let look = 0; look < 3; look += 1) take();
    expect(isStill()).toBe(false);
  });

  it('ends when events are lost, and when nothing is watched any more', async () => {
    touchOften(`${brick.path}/info/subvol`);
    await delay(READ_MS);
    expect(isStill()).toBe(false);
    take();
    inventory.reads?.quotas.note(path);
    expect(isStill()).toBe(true);
    watch.close();
    expect(isStill()).toBe(false);
    inventory.reads?.quotas.note(path);
    expect(isStill()).toBe(false);
  });

  it('is not asked for where it stands: blames are as they were read', async () => {
    const blames = new BlameReader();
    const value = Buffer.from('000000000000000700000000', 'hex');
    setAttributeSync(`${brick.path}/${path}`, 'trusted.afr.v-client-0', value);
    await delay(READ_MS);
    const read = (): unknown => {
      using root = DirectoryHandle.open(brick.path);
      return root === undefined ? undefined : blames.read(root, [path, 'none'], inventory.reads?.blames);
    };
    const expected = [[{ name: 'v-client-0', data: 0, metadata: 7, entry: 0 }], []];
    expect(read()).toEqual(expected);
    const opens = vi.spyOn(fs, 'openSync');
    expect(read()).toEqual(expected);
    expect(opens.mock.calls.filter(([opened]) => String(opened).includes('pvc-1'))).toEqual([]);
    setAttributeSync(`${brick.path}/${path}`, 'trusted.afr.v-client-0', Buffer.alloc(12));
    await delay(READ_MS);
    expect(read()).toEqual([[], []]);
  });
});

describe('ChangeWatch', () => {
  it('gives up one that is changed all the time, and tells that others may have been missed', async () => {
    brick.mkdir('busy');
    brick.mkdir('calm');
    const watch = new ChangeWatch();
    expect(watch.add(brick.path, ['busy', 'calm', 'gone'])).toEqual(['calm', 'busy']);
    touchOften(`${brick.path}/busy`);
    await delay(READ_MS);
    expect(watch.take()).toEqual({ paths: new Set(['busy']), lost: true });
    expect([watch.has('busy'), watch.has('calm')]).toEqual([false, true]);
    expect(watch.add(brick.path, ['busy'])).toEqual([]);
    watch.retry();
    expect(watch.add(brick.path, ['busy'])).toEqual(['busy']);
    watch.close();
    expect(watch.size).toBe(0);
  });

  it('has a bound, and watches some at a time', () => {
    const begin = fs.watch;
    vi.spyOn(fs, 'watch').mockImplementation(() => begin(brick.path, { persistent: false }));
    const watch = new ChangeWatch();
    const paths = Array.from({ length: 6_000 }, (_, n) => `${n}`);
    expect(watch.add(brick.path, paths)).toHaveLength(200);
    while (watch.add(brick.path, paths).length > 0);
    const allowed = Number(fs.readFileSync('/proc/sys/fs/inotify/max_user_watches', 'utf8'));
    const most = Math.min(5_000, Math.floor(allowed / 20));
    expect(watch.size).toBe(most);
    expect(watch.refused).toContain(`more than ${most}`);
    watch.close();
    expect(watch.size).toBe(0);
    const few = new ChangeWatch(3);
    expect(few.add(brick.path, ['a', 'b', 'c', 'd'])).toHaveLength(3);
    expect(few.refused).toContain('more than 3');
    few.close();
    vi.restoreAllMocks();
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
    expect(take(first.version)).toMatchObject({ version: first.version, inventory: undefined });
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
