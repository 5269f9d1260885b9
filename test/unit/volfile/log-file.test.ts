import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogTail, readLogEnd } from '../../../src/volfile/log-file.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'log-'));
  path = join(dir, 'brick.log');
  writeFileSync(path, 'before\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('LogTail', () => {
  it('reads what is appended, once', async () => {
    const tail = await LogTail.open(path);
    expect(await tail?.readNew()).toBe('');
    appendFileSync(path, 'one\n');
    expect(await tail?.readNew()).toBe('one\n');
    appendFileSync(path, 'two\n');
    expect(await tail?.readNew()).toBe('two\n');
    await tail?.close();
  });

  it('follows a rotation, without losing the end of the old file', async () => {
    const tail = await LogTail.open(path);
    appendFileSync(path, 'old\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'new\n');
    expect(await tail?.readNew()).toBe('old\nnew\n');
    appendFileSync(path, 'newer\n');
    expect(await tail?.readNew()).toBe('newer\n');
    await tail?.close();
  });

  it('survives that the log is moved away and not there yet', async () => {
    const tail = await LogTail.open(path);
    appendFileSync(path, 'old\n');
    renameSync(path, `${path}.1`);
    expect(await tail?.readNew()).toBe('old\n');
    await tail?.close();
  });

  it('starts again where the log was cut', async () => {
    const tail = await LogTail.open(path);
    writeFileSync(path, 'x\n');
    expect(await tail?.readNew()).toBe('x\n');
    await tail?.close();
  });

  it('is undefined for what is not a log', async () => {
    expect(await LogTail.open(join(dir, 'nope'))).toBeUndefined();
    expect(await LogTail.open(dir)).toBeUndefined();
  });
});

describe('readLogEnd', () => {
  it('reads the end', async () => {
    expect(await readLogEnd(path)).toBe('before\n');
    expect(await readLogEnd(path, 4)).toBe('ore\n');
    expect(await readLogEnd(join(dir, 'nope'))).toBeUndefined();
  });
});
