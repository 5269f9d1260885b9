/**
 * The typed dict of the version 4 fops.
 *
 * ```
 * uint32 xdr_size   bytes of all pairs after the third word
 * int32  count      -1: no dict at all
 * uint32 npairs     the same number again, 0 for no dict
 * npairs times { opaque key<> with its NUL; int32 type; value }
 * ```
 *
 * The union has no default arm: an unknown type makes the rest of the message unreadable.
 */
import { AgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import { textOf } from './dict.ts';
import { readIatt, writeIatt, type Iatt } from './iatt.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

/** Times of the utime translator. */
export interface Mdata {
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  atimeNsec: number;
  mtimeNsec: number;
  ctimeNsec: number;
}

/**
 * What SETXATTR stores on the backend: STR_OLD and PTR the bytes as given; STR the bytes and a NUL; numbers decimal text and a
 * NUL (measured on 10.3 and 11.1). Values read back from disk come as PTR, the brick's own counters as UINT.
 */
export type GfxValue =
  | { type: 'STR_OLD' | 'STR' | 'PTR'; value: Buffer }
  | { type: 'INT' | 'UINT'; value: bigint }
  | { type: 'DOUBLE'; value: number }
  | { type: 'GFUUID'; value: Gfid }
  | { type: 'IATT'; value: Iatt }
  | { type: 'MDATA'; value: Mdata };

/** A Map: keys come from outside and may be called `__proto__`. */
export type GfxDict = ReadonlyMap<string, GfxValue>;

const TYPE_NUMBER = { STR_OLD: 1, INT: 2, UINT: 3, DOUBLE: 4, STR: 5, PTR: 6, GFUUID: 7, IATT: 8, MDATA: 9 } as const;

/** Key length, type and the shortest value. */
const MIN_PAIR_BYTES = 12;
const INTEGER = /^-?\d{1,20}$/;

/** @param dict undefined: no dict at all, which is what requests without options carry */
export function writeGfxDict(writer: XdrWriter, dict?: GfxDict): void {
  const sizeAt = writer.length;
  writer.uint32(0);
  writer.int32(dict === undefined ? -1 : dict.size);
  writer.uint32(dict === undefined ? 0 : dict.size);
  if (dict === undefined) return;
  const start = writer.length;
  for (const [key, value] of dict) {
    if (key.includes('\0')) throw new AgentError('BadRequest', 'a dict key holds no NUL');
    writer.opaque(`${key}\0`);
    writer.int32(TYPE_NUMBER[value.type]);
    writeValue(writer, value);
  }
  writer.patchUint32(sizeAt, writer.length - start);
}

/**
 * The size in front is not used, as the server does not use it: the pairs say themselves where they end.
 *
 * @returns undefined for no dict at all
 * @throws AgentError `RpcProtocol`
 */
export function readGfxDict(reader: XdrReader): GfxDict | undefined {
  reader.skip(4);
  const count = reader.int32();
  const pairs = reader.uint32();
  if (count === -1 && pairs === 0) return undefined;
  if (count !== pairs || pairs > reader.remaining / MIN_PAIR_BYTES) {
    throw new AgentError('RpcProtocol', `malformed dict: ${count} and ${pairs} pairs in ${reader.remaining} bytes`);
  }
  const dict = new Map<string, GfxValue>();
  for (let i = 0; i < pairs; i++) dict.set(textOf(reader.opaqueView()), readValue(reader));
  return dict;
}

/** Text stored with the trailing NUL that Gluster's own tools write. */
export function gfxText(text: string): GfxValue {
  return { type: 'STR', value: Buffer.from(text) };
}

/** Bytes stored as they are. */
export function gfxBytes(bytes: Uint8Array): GfxValue {
  return { type: 'STR_OLD', value: Buffer.from(bytes) };
}

/** Text of a value without its NUL, numbers in decimal; undefined for an absent or structured one. */
export function gfxTextOf(value: GfxValue | undefined): string | undefined {
  switch (value?.type) {
    case 'STR_OLD':
    case 'STR':
    case 'PTR':
      return textOf(value.value);
    case 'INT':
    case 'UINT':
      return String(value.value);
    case 'GFUUID':
      return value.value;
    case 'DOUBLE':
    case 'IATT':
    case 'MDATA':
    case undefined:
      return undefined;
  }
}

/** Bytes of a text or binary value, with its NUL where it has one. */
export function gfxBytesOf(value: GfxValue | undefined): Buffer | undefined {
  return value?.type === 'STR_OLD' || value?.type === 'STR' || value?.type === 'PTR' ? value.value : undefined;
}

/** A whole number, whether it came as one or as decimal text; undefined when it is neither. */
export function gfxIntegerOf(value: GfxValue | undefined): bigint | undefined {
  const text = gfxTextOf(value);
  return text !== undefined && INTEGER.test(text) ? BigInt(text) : undefined;
}

function writeValue(writer: XdrWriter, value: GfxValue): void {
  switch (value.type) {
    case 'STR_OLD':
    case 'STR':
    case 'PTR':
      return writer.opaque(value.value);
    case 'INT':
      return writer.int64(value.value);
    case 'UINT':
      return writer.uint64(value.value);
    case 'DOUBLE':
      return writer.double(value.value);
    case 'GFUUID':
      return writer.gfid(value.value);
    case 'IATT':
      return writeIatt(writer, value.value);
    case 'MDATA':
      for (const time of [value.value.atime, value.value.mtime, value.value.ctime]) writer.int64(time);
      for (const time of [value.value.atimeNsec, value.value.mtimeNsec, value.value.ctimeNsec]) writer.uint32(time);
  }
}

function readValue(reader: XdrReader): GfxValue {
  const type = reader.int32();
  switch (type) {
    case TYPE_NUMBER.STR_OLD:
      return { type: 'STR_OLD', value: reader.opaque() };
    case TYPE_NUMBER.INT:
      return { type: 'INT', value: reader.int64() };
    case TYPE_NUMBER.UINT:
      return { type: 'UINT', value: reader.uint64() };
    case TYPE_NUMBER.DOUBLE:
      return { type: 'DOUBLE', value: reader.double() };
    case TYPE_NUMBER.STR:
      return { type: 'STR', value: reader.opaque() };
    case TYPE_NUMBER.PTR:
      return { type: 'PTR', value: reader.opaque() };
    case TYPE_NUMBER.GFUUID:
      return { type: 'GFUUID', value: reader.gfid() };
    case TYPE_NUMBER.IATT:
      return { type: 'IATT', value: readIatt(reader) };
    case TYPE_NUMBER.MDATA:
      return { type: 'MDATA', value: readMdata(reader) };
    default:
      throw new AgentError('RpcProtocol', `malformed dict: value type ${type} does not exist`);
  }
}

function readMdata(reader: XdrReader): Mdata {
  return {
    atime: reader.int64(),
    mtime: reader.int64(),
    ctime: reader.int64(),
    atimeNsec: reader.uint32(),
    mtimeNsec: reader.uint32(),
    ctimeNsec: reader.uint32(),
  };
}
