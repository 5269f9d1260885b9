import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plainAddress, tcpConnectionsOf, tcpPeersOf } from '../../../src/process/tcp-connections.ts';
import { FakeProc } from './fake-proc.ts';

const TABLE = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:5DC7 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0',
  '   1: 0100007F:BFF0 0100007F:5DC7 01 00000000:00000000 02:00000A8F 00000000     0        0 102 2 0 20 4 30 10 -1',
  '   2: 0100007F:BFF1 0100007F:5DC8 02 00000001:00000000 01:00000A8F 00000000     0        0 103 2 0 20 4 30 10 -1',
  '   3: 0100007F:BFF2 0100007F:5DC9 01 00000000:00000000 02:00000A8F 00000000     0        0 104 2 0 20 4 30 10 -1',
].join('\n');

let proc: FakeProc;
beforeEach(() => {
  proc = new FakeProc();
  const fds = { '3': 'socket:[104]', '4': 'socket:[102]', '5': 'socket:[101]', '6': 'socket:[103]', '7': '/dev/null' };
  proc.put({ pid: 5, fds });
});
afterEach(() => proc.dispose());

describe('tcpConnectionsOf', () => {
  it('gives those that are established and held by the process, always in one order', async () => {
    writeFileSync(`${proc.root}/5/net/tcp`, TABLE);
    expect(await tcpConnectionsOf(5, proc.root)).toBe('102 104');
    writeFileSync(`${proc.root}/5/net/tcp6`, TABLE.replace(' 102 2', ' 105 2').replace(' 104 2', ' 103 2'));
    expect(await tcpConnectionsOf(5, proc.root)).toBe('102 103 104');
  });

  it('does not know without the table, or the process', async () => {
    expect(await tcpConnectionsOf(5, proc.root)).toBeUndefined();
    expect(await tcpConnectionsOf(6, proc.root)).toBeUndefined();
  });

  it('tells the other ends, of IPv6 and of IPv4 in IPv6, too', async () => {
    writeFileSync(`${proc.root}/5/net/tcp`, TABLE);
    const six = [
      '  sl  local_address rem_address st',
      '   0: 0:0 B80D0120000000000000000001000000:5DC7 01 0:0 0:0 0 0 0 101 1',
      '   1: 0:0 0000000000000000FFFF00000100007F:5DC8 01 0:0 0:0 0 0 0 103 1',
      '   2: 0:0 00ZZ:5DC8 01 0:0 0:0 0 0 0 103 1',
    ];
    writeFileSync(`${proc.root}/5/net/tcp6`, six.join('\n'));
    expect(await tcpPeersOf(5, proc.root)).toEqual([
      { address: '127.0.0.1', port: 0x5dc7 },
      { address: '127.0.0.1', port: 0x5dc9 },
      { address: '2001:db8::1', port: 0x5dc7 },
      { address: '127.0.0.1', port: 0x5dc8 },
    ]);
    expect(await tcpPeersOf(6, proc.root)).toBeUndefined();
    expect(plainAddress('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
  });

  it('sees a connection of this very process come and go', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const before = await tcpConnectionsOf(process.pid);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const socket = connect(address.port, '127.0.0.1');
    await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
    expect(await tcpConnectionsOf(process.pid)).not.toBe(before);
    expect(await tcpPeersOf(process.pid)).toContainEqual({ address: '127.0.0.1', port: address.port });
    socket.destroy();
    server.close();
  });
});
