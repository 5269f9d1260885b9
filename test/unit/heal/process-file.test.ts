import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  lstatSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBelow, resolveBelow } from '../../../src/heal/process-file.ts';

let root: string;
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), 'process-file-')), 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
});
afterEach(() => rmSync(join(root, '..'), { recursive: true }));

const text = async (path: string): Promise<string | undefined> => {
  const file = await readBelow(root, path, 100);
  return file === undefined ? undefined : Buffer.from(file.bytes).toString();
};

describe('readBelow', () => {
  it('follows relative, absolute and climbing links below the root only', async () => {
    writeFileSync(join(root, 'etc', 'real'), 'inside');
    writeFileSync(join(root, '..', 'secret'), 'outside');
    symlinkSync('real', join(root, 'etc', 'relative'));
    symlinkSync('/etc/real', join(root, 'etc', 'absolute'));
    symlinkSync('../../../../etc/real', join(root, 'etc', 'climbing'));
    symlinkSync(join(root, 'etc', 'real'), join(root, 'etc', 'ours'));
    symlinkSync('/', join(root, 'etc', 'top'));
    for (const name of ['real', 'relative', 'absolute', 'climbing', 'top/etc/real', './real', '../etc/real']) {
      expect(await text(`/etc/${name}`)).toBe('inside');
    }
    await expect(text('/etc/ours')).rejects.toThrow('ENOENT');
    await expect(text('/../secret')).rejects.toThrow('ENOENT');
  });

  it('refuses what is not a small regular file, and does not wait for a FIFO', async () => {
    execFileSync('mkfifo', [join(root, 'fifo')]);
    writeFileSync(join(root, 'large'), 'x'.repeat(101));
    expect(await text('/fifo')).toBeUndefined();
    expect(await text('/large')).toBeUndefined();
    expect(await text('/etc')).toBeUndefined();
  });

  it('gives up on a loop of links', async () => {
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    await expect(resolveBelow(root, '/a')).rejects.toThrow('ELOOP');
  });

  it('takes a swapped link for a change, though the file behind it is older', async () => {
    const past = new Date('2020-01-01');
    mkdirSync(join(root, '..v2'));
    writeFileSync(join(root, '..v2', 'vol'), 'new');
    utimesSync(join(root, '..v2', 'vol'), past, past);
    symlinkSync('..data/vol', join(root, 'vol'));
    const written = statSync(join(root, '..v2', 'vol')).ctimeMs;
    let swapped: number;
    do {
      symlinkSync('..v2', join(root, '..data_tmp'));
      renameSync(join(root, '..data_tmp'), join(root, '..data'));
      swapped = lstatSync(join(root, '..data')).ctimeMs;
    } while (swapped <= written);
    expect((await readBelow(root, '/vol', 100))?.changedAt).toBe(swapped);
  });
});
