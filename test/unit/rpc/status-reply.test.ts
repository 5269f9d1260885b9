import { describe, expect, it } from 'vitest';
import { decodeDict, encodeDict, type Dict } from '../../../src/rpc/dict.ts';
import { status } from '../../../src/rpc/programs/brick-operations.ts';
import { readCalls, readClients, readInodes, readMemory } from '../../../src/rpc/status-reply.ts';
import { XdrReader } from '../../../src/rpc/xdr.ts';
import { exchange, resultsOf } from '../../support/rpc-vectors.ts';

function output(entries: Record<string, string | number>): Dict {
  return decodeDict(encodeDict(Object.entries(entries)));
}

function recorded(id: string): Dict {
  return status.decode(new XdrReader(resultsOf(exchange(id)))).output;
}

describe('readClients', () => {
  it('reads what a real brick said', () => {
    expect(readClients(recorded('status-clients'))).toStrictEqual([
      { address: '127.0.0.1:55870', name: 'sidecar', opVersion: 100_000, bytesRead: 4612n, bytesWritten: 9480n },
    ]);
  });

  it('counts by looking: a claimed number of clients allocates nothing', () => {
    expect(readClients(output({ clientcount: 2_000_000_000 }))).toStrictEqual([]);
  });

  it('does without what an older brick leaves out', () => {
    const clients = readClients(output({ clientcount: 1, 'client0.hostname': '10.0.0.1:49152' }));
    expect(clients).toStrictEqual([
      { address: '10.0.0.1:49152', name: '', opVersion: undefined, bytesRead: 0n, bytesWritten: 0n },
    ]);
  });

  it('keeps byte counts beyond 2^53', () => {
    const clients = readClients(output({ 'client0.hostname': 'a', 'client0.bytesread': '9007199254740993' }));
    expect(clients[0]?.bytesRead).toBe(9_007_199_254_740_993n);
  });
});

describe('readInodes', () => {
  it('reads the tables, and not the size of the client table', () => {
    expect(readInodes(recorded('status-inode'))).toStrictEqual({
      tables: [{ active: 2, lru: 1, purge: 0, lruLimit: 16_384 }],
    });
  });

  it('lists several tables in the order of their numbers', () => {
    const entries = { 'conn10.itable.active_size': 10, 'conn2.itable.active_size': 2 };
    expect(readInodes(output(entries)).tables.map(({ active }) => active)).toStrictEqual([2, 10]);
  });
});

describe('readMemory', () => {
  it('takes mallinfo and pools apart', () => {
    const memory = readMemory(
      output({
        'mallinfo.arena': 1_000_000,
        'mallinfo.uordblks': '9007199254740993',
        'mallinfo.odd': 'x',
        'pool0.name': 'call_frame_t',
        'pool0.active-count': 3,
        'pool0.padded-sizeof': 256,
        'pool1.name': 'inode_t',
      }),
    );
    expect([...memory.mallinfo]).toStrictEqual([
      ['arena', 1_000_000n],
      ['uordblks', 9_007_199_254_740_993n],
    ]);
    expect(memory.pools).toStrictEqual([
      { name: 'call_frame_t', active: 3, objectBytes: 256 },
      { name: 'inode_t', active: 0, objectBytes: 0 },
    ]);
  });
});

describe('readCalls', () => {
  it('reads what is under way, whatever number the stacks have', () => {
    const calls = readCalls(
      output({
        'callpool.count': 2,
        'callpool.stack1.unique': 77,
        'callpool.stack1.op': 'STATFS',
        'callpool.stack1.pid': -14,
        'callpool.stack2.unique': 78,
        'callpool.stack2.uid': 1000,
      }),
    );
    expect(calls).toStrictEqual({
      count: 2,
      stacks: [
        { op: 'STATFS', pid: -14, uid: 0, gid: 0, unique: 77n },
        { op: '', pid: 0, uid: 1000, gid: 0, unique: 78n },
      ],
    });
  });

  it('counts the stacks when the count is missing', () => {
    expect(readCalls(output({ 'callpool.stack4.unique': 1 })).count).toBe(1);
  });
});
