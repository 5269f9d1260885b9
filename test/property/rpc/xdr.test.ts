import { fc } from '@fast-check/vitest';
import * as oracle from '@stellar/js-xdr';
import { describe, expect, it } from 'vitest';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';

const MAX = 1024;

/** One item as we write and read it, and as a stranger's implementation does. */
type Item =
  | { kind: 'uint32' | 'int32' | 'double'; value: number }
  | { kind: 'uint64' | 'int64'; value: bigint }
  | { kind: 'opaque'; value: Uint8Array }
  | { kind: 'string'; value: string };

const wellFormed = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => text.isWellFormed());

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('uint32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('int32' as const), value: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }) }),
  fc.record({ kind: fc.constant('double' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant('uint64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('int64' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ kind: fc.constant('opaque' as const), value: fc.uint8Array({ maxLength: 70 }) }),
  fc.record({ kind: fc.constant('string' as const), value: wellFormed }),
);

function write(writer: XdrWriter, { kind, value }: Item): void {
  switch (kind) {
    case 'uint32':
      return writer.uint32(value);
    case 'int32':
      return writer.int32(value);
    case 'double':
      return writer.double(value);
    case 'uint64':
      return writer.uint64(value);
    case 'int64':
      return writer.int64(value);
    case 'opaque':
    case 'string':
      return writer.opaque(value);
  }
}

function read(reader: XdrReader, kind: Item['kind']): unknown {
  return kind === 'opaque' ? new Uint8Array(reader.opaque()) : reader[kind]();
}

function oracleBytes({ kind, value }: Item): Uint8Array {
  switch (kind) {
    case 'uint32':
      return oracle.uint32().encode(value);
    case 'int32':
      return oracle.int32().encode(value);
    case 'double':
      return oracle.double().encode(value);
    case 'uint64':
      return oracle.uint64().encode(value);
    case 'int64':
      return oracle.int64().encode(value);
    case 'opaque':
      return oracle.varOpaque(MAX).encode(value);
    case 'string':
      return oracle.string(MAX).encode(Buffer.from(value));
  }
}

describe('XDR', () => {
  it('writes what another implementation writes', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const writer = new XdrWriter();
        for (const one of items) write(writer, one);
        expect(writer.take().toString('hex')).toBe(Buffer.concat(items.map(oracleBytes)).toString('hex'));
      }),
    );
  });

  it('reads what another implementation writes', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const reader = new XdrReader(Buffer.concat(items.map(oracleBytes)));
        for (const { kind, value } of items) expect(read(reader, kind)).toStrictEqual(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('never reads past the end: a cut message is RpcProtocol', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), fc.nat(), (items, seed) => {
        const bytes = Buffer.concat(items.map(oracleBytes));
        const reader = new XdrReader(bytes.subarray(0, seed % bytes.length));
        expect(() => {
          for (const { kind } of items) read(reader, kind);
        }).toThrow(expect.objectContaining({ code: 'RpcProtocol' }));
      }),
    );
  });
});
