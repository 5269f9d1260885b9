import { describe, expect, it } from 'vitest';
import { callTime, writeCredential, type Credential } from '../../../src/rpc/credential.ts';
import { XdrWriter } from '../../../src/rpc/xdr.ts';

function write(credential: Credential): Buffer {
  const writer = new XdrWriter();
  writeCredential(writer, credential, callTime(0));
  return writer.take();
}

describe('credential', () => {
  it.each([
    [{ pid: 0 }, 36],
    [{ pid: 0, groups: [1, 2, 3] }, 48],
    [{ pid: 0, lockOwner: Buffer.alloc(5) }, 44],
    [{ pid: 0, groups: [1], lockOwner: Buffer.alloc(90) }, 132],
  ])('announces the length that it has: %o', (credential, length) => {
    const bytes = write(credential);
    expect([bytes.readUInt32BE(0), bytes.readUInt32BE(4), bytes.length - 8]).toStrictEqual([390_040, length, length]);
  });

  it('refuses more groups and owner than the server takes', () => {
    expect(() => write({ pid: 0, groups: Array.from({ length: 84 }, () => 1), lockOwner: Buffer.alloc(8) })).toThrow(
      expect.objectContaining({ code: 'BadRequest' }),
    );
  });

  it.each([
    [0, 0n, 0],
    [1_700_000_000_123.5, 1_700_000_000n, 123_500_000],
    [1_700_000_000_999.75, 1_700_000_000n, 999_750_000],
  ])('the time %d ms is whole seconds and the rest', (ms, seconds, nanoseconds) => {
    const time = callTime(ms);
    expect(time.seconds).toBe(seconds);
    // A double holds a time of this century to about 0.2 microseconds.
    expect(Math.abs(time.nanoseconds - nanoseconds)).toBeLessThan(1000);
    expect(time.nanoseconds).toBeLessThan(1_000_000_000);
  });
});
