import { describe, expect, it } from 'vitest';
import { readProfile } from '../../../src/rpc/profile-reply.ts';
import { decodeDict, encodeDict } from '../../../src/rpc/dict.ts';
import { xlatorInfo } from '../../../src/rpc/programs/brick-operations.ts';
import { XdrReader } from '../../../src/rpc/xdr.ts';
import { exchange, resultsOf } from '../../support/rpc-vectors.ts';

const { output } = xlatorInfo.decode(new XdrReader(resultsOf(exchange('info-peek'))));

describe('readProfile', () => {
  it('names fops and keeps latencies in nanoseconds', () => {
    const { fops } = readProfile(output, 0n);
    expect(fops.get('XATTROP')).toStrictEqual({ hits: 2n, averageNs: 73_776, minNs: 63_780, maxNs: 83_772 });
    expect(fops.get('READDIR')).toMatchObject({ hits: 1n, averageNs: 26_933 });
  });

  it('has releases by the internal numbers, which differ from those of the wire', () => {
    expect(readProfile(output, 0n).fops.get('RELEASEDIR')).toStrictEqual({
      hits: 1n,
      averageNs: undefined,
      minNs: undefined,
      maxNs: undefined,
    });
  });

  it('reads the byte totals of the window asked for', () => {
    const { seconds, bytesRead, bytesWritten } = readProfile(output, 0n);
    expect([typeof seconds, bytesRead, bytesWritten]).toStrictEqual(['bigint', 0n, 0n]);
  });

  it('knows nothing of a window that is not there', () => {
    expect(readProfile(output, 99n)).toStrictEqual({
      seconds: undefined,
      bytesRead: undefined,
      bytesWritten: undefined,
      reads: new Map(),
      writes: new Map(),
      fops: new Map(),
    });
  });

  it('counts reads and writes by the highest bit of their size, the last one printed as negative', () => {
    const entries = {
      '-1-read-1': 1,
      '-1-read-4096': 7,
      '-1-read--2147483648': 2,
      '-1-read-3': 9,
      '-1-write-131072': 5,
    };
    const { reads, writes } = readProfile(decodeDict(encodeDict(Object.entries(entries))), -1n);
    expect([...reads]).toStrictEqual([
      [0, 1n],
      [12, 7n],
      [31, 2n],
    ]);
    expect([...writes]).toStrictEqual([[17, 5n]]);
  });
});
