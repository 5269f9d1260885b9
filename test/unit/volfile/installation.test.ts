import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findInstallation } from '../../../src/volfile/installation.ts';
import { FakeProc } from '../process/fake-proc.ts';

let proc: FakeProc;
beforeEach(() => {
  proc = new FakeProc();
});
afterEach(() => proc.dispose());

const DIR = '/usr/lib/x86_64-linux-gnu/glusterfs/11.1/xlator';

function maps(dir: string): string {
  return [
    '7f36caea0000-7f36caec0000 r--p 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libglusterfs.so.0.0.1',
    `7f36caec0000-7f36caec7000 r--p 00000000 fe:00 2                    ${dir}/protocol/server.so`,
    '7ffd0000-7ffd1000 rw-p 00000000 00:00 0                          [stack]',
    '',
  ].join('\n');
}

describe('findInstallation', () => {
  it('reads version and translators from what the process has loaded, in its own root', async () => {
    proc.put({ pid: 5, exe: '/usr/sbin/glusterfsd', maps: maps(DIR) });
    const dir = join(proc.root, '5/root', DIR);
    for (const category of ['features', 'storage']) mkdirSync(join(dir, category), { recursive: true });
    for (const file of ['features/index.so', 'features/index.la', 'storage/posix.so', 'meta.so']) {
      writeFileSync(join(dir, file), '');
    }
    expect(await findInstallation(5, proc.root)).toEqual({
      version: '11.1',
      xlators: new Set(['features/index', 'storage/posix']),
    });
  });

  it('knows the version where the directory is out of reach', async () => {
    proc.put({ pid: 5, exe: '/opt/sbin/glusterfsd', maps: maps('/nowhere/lib/glusterfs/10.3rc1/xlator') });
    expect(await findInstallation(5, proc.root)).toEqual({ version: '10.3rc1', xlators: undefined });
  });

  it('knows nothing of a process that has loaded none, or that it may not look into', async () => {
    proc.put({ pid: 5, exe: '/usr/bin/python3', maps: maps('/usr/lib/python3') });
    expect(await findInstallation(5, proc.root)).toBeUndefined();
    proc.put({ pid: 5, exe: '/usr/sbin/glusterfsd' });
    expect(await findInstallation(5, proc.root)).toBeUndefined();
  });
});
