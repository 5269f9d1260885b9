import { once } from 'node:events';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { proveShd, type ShdProofOptions } from '../../../src/heal/shd-proof.ts';
import { isAgentError } from '../../../src/lib/errors.ts';
import { parseText } from '../../../src/volfile/parse.ts';
import { FakeProc } from '../process/fake-proc.ts';

const PID = 7;
const SOCKET = '/run/shd.socket';
const VOLFILE = '/etc/shd.vol';
const CMDLINE = ['glusterfs', '-N', '-f', VOLFILE, '-S', SOCKET, '-p', '/run/shd.pid'];
const TABLE = `Num RefCount Protocol Flags Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 4711 ${SOCKET}
`;

const client = (name: string): string => `volume ${name}
  type protocol/client
  option remote-host h
end-volume
`;
const set = (name: string, flag: string): string => `${client(`${name}-a`)}${client(`${name}-b`)}volume ${name}
  type cluster/replicate
  option afr-pending-xattr ${name}-a,${name}-b
  ${flag}
  subvolumes ${name}-a ${name}-b
end-volume
`;
const FLAG = 'option iam-self-heal-daemon yes';

let proc: FakeProc;
let server: Server;
let options: ShdProofOptions;
let root: string;

beforeEach(async () => {
  proc = new FakeProc();
  root = join(proc.root, String(PID), 'root');
  await daemon();
});
afterEach(() => {
  server.close();
  proc.dispose();
});

/** A process that looks like a self-heal daemon, but for what is given. */
async function daemon(
  fake: { cmdline?: string[]; exe?: string; volfile?: string; threads?: string[] } = {},
): Promise<void> {
  proc.put({
    pid: PID,
    exe: fake.exe ?? '/usr/sbin/glusterfsd',
    cmdline: fake.cmdline ?? CMDLINE,
    fds: { '3': 'socket:[4711]' },
    unixTable: TABLE,
  });
  for (const dir of ['etc', 'run']) mkdirSync(join(root, dir), { recursive: true });
  for (const [index, name] of (fake.threads ?? ['glusterfsd']).entries()) {
    mkdirSync(join(root, '..', 'task', String(PID + index)), { recursive: true });
    writeFileSync(join(root, '..', 'task', String(PID + index), 'comm'), `${name}\n`);
  }
  writeFileSync(join(root, VOLFILE), fake.volfile ?? set('vol1-replicate-0', FLAG));
  writeFileSync(join(root, 'run', 'shd.pid'), `${PID}\n`);
  server = createServer().listen(join(root, SOCKET));
  await once(server, 'listening');
  options = {
    socketPath: join(root, SOCKET),
    pidFile: join(root, 'run', 'shd.pid'),
    procRoot: proc.root,
    // The machine has been up 1000 s and the process 500 s, so it starts a second after the file was written.
    now: () => Date.now() + 501_000,
  };
  proc.locks(`1: POSIX  ADVISORY  WRITE ${PID} 00:00:${inodeOf(options.pidFile)} 0 EOF\n`);
}

const inodeOf = (path: string): number => statSync(path).ino;

/** The process has started before the volfile was written. */
const changedSince = (): ShdProofOptions => ({ ...options, now: () => Date.now() });

async function failure(from: ShdProofOptions = options): Promise<{ reason: unknown; message: string }> {
  try {
    await proveShd(from);
  } catch (error) {
    if (isAgentError(error, 'ProcessUnproven')) return { reason: error.details?.['reason'], message: error.message };
    throw error;
  }
  throw new Error('it was proven');
}

async function replaced(fake: Parameters<typeof daemon>[0]): Promise<void> {
  server.close();
  proc.remove(PID);
  await daemon(fake);
}

