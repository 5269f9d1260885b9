import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureDirectory, ScanDirectory } from '../../../src/brick/scan/directory.ts';
import { LinkSet } from '../../../src/brick/scan/link-set.ts';
import { newTotals, scanTree, type ScanTotals } from '../../../src/brick/scan/tree.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const BLOCK = 512;

let place: TemporaryDirectory;
let pv: string;

beforeEach(() => {
  place = new TemporaryDirectory('scan');
  pv = place.mkdir('pv');
});
afterEach(() => place[Symbol.dispose]());

function scan(tick: () => void = () => undefined): ScanTotals {
  const totals = newTotals();
  using root = ScanDirectory.at(pv);
  scanTree(root, tick, totals);
  return totals;
}

function du(): number {
  return Number(execFileSync('du', ['-s', '--block-size=1', pv], { encoding: 'utf8' }).split('\t')[0]);
}

/** A file as on a brick: with its gfid handle. */
function brickFile(name: string, content: string | Buffer): string {
  const path = place.write(name, content);
  fs.linkSync(path, `${place.mkdir('.glusterfs/aa/bb')}/${name.replaceAll('/', '_')}`);
  return path;
}

describe('scanTree', () => {
  it('counts what du counts, and what simple-quota should count', () => {
    brickFile('pv/empty', '');
    brickFile('pv/small', 'x');
    brickFile('pv/dir/deeper/large', Buffer.alloc(100_000, 1));
    fs.symlinkSync('x'.repeat(200), `${pv}/long-symlink`);
    execFileSync('mkfifo', [`${pv}/fifo`]);
    const totals = scan();
    expect(totals.diskBytes).toBe(du());
    // Blocks capped at the size rounded up to 512, and 512 for each file: (0 + 1) + (1 + 1) + (196 + 1).
    expect(totals.counterBytes).toBe((1 + 2 + 197) * BLOCK);
    expect(totals).toMatchObject({ files: 5, directories: 3, unreadable: 0 });
  });

  it('counts blocks, not sizes', () => {
    const sparse = brickFile('pv/sparse', '');
    fs.truncateSync(sparse, 1024 ** 3);
    fs.writeSync(fs.openSync(sparse, 'r+'), Buffer.alloc(4096, 1), 0, 4096, 512 * 1024 ** 2);
    const totals = scan();
    expect(totals.diskBytes).toBe(du());
    expect(totals.counterBytes).toBe(9 * BLOCK);
  });

  it('counts hard links once, wherever they are', () => {
    const file = brickFile('pv/a/file', Buffer.alloc(40_960, 1));
    place.mkdir('pv/b/c');
    fs.linkSync(file, `${pv}/b/c/other`);
    fs.linkSync(file, `${pv}/a/third`);
    const totals = scan();
    expect(totals.diskBytes).toBe(du());
    expect(totals.counterBytes).toBe(81 * BLOCK);
    expect(totals.files).toBe(3);
  });

  it('follows no symlink', () => {
    place.write('elsewhere/file', Buffer.alloc(40_960, 1));
    fs.symlinkSync(`${place.path}/elsewhere`, `${pv}/link`);
    expect(scan()).toMatchObject({ counterBytes: 0, directories: 1, diskBytes: du() });
  });

  it('sees names of any bytes', () => {
    const names = [
      Buffer.from([0xff, 0xfe]),
      Buffer.from('new\nline'),
      Buffer.from('größe'),
      Buffer.from([0xed, 0xa0]),
    ];
    for (const name of names) {
      const directory = Buffer.concat([Buffer.from(`${pv}/`), name]);
      fs.mkdirSync(directory);
      fs.writeFileSync(Buffer.concat([directory, Buffer.from('/'), name]), Buffer.alloc(4096, 1));
    }
    const totals = scan();
    expect(totals).toMatchObject({ files: 4, directories: 5, diskBytes: du(), unreadable: 0 });
    expect(totals.counterBytes).toBe(4 * 9 * BLOCK);
  });

  it("leaves out the agent's own helpers and Gluster's directory", () => {
    const before = scan();
    place.write('pv/.kq-1234', Buffer.alloc(4096, 1));
    place.write('pv/.glusterfs/file', Buffer.alloc(4096, 1));
    expect(scan().counterBytes).toBe(before.counterBytes);
    expect(scan().files).toBe(0);
  });

  it('is not led out of the PV by a symlink that takes the place of a directory', () => {
    place.write('elsewhere/sub/file', Buffer.alloc(40_960, 1));
    place.write('pv/a/sub/file', 'x');
    let swapped = false;
    // The first directory's listing is done when the second entry is looked at.
    const totals = scan(() => {
      if (swapped || !fs.existsSync(`${pv}/a/sub`)) return;
      swapped = true;
      fs.renameSync(`${pv}/a`, `${place.path}/away`);
      fs.symlinkSync(`${place.path}/elsewhere`, `${pv}/a`);
    });
    expect(swapped).toBe(true);
    expect(totals).toMatchObject({ files: 0, directories: 1 });
  });

  it('opens nothing by way of a symlink in the middle of a path', () => {
    place.mkdir('elsewhere/sub');
    fs.symlinkSync(`${place.path}/elsewhere`, `${pv}/a`);
    expect(ScanDirectory.open(`${pv}/a/sub`)).toBeUndefined();
    expect(ScanDirectory.open(`${pv}/a`)).toBeUndefined();
  });

  it('says when there is more than it could read', () => {
    // Deeper than a path can be long: only somebody who changes directory on the way can make it.
    const name = 'd'.repeat(250);
    execFileSync('sh', ['-c', `cd "$1" && for i in $(seq 20); do mkdir $2; cd -P $2; done`, 'sh', pv, name]);
    const totals = scan();
    expect(totals.unreadable).toBe(1);
    expect(totals.unreadableWhy).toContain('ENAMETOOLONG');
    expect(totals.directories).toBeGreaterThan(10);
    execFileSync('rm', ['-rf', pv]);
  });

  it('ends at once when it is given up', () => {
    brickFile('pv/file', 'x');
    const stop = new Error('stop');
    expect(() =>
      scan(() => {
        throw stop;
      }),
    ).toThrow(stop);
  });
});

describe('measureDirectory', () => {
  it('measures one directory without those below it', () => {
    brickFile('pv/file', Buffer.alloc(8192, 1));
    brickFile('pv/sub/file', Buffer.alloc(8192, 1));
    const linked = brickFile('pv/linked', Buffer.alloc(4096, 1));
    fs.linkSync(linked, `${pv}/sub/linked`);
    using directory = ScanDirectory.at(pv);
    const measure = measureDirectory(directory, () => undefined);
    expect(measure.subdirectories).toEqual(['sub']);
    expect(measure.files).toBe(2);
    expect(measure.diskBytes).toBe(fs.statSync(pv).blocks * BLOCK + 8192);
    expect(measure.counterBytes).toBe(17 * BLOCK);
    const { ino, nlink } = fs.statSync(linked);
    expect(measure.links).toEqual([{ ino, nlink, diskBytes: 4096, counterBytes: 9 * BLOCK }]);
  });
});

describe('LinkSet', () => {
  it('forgets an inode with its last name', () => {
    const links = new LinkSet();
    expect([links.isFirst(7, 4), links.size]).toEqual([true, 1]);
    expect([links.isFirst(7, 4), links.size]).toEqual([false, 1]);
    expect([links.isFirst(7, 4), links.size]).toEqual([false, 0]);
  });
});
