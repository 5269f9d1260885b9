import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { HealIndex, type HealIndexCounts } from '../../../src/brick/heal-index.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let index: HealIndex;

beforeEach(() => {
  brick = new TemporaryDirectory('heal-index');
  index = new HealIndex();
  brick.mkdir('.glusterfs/indices/xattrop');
  brick.mkdir('.glusterfs/indices/dirty');
});
afterEach(() => brick[Symbol.dispose]());

function count(processKey?: string): HealIndexCounts {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  return index.count(root, processKey);
}

function addBase(type: string): string {
  return brick.write(`.glusterfs/indices/${type}/${type}-${randomUUID()}`, '');
}

function addEntries(type: string, base: string, entries: number): string[] {
  return Array.from({ length: entries }, () => {
    const entry = `${brick.path}/.glusterfs/indices/${type}/${randomUUID()}`;
    fs.linkSync(base, entry);
    return entry;
  });
}

describe('HealIndex', () => {
  it('sums the links of every base and leaves an index that is not there unknown', () => {
    addEntries('xattrop', addBase('xattrop'), 5);
    addEntries('xattrop', addBase('xattrop'), 2);
    addBase('dirty');
    expect(count()).toEqual({
      xattrop: { entries: 7, complete: true },
      dirty: { entries: 0, complete: true },
      'entry-changes': { entries: undefined, complete: false },
    });
  });

  it('follows entries that come and go without listing them', () => {
    const base = addBase('xattrop');
    const entries = addEntries('xattrop', base, 3);
    expect(count().xattrop.entries).toBe(3);
    fs.unlinkSync(entries[0] ?? '');
    addEntries('xattrop', base, 10);
    expect(count().xattrop).toEqual({ entries: 12, complete: true });
  });

  it('finds the base of a restarted brick process, also when its first entry comes later', () => {
    addEntries('xattrop', addBase('xattrop'), 3);
    expect(count('process-1').xattrop.entries).toBe(3);
    expect(count('process-2').xattrop.entries).toBe(3);
    addEntries('xattrop', addBase('xattrop'), 4);
    expect(count('process-2').xattrop).toEqual({ entries: 7, complete: true });
  });

  it('lists again when a base vanishes', () => {
    const old = addBase('xattrop');
    expect(count().xattrop.entries).toBe(0);
    fs.unlinkSync(old);
    addEntries('xattrop', addBase('xattrop'), 1);
    expect(count().xattrop.entries).toBe(1);
  });

  it('is not led astray by entries and by names that only look like a base', () => {
    addEntries('xattrop', addBase('xattrop'), 1);
    brick.write('.glusterfs/indices/xattrop/xattrop-not-a-uuid', '');
    brick.mkdir('.glusterfs/indices/entry-changes');
    fs.mkdirSync(`${brick.path}/.glusterfs/indices/entry-changes/${randomUUID()}`);
    expect(count().xattrop.entries).toBe(1);
    expect(count()['entry-changes'].entries).toBe(0);
  });

  it('knows nothing of a brick without indices', () => {
    fs.rmSync(`${brick.path}/.glusterfs`, { recursive: true });
    expect(count().xattrop.entries).toBeUndefined();
  });
});
