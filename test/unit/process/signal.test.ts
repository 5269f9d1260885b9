import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readProcess, type ProcessInfo } from '../../../src/process/identity.ts';
import { signalProven } from '../../../src/process/signal.ts';
import { FakeProc } from './fake-proc.ts';

let proc: FakeProc;
let proven: ProcessInfo;

beforeEach(async () => {
  proc = new FakeProc();
  proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd' });
  const found = await readProcess(42, { procRoot: proc.root, now: () => 5000 });
  if (found === undefined) throw new Error('no process');
  proven = found;
});
afterEach(() => proc.dispose());

function failing(code: string): () => void {
  return () => {
    throw Object.assign(new Error(code), { code });
  };
}

describe('signalProven', () => {
  it('signals the process that was proven', async () => {
    const kill = vi.fn();
    expect(await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill, now: () => 7 })).toEqual({
      ok: true,
      at: 7,
    });
    expect(kill.mock.calls).toEqual([[42, 'SIGHUP']]);
  });

  it('signals nobody when the pid was used again, by the same program too', async () => {
    const kill = vi.fn();
    proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd', startTicks: 50_001 });
    expect(await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill })).toMatchObject({ reason: 'Changed' });
    proc.put({ pid: 42, exe: '/bin/other' });
    expect(await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill })).toMatchObject({ reason: 'Changed' });
    proc.put({ pid: 42, exe: '/usr/sbin/glusterfsd', state: 'Z' });
    expect(await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill })).toMatchObject({ reason: 'Gone' });
    proc.remove(42);
    expect(await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill })).toMatchObject({ reason: 'Gone' });
    expect(kill).not.toHaveBeenCalled();
  });

  it.each([
    ['ESRCH', 'Gone'],
    ['EPERM', 'NoPermission'],
    ['EINVAL', 'Failed'],
  ])('tells %s apart', async (code, reason) => {
    const result = await signalProven(proven, 'SIGHUP', { procRoot: proc.root, kill: failing(code) });
    expect(result).toMatchObject({ ok: false, reason });
  });
});
