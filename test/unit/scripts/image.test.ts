/** What the image is built from, as far as it can be told without building it. */
import { existsSync, readFileSync } from 'node:fs';
import { matchesGlob, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../../..');
/** What the kernel reads of a program's first line (BINPRM_BUF_SIZE), its end included. */
const FIRST_LINE_BYTES = 256;

const read = (file: string): string => readFileSync(resolve(PROJECT, file), 'utf8');

describe('the image', () => {
  const copied = read('Dockerfile')
    .split('\n')
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));
  const sent = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));

  it.each(copied)('is sent %s, which it copies', (path) => {
    expect(existsSync(resolve(PROJECT, path))).toBe(true);
    expect(sent.some((pattern) => matchesGlob(path, pattern))).toBe(true);
  });

  it('is sent every script that the build needs', () => {
    const needed = [...read('scripts/build.ts').matchAll(/'\.?\/?([\w-]+\.ts)'/g)].map(([, name]) => `scripts/${name}`);
    expect(needed).toEqual(expect.arrayContaining(['scripts/leave-out.ts', 'scripts/code-cache.ts']));
    expect(copied).toEqual(expect.arrayContaining(needed));
  });
});

describe('the first line of the program', () => {
  const [line = ''] = read('src/main.ts').split('\n');

  it('names the interpreter', () => expect(line).toMatch(/^#!\/usr\/bin\/env -S .* node /));

  it('is read whole by the kernel', () => expect(line.length + 1).toBeLessThan(FIRST_LINE_BYTES));
});
