import { describe, expect, it } from 'vitest';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';
import { u32 } from '../../support/wire.ts';

const badRequest = expect.objectContaining({ code: 'BadRequest' });
const protocol = expect.objectContaining({ code: 'RpcProtocol' });

describe('XdrWriter', () => {
  it.each([
    ['uint32', -1],
    ['uint32', 2 ** 32],
    ['uint32', 1.5],
    ['uint32', Number.NaN],
    ['int32', 2 ** 31],
    ['int32', -(2 ** 31) - 1],
  ] as const)('%s refuses %d', (kind, value) => {
    expect(() => new XdrWriter()[kind](value)).toThrow(badRequest);
  });

  it.each([
    ['uint64', -1n],
    ['uint64', 2n ** 64n],
    ['int64', 2n ** 63n],
  ] as const)('%s refuses %d', (kind, value) => {
    expect(() => new XdrWriter()[kind](value)).toThrow(badRequest);
  });

  it('pads with zeros, whatever was in its memory before', () => {
    const writer = new XdrWriter();
    writer.raw(Buffer.alloc(64, 0xff));
    writer.truncate(0);
    writer.opaque('abcde');
    expect(writer.take().toString('hex')).toBe('000000056162636465000000');
  });

  it('what was taken is not touched by what is written next', () => {
    const writer = new XdrWriter();
    writer.uint32(1);
    const first = writer.take();
    writer.uint32(2);
    expect([first, writer.take()]).toStrictEqual([u32(1), u32(2)]);
  });

  it('keeps everything while it grows', () => {
    const writer = new XdrWriter();
    for (let i = 0; i < 5000; i += 1) writer.uint32(i);
    const bytes = writer.take();
    expect([bytes.length, bytes.readUInt32BE(4 * 4321)]).toStrictEqual([20_000, 4321]);
  });

  it('counts text in bytes of UTF-8', () => {
    const writer = new XdrWriter();
    writer.opaque('ü');
    expect(writer.take().toString('hex')).toBe('00000002c3bc0000');
  });
});

describe('XdrReader', () => {
  it.each([0xffff_ffff, 0xffff_fffd, 0x8000_0000, 5])('refuses an announced length of %d over 4 bytes', (length) => {
    const bytes = Buffer.concat([u32(length), Buffer.alloc(4)]);
    expect(() => new XdrReader(bytes).opaque()).toThrow(protocol);
    expect(() => new XdrReader(bytes).string()).toThrow(protocol);
    expect(() => new XdrReader(bytes).opaqueView()).toThrow(protocol);
  });

  it('refuses an opaque whose padding is missing', () => {
    expect(() => new XdrReader(Buffer.concat([u32(3), Buffer.from('abc')])).opaque()).toThrow(protocol);
  });

  it('stays where it was after a refusal', () => {
    const reader = new XdrReader(u32(7));
    expect(() => reader.uint64()).toThrow(protocol);
    expect(reader.uint32()).toBe(7);
  });

  it('copies opaques, so that a value does not keep its record alive', () => {
    const bytes = Buffer.concat([u32(4), Buffer.from('abcd')]);
    const value = new XdrReader(bytes).opaque();
    bytes.fill(0);
    expect(value.toString()).toBe('abcd');
  });
});
