import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryHandle } from '../../../src/brick/handle.ts';
import { HealWindow } from '../../../src/brick/heal-window.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let brick: TemporaryDirectory;
let directory: string;

beforeEach(() => {
  brick = new TemporaryDirectory('heal-window');
  directory = brick.mkdir('.glusterfs/indices/xattrop');
  brick.write(`.glusterfs/indices/xattrop/xattrop-${randomUUID()}`, '');
});
afterEach(() => brick[Symbol.dispose]());

function add(name: string): void {
  fs.writeFileSync(`${directory}/${name}`, '');
}

/** All pages, with something done between two of them. */
function walk(
  window: HealWindow,
  limit: number,
  between: (names: readonly string[]) => void = () => undefined,
): string[] {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  const names: string[] = [];
  for (let after: string | undefined; ; after = names.at(-1)) {
    const page = window.page(root, 'xattrop', after, limit);
    names.push(...(page?.names ?? []));
    if (page?.more !== true) return names;
    between(names);
  }
}

describe('HealWindow', () => {
  it('knows that there is no such index', () => {
    using root = DirectoryHandle.open(brick.path);
    if (root === undefined) throw new Error('no brick');
    expect(new HealWindow().page(root, 'dirty', undefined, 10)).toBeUndefined();
    expect(new HealWindow().page(root, 'xattrop', undefined, 10)).toEqual({ names: [], more: false });
  });

  it('gives every entry once and in order, whatever the sizes of window and page', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.uuid(), { maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 20 }),
        (names, size, limit) => {
          for (const name of fs.readdirSync(directory)) fs.rmSync(`${directory}/${name}`);
          for (const name of [...names, `xattrop-${randomUUID()}`, 'not-a-gfid']) add(name);
          expect(walk(new HealWindow(size), limit)).toEqual([...names].sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes on behind a position whose name is gone, and finds what came behind it', () => {
    const names = Array.from({ length: 20 }, () => randomUUID()).sort();
    for (const name of names) add(name);
    const late = 'ffffffff-ffff-4fff-bfff-ffffffffffff';
    let isFirst = true;
    const seen = walk(new HealWindow(6), 3, (soFar) => {
      if (isFirst) add(late);
      isFirst = false;
      for (const name of soFar) fs.rmSync(`${directory}/${name}`, { force: true });
    });
    expect(seen).toEqual([...names, late]);
  });

  it('reads the first page anew each time', () => {
    const window = new HealWindow();
    expect(walk(window, 5)).toEqual([]);
    const name = randomUUID();
    add(name);
    expect(walk(window, 5)).toEqual([name]);
  });
});
