import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFile, CachedScript, WRAPPER } from '../../../src/lib/cached-script.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const BUNDLE = `const { basename } = require('node:path');
function add(a, b) { return a + b; }
module.exports = { sum: add(1, 2), name: basename(__filename), dir: __dirname };`;

let directory: TemporaryDirectory;
let file: string;

beforeEach(() => {
  directory = new TemporaryDirectory('cached-script');
  file = write(BUNDLE);
});
afterEach(() => directory[Symbol.dispose]());

function write(source: string): string {
  return directory.write('bundle.js', WRAPPER.join(source));
}

/** As the build does it: run, then written down. */
async function writeCache(): Promise<void> {
  const script = await CachedScript.load(file);
  script.run();
  writeFileSync(cacheFile(file), script.cache());
}

describe('a script with its compiled code beside it', () => {
  it('runs without it', async () => {
    const script = await CachedScript.load(file);
    expect(script.cacheTaken).toBeUndefined();
    expect(script.run()).toEqual({ sum: 3, name: 'bundle.js', dir: directory.path });
  });

  it('takes it', async () => {
    await writeCache();
    const script = await CachedScript.load(file);
    expect(script.cacheTaken).toBe(true);
    expect(script.run()).toEqual({ sum: 3, name: 'bundle.js', dir: directory.path });
  });

  it('runs without one of another source', async () => {
    await writeCache();
    write(`${BUNDLE}\nmodule.exports.sum += 1;`);
    const script = await CachedScript.load(file);
    expect(script.cacheTaken).toBe(false);
    expect(script.run()).toMatchObject({ sum: 4 });
  });

  // V8 remembers what it has compiled in this process: each case has a source of its own.
  it.each([
    ['damaged', Buffer.alloc(4_096, 7), 5],
    ['empty', Buffer.alloc(0), 6],
  ])('runs without one that is %s', async (_, content, sum) => {
    write(`${BUNDLE}\nmodule.exports.sum = ${sum};`);
    writeFileSync(cacheFile(file), content);
    const script = await CachedScript.load(file);
    expect(script.cacheTaken).toBe(false);
    expect(script.run()).toMatchObject({ sum });
  });

  it('says where an error is, by the line of the file', async () => {
    write("'use strict';\n\nthrow new Error('here');");
    const script = await CachedScript.load(file);
    expect(() => script.run()).toThrow(expect.objectContaining({ stack: expect.stringContaining(`${file}:3:`) }));
  });
});
