import { describe, expect, it } from 'vitest';
import { MAX_RECORD_BYTES, RecordDecoder } from '../../../src/rpc/record.ts';
import { u32 } from '../../support/wire.ts';

function decode(decoder: RecordDecoder, ...chunks: Buffer[]): string[] {
  const records: string[] = [];
  for (const chunk of chunks) decoder.push(chunk, (record) => records.push(record.toString('latin1')));
  return records;
}

describe('RecordDecoder', () => {
  it('gives a whole record as a view of the chunk, without copying it', () => {
    const chunk = Buffer.concat([u32(0x8000_0004), Buffer.from('abcd')]);
    new RecordDecoder().push(chunk, (record) => expect(record.buffer).toBe(chunk.buffer));
  });

  it('gives several records of one chunk', () => {
    const chunk = Buffer.concat([u32(0x8000_0001), Buffer.from('a'), u32(0x8000_0002), Buffer.from('bc')]);
    expect(decode(new RecordDecoder(), chunk)).toStrictEqual(['a', 'bc']);
  });

  it('joins fragments, also when the last one is empty', () => {
    const chunks = [u32(2), Buffer.from('ab'), u32(1), Buffer.from('c'), u32(0x8000_0000)];
    expect(decode(new RecordDecoder(), ...chunks)).toStrictEqual(['abc']);
    expect(decode(new RecordDecoder(), Buffer.concat(chunks))).toStrictEqual(['abc']);
  });

  it('refuses an endless row of empty fragments at its first', () => {
    expect(() => decode(new RecordDecoder(), u32(0))).toThrow(expect.objectContaining({ code: 'RpcProtocol' }));
  });

  it('knows whether the stream stands in the middle of a record', () => {
    const decoder = new RecordDecoder();
    const seen = [decoder.inRecord];
    for (const byte of [0x80, 0, 0, 1]) {
      decode(decoder, Buffer.from([byte]));
      seen.push(decoder.inRecord);
    }
    decode(decoder, Buffer.from('a'));
    seen.push(decoder.inRecord);
    expect(seen).toStrictEqual([false, true, true, true, true, false]);
  });

  it('refuses an announced length over the limit before a byte of it has come', () => {
    const tooLong = u32(0x8000_0000 + MAX_RECORD_BYTES + 1);
    expect(() => decode(new RecordDecoder(), tooLong)).toThrow(expect.objectContaining({ code: 'RpcProtocol' }));
  });

  it('refuses fragments that are over the limit together', () => {
    const decoder = new RecordDecoder(10);
    decode(decoder, u32(6), Buffer.alloc(6));
    expect(() => decode(decoder, u32(5))).toThrow(expect.objectContaining({ code: 'RpcProtocol' }));
  });

  it('takes a record of exactly the limit', () => {
    expect(decode(new RecordDecoder(4), u32(0x8000_0004), Buffer.from('abcd'))).toStrictEqual(['abcd']);
  });

  it('reserves no memory for a length that was only announced', () => {
    const decoders = Array.from({ length: 64 }, () => new RecordDecoder());
    const before = process.memoryUsage().arrayBuffers;
    for (const decoder of decoders) decode(decoder, u32(0x8000_0000 + MAX_RECORD_BYTES), Buffer.from('x'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_RECORD_BYTES);
  });

  it('copies a long record that comes byte by byte no more than a few times', () => {
    const decoder = new RecordDecoder();
    const length = 300_000;
    decode(decoder, u32(0x8000_0000 + length));
    const byte = Buffer.from('x');
    let record: Buffer | undefined;
    for (let i = 0; i < length; i += 1) {
      decoder.push(byte, (found) => {
        record = found;
      });
    }
    expect(record?.length).toBe(length);
  });
});
