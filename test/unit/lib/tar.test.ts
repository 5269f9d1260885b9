import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { tar, tarHeader } from '../../../src/lib/tar.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

interface File {
  name: string;
  content: Uint8Array;
  mtimeSeconds: number;
}

async function archive(files: readonly File[]): Promise<Buffer> {
  async function* each() {
    for (const file of files) yield await Promise.resolve(file);
  }
  const parts: Uint8Array[] = [];
  for await (const part of tar(each())) parts.push(part);
  return Buffer.concat(parts);
}

describe('tar', () => {
  it('is listed and taken apart by tar itself', async () => {
    using directory = new TemporaryDirectory('tar');
    const files = [
      { name: 'manifest.json', content: Buffer.from('{}\n'), mtimeSeconds: 1_767_323_045 },
      { name: 'volfiles/brick-0.vol', content: Buffer.alloc(1024, 'v'), mtimeSeconds: 1_767_323_045.5 },
      { name: 'empty', content: Buffer.alloc(0), mtimeSeconds: 0 },
      { name: 'n'.repeat(100), content: Buffer.alloc(513, 'x'), mtimeSeconds: 1_767_000_000 },
    ];
    const path = `${directory.path}/a.tar`;
    writeFileSync(path, await archive(files));
    const listed = execFileSync('tar', ['-tvf', path], { encoding: 'utf8' });
    for (const { name, content } of files) {
      expect(listed).toMatch(new RegExp(`^-rw------- root/root +${content.length} .* ${name}$`, 'm'));
    }
    execFileSync('tar', ['-xf', path, '-C', directory.path]);
    for (const { name, content } of files) expect(readFileSync(`${directory.path}/${name}`)).toEqual(content);
  });

  it.each(['', '/etc/passwd', '../up', 'a/../b', 'a//b', 'n'.repeat(101), 'line\nfeed', 'ünïcode'])(
    'has no entry %j',
    (name) => {
      expect(() => tarHeader(name, 1, 0)).toThrow(RangeError);
    },
  );

  it.each([-1, 1.5, Number.NaN, 8 ** 11])('has no size %d', (size) => {
    expect(() => tarHeader('a', size, 0)).toThrow(RangeError);
  });

  it('is whole blocks, with every content where its header says', async () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(contents, async (contents) => {
        const files = contents.map((content, index) => ({ name: `f${index}`, content, mtimeSeconds: index }));
        const bytes = await archive(files);
        let at = 0;
        for (const { name, content } of files) {
          expect(bytes.toString('latin1', at, at + name.length)).toBe(name);
          expect(Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8)).toBe(content.length);
          expect(bytes.subarray(at + 512, at + 512 + content.length)).toEqual(Buffer.from(content));
          at += 512 + Math.ceil(content.length / 512) * 512;
        }
        expect(bytes.length - at).toBe(1024);
      }),
    );
  });
});