describe('proveShd', () => {
  it('proves a daemon and names its sets', async () => {
    const proven = await proveShd(options);
    expect(proven).toMatchObject({ process: { pid: PID }, socketPath: options.socketPath, evidence: 'volfile' });
    expect(proven.sets.map(({ name, kind, children }) => [name, kind, children.length])).toEqual([
      ['vol1-replicate-0', 'replicate', 2],
    ]);
  });

  it('needs a pid file of a living GlusterFS process', async () => {
    expect(await failure({ ...options, pidFile: join(root, 'run', 'none') })).toMatchObject({
      reason: 'PidFileMissing',
    });
    await replaced({ exe: '/usr/bin/python3' });
    expect(await failure()).toMatchObject({ reason: 'WrongExecutable' });
    proc.remove(PID);
    writeFileSync(join(proc.root, 'pid'), `${PID}\n`);
    expect(await failure({ ...options, pidFile: join(proc.root, 'pid') })).toMatchObject({ reason: 'NotRunning' });
  });

  it('needs the process to listen', async () => {
    await replaced({ cmdline: ['glusterfs', '-f', VOLFILE] });
    expect(await failure()).toMatchObject({ reason: 'NoSocket' });
    await replaced({ cmdline: ['glusterfs', '-f', VOLFILE, '-S', '/run/other.socket'] });
    expect(await failure()).toMatchObject({ reason: 'NotListening' });
  });

  it('needs our path to be the socket of the process, not one of the same name', async () => {
    const other = join(proc.root, 'other.socket');
    const brick = createServer().listen(other);
    await once(brick, 'listening');
    try {
      expect(await failure({ ...options, socketPath: other })).toMatchObject({ reason: 'OtherSocket' });
      symlinkSync(other, join(proc.root, 'link'));
      expect(await failure({ ...options, socketPath: join(proc.root, 'link') })).toMatchObject({
        reason: 'OtherSocket',
      });
      expect(await failure({ ...options, socketPath: join(proc.root, 'none') })).toMatchObject({
        reason: 'OtherSocket',
      });
    } finally {
      brick.close();
    }
  });

  it('needs every set to be a self-heal daemon', async () => {
    for (const flag of ['', 'option iam-self-heal-daemon no', 'option iam-self-heal-daemon maybe']) {
      await replaced({ volfile: set('vol1-replicate-0', FLAG) + set('vol1-replicate-1', flag) });
      expect(await failure()).toEqual({
        reason: 'NotAHealDaemon',
        message: expect.stringContaining('vol1-replicate-1: no "option iam-self-heal-daemon yes"'),
      });
    }
  });

  it('refuses a brick and a client', async () => {
    await replaced({ volfile: client('c') });
    expect(await failure()).toMatchObject({ reason: 'NotAHealDaemon' });
    await replaced({ volfile: set('vol1-replicate-0', '') });
    expect(await failure()).toMatchObject({ reason: 'NotAHealDaemon' });
  });

  it('needs a volfile that it can know', async () => {
    await replaced({ volfile: 'volume x' });
    expect(await failure()).toMatchObject({ reason: 'GraphUnknown', message: expect.stringContaining('VF001') });
    await replaced({ cmdline: ['glusterfs', '-s', 'host', '-S', SOCKET] });
    expect(await failure()).toMatchObject({ reason: 'GraphUnknown' });
    await replaced({ cmdline: ['glusterfs', '-f', 'shd.vol', '-S', SOCKET] });
    expect(await failure()).toMatchObject({ reason: 'GraphUnknown' });
    await replaced({ cmdline: ['glusterfs', '-f', '/etc/none.vol', '-S', SOCKET] });
    expect(await failure()).toMatchObject({ reason: 'GraphUnknown', message: expect.stringContaining('ENOENT') });
    const option = ['--xlator-option', '*replicate*.iam-self-heal-daemon=no'];
    await replaced({ cmdline: [...CMDLINE, ...option] });
    expect(await failure()).toMatchObject({ reason: 'GraphUnknown', message: expect.stringContaining('command line') });
  });

  it('does not believe a file that was changed since the process started', async () => {
    expect(await failure(changedSince())).toMatchObject({
      reason: 'GraphUnknown',
      message: expect.stringContaining('was changed after pid 7 started'),
    });
  });

  it.each(['glfs_shdheal', 'glfs_ecshd'])('believes it with a %s thread, for one set only', async (thread) => {
    await replaced({ threads: ['glusterfsd', thread] });
    expect(await proveShd(changedSince())).toMatchObject({ evidence: 'healer-threads' });
    await replaced({
      threads: ['glusterfsd', thread],
      volfile: set('vol1-replicate-0', FLAG) + set('vol1-replicate-1', FLAG),
    });
    expect(await failure(changedSince())).toMatchObject({ reason: 'GraphUnknown' });
    await replaced({ threads: ['glusterfsd', thread], volfile: set('vol1-replicate-0', '') });
    expect(await failure(changedSince())).toMatchObject({ reason: 'NotAHealDaemon' });
  });

  it('takes the running graph from who knows it, in place of the file', async () => {
    const graphOf = (text: string) => {
      const parsed = parseText(text);
      if (!parsed.ok) throw new Error('test volfile');
      return parsed.graph;
    };
    const good = { ...changedSince(), runningGraph: () => graphOf(set('vol1-replicate-0', FLAG)) };
    expect(await proveShd(good)).toMatchObject({ evidence: 'running-graph' });
    const bad = { ...options, runningGraph: () => graphOf(set('vol1-replicate-0', '')) };
    expect(await failure(bad)).toMatchObject({ reason: 'NotAHealDaemon' });
    expect(await proveShd({ ...options, runningGraph: () => undefined })).toMatchObject({ evidence: 'volfile' });
  });
});
