import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { proveProcess, readProcess, type ProveOptions } from '../../../src/process/identity.ts';
import { FakeProc } from './fake-proc.ts';

// Up for 1000 s at NOW, so ticks 50000 (500 s after boot) is 500 s ago.
const NOW = 1_800_000_000_000;
const STARTED = NOW - 500_000;

let proc: FakeProc;
let pidFile: string;
let options: ProveOptions;

beforeEach(() => {
  proc = new FakeProc();
  pidFile = join(proc.root, 'brick.pid');
  options = { pidFile, exeNames: ['glusterfsd'], procRoot: proc.root, now: () => NOW };
  proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd', cmdline: ['glusterfsd', '-N', '-f', '/a b.vol'] });
});
afterEach(() => proc.dispose());

function writePid(text: string, mtimeMs: number): void {
  writeFileSync(pidFile, text);
  utimesSync(pidFile, mtimeMs / 1000, mtimeMs / 1000);
}

describe('readProcess', () => {
  it('reads executable, start time and arguments', async () => {
    expect(await readProcess(42, options)).toEqual({
      pid: 42,
      exe: '/usr/sbin/glusterfsd',
      exeDeleted: false,
      startTicks: 50_000,
      startedAt: STARTED,
      cmdline: ['glusterfsd', '-N', '-f', '/a b.vol'],
      state: 'S',
    });
  });

  it('is not fooled by a process name with parentheses and spaces', async () => {
    proc.put({ pid: 7, name: 'x) Z 1 (y', exe: '/bin/x', startTicks: 3 });
    expect(await readProcess(7, options)).toMatchObject({ state: 'S', startTicks: 3 });
  });

  it('keeps the name of a deleted executable', async () => {
    proc.put({ pid: 8, exe: '/usr/sbin/glusterfsd (deleted)' });
    expect(await readProcess(8, options)).toMatchObject({ exe: '/usr/sbin/glusterfsd', exeDeleted: true });
  });

  it('looks at the clocks again when the thread was interrupted between them', async () => {
    proc.put({ pid: 9, exe: '/bin/x', startTicks: 90_000 });
    // The wall clock goes on by 300 ms within the first look and stands still within the second.
    const times = [5_000_000, 5_000_300, 5_000_400, 5_000_400];
    const info = await readProcess(9, { ...options, now: () => times.shift() ?? 0 });
    expect([info?.startedAt, times]).toEqual([5_000_400 - (1000 - 900) * 1000, []]);
  });

  it('takes the looks that were closest, and the earlier time of both, on a machine that always interrupts', async () => {
    proc.put({ pid: 9, exe: '/bin/x', startTicks: 90_000 });
    const gaps = [300, 200, 50, 400, 60];
    const times = gaps.flatMap((gap, index) => [5_000_000 + index * 1000, 5_000_000 + index * 1000 + gap]);
    const info = await readProcess(9, { ...options, now: () => times.shift() ?? 0 });
    expect([info?.startedAt, times]).toEqual([5_002_000 - 100_000, []]);
  });

  it('is undefined for no process', async () => {
    expect(await readProcess(4711, options)).toBeUndefined();
  });

  it('reads this very process from the real /proc', async () => {
    const before = Date.now() - process.uptime() * 1000;
    const info = await readProcess(process.pid);
    expect(basename(info?.exe ?? '')).toBe(basename(process.execPath));
    expect(Math.abs((info?.startedAt ?? 0) - before)).toBeLessThan(5000);
  });
});

describe('proveProcess', () => {
  it('accepts a process older than its pid file', async () => {
    writePid('42\n', STARTED + 30);
    expect(await proveProcess(options)).toMatchObject({
      ok: true,
      process: { pid: 42 },
      evidence: 'start-time',
      pidFileWrittenAt: STARTED + 30,
    });
  });

  it('refuses a process younger than the file: the pid was used again', async () => {
    writePid('42\n', STARTED - 60_000);
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'PidReused' });
  });

  it('believes the lock on the pid file over the clock', async () => {
    writePid('42\n', STARTED - 60_000);
    proc.locks(`1: POSIX  ADVISORY  WRITE 42 fe:00:${statSync(pidFile).ino} 0 EOF\n`);
    expect(await proveProcess(options)).toMatchObject({ ok: true, evidence: 'lock' });
  });

  it('refuses a pid file that another process has locked', async () => {
    writePid('42\n', STARTED + 30);
    proc.locks(`1: POSIX  ADVISORY  WRITE 43 fe:00:${statSync(pidFile).ino} 0 EOF\n`);
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'LockedByOther' });
  });

  it('does not count a process that only waits for the lock, nor a lock on another file', async () => {
    writePid('42\n', STARTED + 30);
    const { ino } = statSync(pidFile);
    proc.locks(
      `1: POSIX  ADVISORY  WRITE 9 fe:00:${ino + 1} 0 EOF\n1: -> POSIX  ADVISORY  WRITE 43 fe:00:${ino} 0 EOF\n`,
    );
    expect(await proveProcess(options)).toMatchObject({ ok: true, evidence: 'start-time' });
  });

  it.each([
    ['', 'PidFileGarbage'],
    ['abc', 'PidFileGarbage'],
    ['-1', 'PidFileGarbage'],
    ['0', 'PidFileGarbage'],
    ['42 43', 'PidFileGarbage'],
    ['99999999', 'PidFileGarbage'],
    ['4711', 'NotRunning'],
  ])('refuses a pid file that says %j', async (text, reason) => {
    writePid(text, STARTED + 30);
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason });
  });

  it('says so when there is no pid file, or something else in its place', async () => {
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'PidFileMissing' });
    mkdirSync(pidFile);
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'PidFileGarbage' });
    rmSync(pidFile, { recursive: true });
  });

  it('refuses another program, a zombie, and one it may not look at', async () => {
    writePid('42\n', STARTED + 30);
    proc.put({ pid: 42, exe: '/usr/bin/python3' });
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'WrongExecutable' });
    proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd', state: 'Z' });
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'NotRunning' });
    proc.put({ pid: 42 });
    expect(await proveProcess(options)).toMatchObject({ ok: false, reason: 'NoPermission' });
  });

  it('proves a real child process by the real /proc', async () => {
    const child = spawn('sleep', ['60']);
    try {
      await once(child, 'spawn');
      writeFileSync(pidFile, `${child.pid}\n`);
      const proof = await proveProcess({ pidFile, exeNames: ['sleep', 'coreutils', 'busybox'] });
      expect(proof).toMatchObject({ ok: true, process: { pid: child.pid, cmdline: ['sleep', '60'] } });
      utimesSync(pidFile, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
      expect(await proveProcess({ pidFile, exeNames: ['sleep', 'coreutils', 'busybox'] })).toMatchObject({
        ok: false,
        reason: 'PidReused',
      });
    } finally {
      child.kill();
    }
  });
});
