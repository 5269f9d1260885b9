/**
 * Gluster's classic dict serialisation, spoken by the management program, SETVOLUME and GETSPEC: untyped byte values, no
 * alignment.
 *
 * ```
 * int32 count; count times { int32 keylen, vallen; key[keylen]; 0x00; value[vallen] }
 * ```
 *
 * Text and numbers are decimal text with its NUL counted in vallen.
 */
import { AgentError } from '../lib/errors.ts';

/** Values are raw, text still with its NUL. A Map: keys come from outside and may be called `__proto__`. */
export type Dict = Map<string, Buffer>;

/** Text and numbers go out as text with a NUL, bytes as they are. */
export type DictEntries = Iterable<readonly [key: string, value: string | number | bigint | Uint8Array]>;

/** Two lengths and the key's NUL. */
const MIN_PAIR_BYTES = 9;
/** No 64-bit number has more digits; more would only make BigInt slow. */
const INTEGER = /^-?\d{1,20}$/;

/** @throws AgentError `BadRequest` when a key holds a NUL */
export function encodeDict(entries: DictEntries): Buffer {
  const count = Buffer.alloc(4);
  const parts: Uint8Array[] = [count];
  let pairs = 0;
  for (const [key, value] of entries) {
    if (key.includes('\0')) throw new AgentError('BadRequest', 'a dict key holds no NUL');
    const name = Buffer.from(`${key}\0`);
    const bytes = value instanceof Uint8Array ? value : Buffer.from(`${value}\0`);
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeInt32BE(name.length - 1, 0);
    lengths.writeInt32BE(bytes.length, 4);
    parts.push(lengths, name, bytes);
    pairs += 1;
  }
  count.writeInt32BE(pairs, 0);
  return Buffer.concat(parts);
}

/**
 * A dict that stands in an `opaque<>`. Zero length is no dict at all and gives an empty one, as replies without output use it.
 *
 * @throws AgentError `RpcProtocol` when lengths and bytes do not agree
 */
export function decodeDict(bytes: Buffer): Dict {
  const dict: Dict = new Map();
  if (bytes.length === 0) return dict;
  if (bytes.length < 4) throw malformed('no room for the number of pairs');
  const count = bytes.readInt32BE(0);
  if (count < 0 || count > (bytes.length - 4) / MIN_PAIR_BYTES) throw malformed(`${count} pairs do not fit`);
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < 8) throw malformed(`pair ${i} is cut off`);
    const keyEnd = at + 8 + bytes.readInt32BE(at);
    const valueEnd = keyEnd + 1 + bytes.readInt32BE(at + 4);
    if (keyEnd < at + 8 || valueEnd < keyEnd + 1 || valueEnd > bytes.length) throw malformed(`pair ${i} does not fit`);
    if (bytes[keyEnd] !== 0) throw malformed(`the key of pair ${i} does not end in NUL`);
    dict.set(bytes.toString('utf8', at + 8, keyEnd), Buffer.from(bytes.subarray(keyEnd + 1, valueEnd)));
    at = valueEnd;
  }
  return dict;
}

/** Text without its NUL; undefined when the key is absent. */
export function dictText(dict: Dict, key: string): string | undefined {
  const value = dict.get(key);
  return value === undefined ? undefined : textOf(value);
}

/** A whole number that is small by nature; undefined when the key is absent or its value is none. */
export function dictNumber(dict: Dict, key: string): number | undefined {
  const value = Number(dictBigInt(dict, key) ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A whole number that may pass 2^53; undefined when the key is absent or its value is none. */
export function dictBigInt(dict: Dict, key: string): bigint | undefined {
  const text = dictText(dict, key);
  return text !== undefined && INTEGER.test(text) ? BigInt(text) : undefined;
}

/** UTF-8 text up to the first NUL. */
export function textOf(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

function malformed(why: string): AgentError {
  return new AgentError('RpcProtocol', `malformed dict: ${why}`);
}
