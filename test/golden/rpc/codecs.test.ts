/** Dicts, credentials and headers against bytes that real processes sent or understood. */
import { describe, expect, it } from 'vitest';
import { gfidFromBytes } from '../../../src/lib/gfid.ts';
import { callTime, writeCredential } from '../../../src/rpc/credential.ts';
import { decodeDict, dictText, encodeDict } from '../../../src/rpc/dict.ts';
import { gfxText, readGfxDict, writeGfxDict, type GfxDict, type GfxValue } from '../../../src/rpc/gfx-dict.ts';
import { readIatt } from '../../../src/rpc/iatt.ts';
import { readMessage } from '../../../src/rpc/message.ts';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';
import { exchange, hex, isRecord, resultsOf, samples } from '../../support/rpc-vectors.ts';

const IATT_BYTES = 148;

describe('classic dict', () => {
  it.each(samples('classicDict'))('$entries', ({ entries, hex: bytes }) => {
    const pairs = Object.entries(isRecord(entries) ? entries : {}).map(([key, value]) => [key, String(value)] as const);
    expect(encodeDict(pairs).toString('hex')).toBe(bytes);
    const decoded = decodeDict(hex(bytes));
    expect([...decoded.keys()].map((key) => [key, dictText(decoded, key)])).toStrictEqual(pairs);
  });
});

/** The sample's value in our form; strings of STR are text, of the other byte types hex. */
function valueOf(sample: unknown): GfxValue {
  const { type, value } = isRecord(sample) ? sample : {};
  switch (type) {
    case 'STR':
      return gfxText(String(value));
    case 'STR_OLD':
    case 'PTR':
      return { type, value: Buffer.from(String(value), 'hex') };
    case 'INT':
    case 'UINT':
      return { type, value: BigInt(String(value)) };
    case 'DOUBLE':
      return { type, value: Number(value) };
    case 'GFUUID':
      return { type, value: gfidFromBytes(hex(value)) };
    default:
      throw new Error(`sample of type ${String(type)}`);
  }
}

describe('typed dict', () => {
  it.each(samples('gfxDict'))('$entries', ({ entries, hex: bytes }) => {
    const dict: GfxDict | undefined = isRecord(entries)
      ? new Map(Object.entries(entries).map(([key, value]) => [key, valueOf(value)]))
      : undefined;
    const writer = new XdrWriter();
    writeGfxDict(writer, dict);
    expect(writer.take().toString('hex')).toBe(bytes);
    const reader = new XdrReader(hex(bytes));
    expect(readGfxDict(reader)).toStrictEqual(dict);
    expect(reader.remaining).toBe(0);
  });

  it('a stat block as a value', () => {
    // op_ret, op_errno, no dict, stat block.
    const block = resultsOf(exchange('stat')).subarray(20);
    const dict: GfxDict = new Map([['k', { type: 'IATT', value: readIatt(new XdrReader(block)) }]]);
    const writer = new XdrWriter();
    writeGfxDict(writer, dict);
    const bytes = writer.take();
    expect(bytes.subarray(-IATT_BYTES).toString('hex')).toBe(block.toString('hex'));
    expect(readGfxDict(new XdrReader(bytes))).toStrictEqual(dict);
  });
});

describe('credential', () => {
  it.each(samples('authV3'))('pid $pid', (sample) => {
    const writer = new XdrWriter();
    const groups = Array.isArray(sample['groups']) ? sample['groups'].map(Number) : [];
    const lockOwner = hex(sample['lk_owner'] ?? '');
    const seconds = BigInt(Number(sample['ctime_sec'] ?? 0));
    const nanoseconds = Number(sample['ctime_nsec'] ?? 0);
    writeCredential(writer, { pid: Number(sample['pid']), groups, lockOwner }, { seconds, nanoseconds });
    // Flavour and length stand in front of the recorded body.
    expect(writer.take().subarray(8).toString('hex')).toBe(sample['hex']);
  });

  it('a time in milliseconds becomes seconds and nanoseconds', () => {
    expect(callTime(1_700_000_000_005.25)).toStrictEqual({ seconds: 1_700_000_000n, nanoseconds: 5_250_000 });
  });
});

describe('call of the server', () => {
  it.each(samples('callbacks'))('$id', ({ message }) => {
    expect(readMessage(new XdrReader(hex(message).subarray(4)))).toMatchObject({
      kind: 'call',
      program: 52_743_234,
      version: 1,
      procedure: 1,
    });
  });
});
