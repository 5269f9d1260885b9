import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { readProcess, type ProcessInfo } from '../../../src/process/identity.ts';
import { parseDumpName, readStatedump } from '../../../src/process/statedump.ts';
import { InodeTableReader, type CachedInode } from '../../../src/process/statedump-inodes.ts';
import { FakeProc } from './fake-proc.ts';

const SAMPLE = join(import.meta.dirname, '../../samples/statedump/brick-11.1.txt');
const BRICK = '/bricks/b.1/brick';
const ROOT = '00000000-0000-0000-0000-000000000001';
const PV = '8d2038df-b620-4d9d-b34d-912ab1e01f2b';

describe('InodeTableReader', () => {
  function read(lines: string[], brick = BRICK) {
    const inodes: CachedInode[] = [];
    const reader = new InodeTableReader(brick, (inode) => inodes.push(inode));
    for (const line of lines) reader.line(line);
    return { inodes, hasTable: reader.end() };
  }
  const sample = readFileSync(SAMPLE, 'utf8').split('\n');

  it('takes files and directories with their namespaces from the dump of an 11.1 brick', () => {
    const { inodes, hasTable } = read(sample);
    expect([hasTable, inodes.length]).toEqual([true, 13]);
    expect(inodes.filter(({ namespace }) => namespace === PV)).toHaveLength(4);
    expect(inodes.filter(({ namespace }) => namespace === ROOT)).toHaveLength(9);
    expect(inodes).toContainEqual({ gfid: PV, namespace: PV });
  });

  it('says that there is no table when there is none, or only that of another brick', () => {
    expect(read(sample, '/bricks/b.1')).toEqual({ hasTable: false, inodes: [] });
    expect(read(['DUMP-START-TIME: x', '[mallinfo]', 'DUMP-END-TIME: y']).hasTable).toBe(false);
    expect(read([`conn.0.bound_xl.${BRICK}.active_size=0`])).toEqual({ hasTable: true, inodes: [] });
  });

  it('counts a table that is shown for two connections once', () => {
    const table = (connection: number): string[] => [
      `[conn.${connection}.bound_xl.${BRICK}.lru.1]`,
      `gfid=${PV}`,
      'ia_type=2',
      `namespace=${PV}`,
      '',
    ];
    expect(read([...table(0), ...table(1)]).inodes).toHaveLength(1);
  });

  it('leaves out what is no gfid, links and special files, and takes a 10.x dump without namespaces', () => {
    const section = (gfid: string, type: string): string[] => [
      `[conn.0.bound_xl.${BRICK}.active.1]`,
      `gfid=${gfid}`,
      `ia_type=${type}`,
    ];
    expect(read([...section('../../etc', '1'), ...section(PV, '3'), ...section(PV, '1')]).inodes).toEqual([
      { gfid: PV, namespace: undefined },
    ]);
  });
});

describe('readStatedump', () => {
  let proc: FakeProc;
  let proven: ProcessInfo;
  let dir: string;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    proc = new FakeProc();
    proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd' });
    const found = await readProcess(42, { procRoot: proc.root });
    if (found === undefined) throw new Error('no process');
    proven = found;
    dir = mkdtempSync(join(tmpdir(), 'statedump-'));
  });
  afterEach(() => {
    proc.dispose();
    rmSync(dir, { recursive: true });
  });

  /** What the process does when it is signalled. */
  function options(dump: (seconds: number) => void, appearDeadlineMs = 500) {
    const kill = (): void => dump(Math.floor(Date.now() / 1000));
    return { process: proven, dir, clock: systemClock, signal, procRoot: proc.root, kill, appearDeadlineMs };
  }

  it('reads the dump line by line and removes it, and nothing else', async () => {
    const others = ['x.43.dump.4000000000', 'x.42.dump.1700000000', 'dumpAbCdEf'];
    for (const name of others) writeFileSync(join(dir, name), 'theirs');
    const lines: string[] = [];
    await readStatedump(
      options((seconds) => writeFileSync(join(dir, `bricks-a.42.dump.${seconds}`), 'a=1\n\nDUMP-END-TIME: x\n')),
      (line) => lines.push(line),
    );
    expect(lines).toEqual(['a=1', '', 'DUMP-END-TIME: x']);
    expect(readdirSync(dir).sort()).toEqual(others.sort());
  });

  it('takes one that is named by the second before, since the clock of its name lags behind by a tick', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(1_790_000_000_004);
    const write = (): void => writeFileSync(join(dir, 'a.42.dump.1789999999'), 'DUMP-END-TIME: x\n');
    await readStatedump(options(write), () => undefined).finally(() => now.mockRestore());
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuses a dump without an end, and removes it too', async () => {
    const write = (seconds: number): void => writeFileSync(join(dir, `bricks-a.42.dump.${seconds}`), 'a=1\n');
    await expect(readStatedump(options(write), () => undefined)).rejects.toMatchObject({ code: 'RpcProtocol' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('removes the dump when the reader fails', async () => {
    const write = (seconds: number): void => writeFileSync(join(dir, `a.42.dump.${seconds}`), 'DUMP-END-TIME: x\n');
    const fail = (): void => {
      throw new Error('reader');
    };
    await expect(readStatedump(options(write), fail)).rejects.toThrow('reader');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('gives up when none comes, and says what may be wrong', async () => {
    await expect(
      readStatedump(
        options(() => undefined, 100),
        () => undefined,
      ),
    ).rejects.toMatchObject({
      code: 'Timeout',
      message: expect.stringContaining('glusterdump.options'),
    });
  });

  it('signals nobody where no dump could be found, or who is not the one that was proven', async () => {
    let signals = 0;
    const count = (): void => {
      signals += 1;
    };
    const missing = { ...options(count), dir: join(dir, 'missing') };
    await expect(readStatedump(missing, () => undefined)).rejects.toMatchObject({ code: 'Conflict' });
    proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd', startTicks: 99_999 });
    await expect(readStatedump(options(count), () => undefined)).rejects.toMatchObject({ code: 'ProcessUnproven' });
    expect(signals).toBe(0);
    expect(existsSync(dir)).toBe(true);
  });

  it.each([
    ['bricks-a.4711.dump.1790000000', { pid: 4711, seconds: 1_790_000_000 }],
    ['glusterdump.1.dump.2', { pid: 1, seconds: 2 }],
    ['dumpAbCdEf', undefined],
    ['a.1.dump.2.gz', undefined],
    ['a.dump.2', undefined],
  ])('tells the owner of %s', (name, expected) => {
    expect(parseDumpName(name)).toEqual(expected);
  });
});
