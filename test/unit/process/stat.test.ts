import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readProcessStats } from '../../../src/process/stat.ts';
import { parseStatLine } from '../../../src/process/stat-line.ts';
import { FakeProc } from './fake-proc.ts';

let proc: FakeProc;
beforeEach(() => {
  proc = new FakeProc();
});
afterEach(() => proc.dispose());

describe('readProcessStats', () => {
  it('converts ticks and kibibytes', async () => {
    proc.put({ pid: 3, exe: '/x', fds: { '0': '/dev/null', '1': '/dev/null' } });
    expect(await readProcessStats(3, proc.root)).toEqual({
      cpuSeconds: 2,
      rssBytes: 2048 * 1024,
      openFds: 2,
      maxFds: 1024,
      threads: 12,
      blockedThreads: 0,
      startTimeSeconds: 1_700_000_500,
    });
  });

  it('leaves out what it cannot know', async () => {
    proc.put({ pid: 3, exe: '/x', status: 'Name:\tx\n', limits: 'Max open files  unlimited unlimited files\n' });
    expect(await readProcessStats(3, proc.root)).toMatchObject({ rssBytes: undefined, maxFds: undefined });
    proc.put({ pid: 3, exe: '/x', state: 'Z' });
    expect(await readProcessStats(3, proc.root)).toBeUndefined();
    expect(await readProcessStats(4, proc.root)).toBeUndefined();
  });

  it('counts the threads that a disk holds', async () => {
    proc.put({ pid: 3, exe: '/x', threadStates: ['S', 'D', 'R', 'D'] });
    expect(await readProcessStats(3, proc.root)).toMatchObject({ blockedThreads: 2 });
  });

  it('reads this process', async () => {
    const stats = await readProcessStats(process.pid);
    expect(stats?.rssBytes).toBeGreaterThan(10 * 1024 * 1024);
    expect(stats?.openFds).toBeGreaterThan(2);
  });
});

describe('parseStatLine', () => {
  it.each(['', '1 (x', '1 (x) S', '1 (x) SS 1 2 3'])('refuses %j', (line) => {
    expect(parseStatLine(line)).toBeUndefined();
  });
});
