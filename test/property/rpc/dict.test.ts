import { fc } from '@fast-check/vitest';
import * as oracle from '@stellar/js-xdr';
import { describe, expect, it } from 'vitest';
import { gfidFromBytes } from '../../../src/lib/gfid.ts';
import { decodeDict, dictBigInt, dictNumber, dictText, encodeDict, textOf } from '../../../src/rpc/dict.ts';
import { gfxIntegerOf, readGfxDict, writeGfxDict, type GfxDict, type GfxValue } from '../../../src/rpc/gfx-dict.ts';
import { readIatt, writeIatt, type Iatt } from '../../../src/rpc/iatt.ts';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';

/** Any key that can be written, `__proto__` and the like among them. */
const key = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', '', 'trusted.gfs.squota.limit'),
  fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => text.isWellFormed() && !text.includes('\0')),
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const gfid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(gfidFromBytes);

/** Objects as everybody else makes them. */
const PLAIN = { noNullPrototype: true };

const iatt: fc.Arbitrary<Iatt> = fc.record(
  {
    gfid,
    flags: uint64,
    ino: uint64,
    dev: uint64,
    rdev: uint64,
    size: uint64,
    blocks: uint64,
    attributes: uint64,
    attributesMask: uint64,
    atime: int64,
    mtime: int64,
    ctime: int64,
    btime: int64,
    atimeNsec: uint32,
    mtimeNsec: uint32,
    ctimeNsec: uint32,
    btimeNsec: uint32,
    nlink: uint32,
    uid: uint32,
    gid: uint32,
    blksize: uint32,
    mode: uint32,
  },
  PLAIN,
);

const mdata = fc.record(
  {
    atime: int64,
    mtime: int64,
    ctime: int64,
    atimeNsec: uint32,
    mtimeNsec: uint32,
    ctimeNsec: uint32,
  },
  PLAIN,
);

const gfxValue: fc.Arbitrary<GfxValue> = fc.oneof(
  fc.record({ type: fc.constantFrom('STR_OLD' as const, 'STR' as const, 'PTR' as const), value: bytes }, PLAIN),
  fc.record({ type: fc.constant('INT' as const), value: int64 }, PLAIN),
  fc.record({ type: fc.constant('UINT' as const), value: uint64 }, PLAIN),
  fc.record({ type: fc.constant('DOUBLE' as const), value: fc.double({ noNaN: true }) }, PLAIN),
  fc.record({ type: fc.constant('GFUUID' as const), value: gfid }, PLAIN),
  fc.record({ type: fc.constant('IATT' as const), value: iatt }, PLAIN),
  fc.record({ type: fc.constant('MDATA' as const), value: mdata }, PLAIN),
);

const gfxDict: fc.Arbitrary<GfxDict> = fc
  .uniqueArray(fc.tuple(key, gfxValue), { selector: ([name]) => name, maxLength: 8 })
  .map((pairs) => new Map(pairs));

const MAX = 4096;
/** The simple types, as another implementation reads them: key, type, value. */
const oraclePair = (type: GfxValue['type']): oracle.XdrType<unknown> | undefined => {
  switch (type) {
    case 'STR_OLD':
    case 'STR':
    case 'PTR':
      return oracle.varOpaque(MAX);
    case 'INT':
      return oracle.int64();
    case 'UINT':
      return oracle.uint64();
    case 'DOUBLE':
      return oracle.double();
    case 'GFUUID':
      return oracle.opaque(16);
    case 'IATT':
      return oracle.opaque(148);
    case 'MDATA':
      return oracle.opaque(36);
  }
};

describe('classic dict', () => {
  const entry = fc.tuple(
    key,
    fc.oneof(
      bytes,
      int64,
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0') && text.isWellFormed()),
    ),
  );
  const entries = fc.uniqueArray(entry, { selector: ([name]) => name, maxLength: 12 });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(entries, (pairs) => {
        const dict = decodeDict(encodeDict(pairs));
        expect([...dict.keys()]).toStrictEqual(pairs.map(([name]) => name));
        for (const [name, value] of pairs) {
          const stored = Buffer.isBuffer(value) ? value : Buffer.from(`${value}\0`);
          expect([dict.get(name), dictText(dict, name)]).toStrictEqual([stored, textOf(stored)]);
        }
      }),
    );
  });

  it('numbers come back as numbers, whatever their size, and text does not', () => {
    fc.assert(
      fc.property(int64, fc.string(), (value, text) => {
        const dict = decodeDict(
          encodeDict([
            ['n', value],
            ['t', `${text}!`],
          ]),
        );
        expect(dictBigInt(dict, 'n')).toBe(value);
        expect(dictNumber(dict, 'n')).toBe(Number.isSafeInteger(Number(value)) ? Number(value) : undefined);
        expect(dictBigInt(dict, 't')).toBeUndefined();
      }),
    );
  });

  it('keys that no reader would see whole are refused', () => {
    expect(() => encodeDict([['a\0b', 1]])).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});

describe('typed dict', () => {
  it('comes back as it was, to the last byte', () => {
    fc.assert(
      fc.property(gfxDict, bytes, (dict, after) => {
        const writer = new XdrWriter();
        writeGfxDict(writer, dict);
        writer.raw(after);
        const reader = new XdrReader(writer.take());
        expect(readGfxDict(reader)).toStrictEqual(dict);
        expect(reader.remaining).toBe(after.length);
      }),
    );
  });

  it('is read by another implementation', () => {
    fc.assert(
      fc.property(key, gfxValue, (name, value) => {
        const writer = new XdrWriter();
        writeGfxDict(writer, new Map([[name, value]]));
        const written = writer.take();
        const pair = oracle.struct('pair', {
          size: oracle.uint32(),
          count: oracle.int32(),
          pairs: oracle.uint32(),
          key: oracle.varOpaque(MAX),
          type: oracle.int32(),
          value: oraclePair(value.type) ?? oracle.void(),
        });
        const decoded = pair.decode(written);
        expect(decoded).toMatchObject({ size: written.length - 12, count: 1, pairs: 1 });
        expect(Buffer.from(decoded.key).toString()).toBe(`${name}\0`);
        expect(pair.encode(decoded)).toStrictEqual(new Uint8Array(written));
      }),
    );
  });

  it('integers are integers in either form', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const text = Buffer.from(`${value}\0`);
        expect(gfxIntegerOf({ type: 'INT', value })).toBe(value);
        expect(gfxIntegerOf({ type: 'PTR', value: text })).toBe(value);
        expect(gfxIntegerOf({ type: 'PTR', value: text.subarray(0, -1) })).toBe(value);
      }),
    );
  });
});

describe('stat block', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(iatt, (value) => {
        const writer = new XdrWriter();
        writeIatt(writer, value);
        expect(writer.length).toBe(148);
        expect(readIatt(new XdrReader(writer.take()))).toStrictEqual(value);
      }),
    );
  });
});
