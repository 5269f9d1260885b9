import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownsListeningSocket, parseListeningSockets } from '../../../src/process/socket-owner.ts';
import { FakeProc } from './fake-proc.ts';

const TABLE = [
  'Num       RefCount Protocol Flags    Type St Inode Path',
  '0000000000000000: 00000002 00000000 00010000 0001 01  1001 /run/gluster/shd.socket',
  '0000000000000000: 00000003 00000000 00000000 0001 03  1002 /run/gluster/shd.socket',
  '0000000000000000: 00000002 00000000 00010000 0001 01  1003 /run/with space',
  '0000000000000000: 00000002 00000000 00000000 0002 01  1004',
  '',
].join('\n');

let proc: FakeProc;
beforeEach(() => {
  proc = new FakeProc();
});
afterEach(() => proc.dispose());

describe('parseListeningSockets', () => {
  it('takes listening sockets of that name only', () => {
    expect([...parseListeningSockets(TABLE, ['/run/gluster/shd.socket'])]).toEqual(['1001']);
    expect([...parseListeningSockets(TABLE, ['/run/with space'])]).toEqual(['1003']);
    expect([...parseListeningSockets(TABLE, ['/run/gluster/shd'])]).toEqual([]);
  });
});

describe('ownsListeningSocket', () => {
  it('tells own, foreign, absent and ambiguous sockets apart', async () => {
    const paths = ['/run/gluster/shd.socket'];
    proc.put({ pid: 5, unixTable: TABLE, fds: { '3': 'socket:[1001]', '4': '/dev/null' } });
    expect(await ownsListeningSocket(5, paths, proc.root)).toEqual({ ok: true });
    proc.put({ pid: 5, unixTable: TABLE, fds: { '3': 'socket:[1002]' } });
    expect(await ownsListeningSocket(5, paths, proc.root)).toMatchObject({ reason: 'HeldByOther' });
    proc.put({ pid: 5, unixTable: '', fds: { '3': 'socket:[1001]' } });
    expect(await ownsListeningSocket(5, paths, proc.root)).toMatchObject({ reason: 'NotListening' });
    const twice = `${TABLE}${TABLE.replaceAll('1001', '2001')}`;
    proc.put({ pid: 5, unixTable: twice, fds: { '3': 'socket:[1001]' } });
    expect(await ownsListeningSocket(5, paths, proc.root)).toMatchObject({ reason: 'Ambiguous' });
    expect(await ownsListeningSocket(6, paths, proc.root)).toMatchObject({ reason: 'NotRunning' });
  });

  it('recognises a real socket of this process', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'owner-'));
    const path = join(dir, 'x.socket');
    const server = createServer();
    try {
      server.listen(path);
      await once(server, 'listening');
      expect(await ownsListeningSocket(process.pid, [path])).toEqual({ ok: true });
      expect((await ownsListeningSocket(process.ppid, [path])).ok).toBe(false);
    } finally {
      server.close();
      rmSync(dir, { recursive: true });
    }
  });
});
