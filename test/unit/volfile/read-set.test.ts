import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_VOLFILE_BYTES } from '../../../src/volfile/parse.ts';
import { hashVolfile, MAX_FILES, readVolfileSet } from '../../../src/volfile/read-set.ts';
import { FileHistory, READ_WINDOW_MS } from '../../../src/volfile/running.ts';
import { sha } from './fake-gluster.ts';
import { graphOf, sample } from './samples.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'volfiles-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** As the kubelet does it. */
function swap(name: string, files: Record<string, string>): void {
  mkdirSync(join(dir, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, name, file), text);
  symlinkSync(name, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
}

describe('readVolfileSet', () => {
  it('reads a ConfigMap through its link, whatever the links of the files say', async () => {
    swap('..1', { 'a.vol': 'one' });
    symlinkSync('..data/a.vol', join(dir, 'a.vol'));
    const first = await readVolfileSet(dir);
    expect(first).toMatchObject({ kind: 'configmap', dataDir: join(dir, '..1'), problem: undefined });
    expect(first.files.get('a.vol')).toMatchObject({ ok: true, sha256: sha('one'), frozen: false });
    swap('..2', { 'a.vol': 'two', 'b.vol': 'new' });
    const second = await readVolfileSet(dir);
    expect([...second.files.keys()]).toEqual(['a.vol', 'b.vol']);
    expect(second.hash).not.toBe(first.hash);
    swap('..3', { 'a.vol': 'two', 'b.vol': 'new' });
    expect((await readVolfileSet(dir)).hash).toBe(second.hash);
  });

  it('follows the link to a name in the directory only', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'a.vol'), 'secret');
    symlinkSync(outside, join(dir, '..data'));
    expect((await readVolfileSet(dir)).problem).toMatch(/cannot be read/);
    rmSync(outside, { recursive: true });
  });

  it('reads a plain directory', async () => {
    writeFileSync(join(dir, 'a.vol'), 'one');
    mkdirSync(join(dir, 'sub'));
    const set = await readVolfileSet(dir);
    expect(set).toMatchObject({ kind: 'plain', dataDir: dir });
    expect([...set.files.keys()]).toEqual(['a.vol']);
    expect(set.files.get('a.vol')).toMatchObject({ ok: true });
  });

  it('tells what cannot be read, file by file, and never hangs on a FIFO', async () => {
    execFileSync('mkfifo', [join(dir, 'fifo.vol')]);
    writeFileSync(join(dir, 'big.vol'), Buffer.alloc(MAX_VOLFILE_BYTES + 1));
    writeFileSync(join(dir, 'limit.vol'), Buffer.alloc(MAX_VOLFILE_BYTES, 'x'));
    symlinkSync('loop.vol', join(dir, 'loop.vol'));
    const { files } = await readVolfileSet(dir);
    expect(files.get('fifo.vol')).toEqual({ ok: false, problem: 'it is not a regular file' });
    expect(files.get('big.vol')).toEqual({ ok: false, problem: `it is larger than ${MAX_VOLFILE_BYTES} bytes` });
    expect(files.get('limit.vol')).toMatchObject({ ok: true });
    expect(files.get('loop.vol')).toMatchObject({ ok: false });
  });

  it('bounds the number of files', async () => {
    for (let index = 0; index < MAX_FILES + 2; index += 1) writeFileSync(join(dir, `${100 + index}.vol`), 'x');
    const { files } = await readVolfileSet(dir);
    expect([...files.values()].filter(({ ok }) => ok)).toHaveLength(MAX_FILES);
    expect(files.size).toBe(MAX_FILES + 2);
  });

  it('tells when the directory is gone', async () => {
    rmSync(dir, { recursive: true });
    const set = await readVolfileSet(dir);
    expect(set.files.size).toBe(0);
    expect(set.problem).toContain('ENOENT');
  });
});

describe('hashVolfile', () => {
  it('hashes what is there, and nothing else', async () => {
    writeFileSync(join(dir, 'a.vol'), 'one');
    expect(await hashVolfile(join(dir, 'a.vol'))).toBe(sha('one'));
    expect(await hashVolfile(join(dir, 'b.vol'))).toBeUndefined();
    expect(await hashVolfile(dir)).toBeUndefined();
  });
});

describe('FileHistory', () => {
  const graph = graphOf(sample('replica-brick.vol'));
  const START = 1_000_000;

  it.each([
    ['long before', [START - 10_000], 'v0'],
    ['just before', [START - 10], 'v0'],
    ['after', [START + 10_000], undefined],
    ['before, and another long after', [START - 10_000, START + 60 + READ_WINDOW_MS + 1], 'v0'],
    ['before, and another while it may have been reading', [START - 10_000, START + 60 + READ_WINDOW_MS], undefined],
    ['twice before', [START - 20_000, START - 10_000], 'v1'],
  ])('knows what a process has read: file changed %s', (_what, times, expected) => {
    const history = new FileHistory();
    for (const [index, since] of times.entries()) history.record(`v${index}`, graph, since);
    expect(history.readBy(START, START + 60)?.sha256).toBe(expected);
  });

  it.each([
    ['long before both', [-10_000], 0, 'v0'],
    ['while a shell prepared the brick', [-10_000, 10_000], 20_000, 'v1'],
    ['right before the pid file was written', [-10_000, 9970], 10_000, 'v1'],
    ['too close to it to tell', [-10_000, 9990], 10_000, undefined],
    ['right after it', [-10_000, 10_500], 10_000, undefined],
    ['after the start, and the pid file was touched much later', [-10_000, 10_000], 600_000, undefined],
    ['after a pid file older than the process', [-10_000, -1000], -5000, 'v1'],
  ])('goes by the time of the pid file: file changed %s', (_what, changes, written, expected) => {
    const history = new FileHistory();
    for (const [index, change] of changes.entries()) history.record(`v${index}`, graph, START + change);
    expect(history.readBy(START, START + written)?.sha256).toBe(expected);
  });

  it('knows nothing of a file that could not be parsed, and keeps the first time of a content', () => {
    const history = new FileHistory();
    history.record('v0', graph, START - 10_000);
    history.record('v0', graph, START + 5000);
    expect(history.readBy(START, START)?.sha256).toBe('v0');
    history.record('v1', undefined, START - 5000);
    expect(history.readBy(START, START)).toBeUndefined();
  });
});
