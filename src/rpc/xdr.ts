/**
 * XDR (RFC 4506) primitives: big-endian, everything padded to four bytes. Hypers are BigInt, because inode numbers and fsids
 * use all 64 bits. A reader never trusts a length: what does not fit the record is an AgentError `RpcProtocol`.
 */
import { AgentError } from '../lib/errors.ts';
import { gfidFromBytes, gfidToBytes, type Gfid } from '../lib/gfid.ts';

/** Most calls of ours are 100 to 250 bytes long: a batch of a few grows once or never. */
const INITIAL_BYTES = 512;
const GFID_BYTES = 16;

export class XdrWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written after `length`: a call whose arguments turned out to be wrong. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** The bytes written so far; the writer starts afresh with memory of its own. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#length = 0;
    return bytes;
  }

  /** @throws AgentError `BadRequest` when `value` is not an unsigned 32-bit integer */
  uint32(value: number): void {
    if (value >>> 0 !== value) throw new AgentError('BadRequest', `${value} is not an unsigned 32-bit integer`);
    const at = this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, at);
  }

  /** @throws AgentError `BadRequest` when `value` is not a signed 32-bit integer */
  int32(value: number): void {
    if ((value | 0) !== value) throw new AgentError('BadRequest', `${value} is not a signed 32-bit integer`);
    const at = this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value, at);
  }

  /** @throws AgentError `BadRequest` when `value` is not an unsigned 64-bit integer */
  uint64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) {
      throw new AgentError('BadRequest', `${value} is not an unsigned 64-bit integer`);
    }
    const at = this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, at);
  }

  /** @throws AgentError `BadRequest` when `value` is not a signed 64-bit integer */
  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) {
      throw new AgentError('BadRequest', `${value} is not a signed 64-bit integer`);
    }
    const at = this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#length = this.#buffer.writeDoubleBE(value, at);
  }

  /** Bytes as they are, without length or padding. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    this.#length = at + bytes.length;
  }

  /** `opaque<>` and, for text (UTF-8), `string<>`: a length, the bytes, zeros up to four. */
  opaque(value: Uint8Array | string): void {
    const size = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.uint32(size);
    const padded = paddedLength(size);
    const at = this.#reserve(padded);
    if (typeof value === 'string') this.#buffer.write(value, at);
    else this.#buffer.set(value, at);
    this.#buffer.fill(0, at + size, at + padded);
    this.#length = at + padded;
  }

  /** @throws AgentError `BadRequest` when `gfid` is not a UUID */
  gfid(gfid: Gfid): void {
    this.raw(gfidToBytes(gfid));
  }

  /** Overwrites an earlier word, for lengths that are known only afterwards. */
  patchUint32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  /** Makes room; only then may `#buffer` be touched, because it may be another one afterwards. Returns where to write. */
  #reserve(size: number): number {
    const needed = this.#length + size;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#length;
  }
}

export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#advance(4));
  }

  uint64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#advance(8));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#advance(8));
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#advance(8));
  }

  /** `size` bytes without padding; a view of the record, to be copied when it is kept. */
  view(size: number): Buffer {
    const at = this.#advance(size);
    return this.#buffer.subarray(at, at + size);
  }

  skip(size: number): void {
    this.#advance(size);
  }

  /** `opaque<>` as a view of the record, to be copied when it is kept. Padding must be there; its content is ignored. */
  opaqueView(): Buffer {
    const size = this.uint32();
    const at = this.#advance(paddedLength(size));
    return this.#buffer.subarray(at, at + size);
  }

  /** `opaque<>` as a copy, so that a small value does not keep a whole network buffer alive. */
  opaque(): Buffer {
    return Buffer.from(this.opaqueView());
  }

  /** `string<>` as UTF-8; what is not UTF-8 becomes U+FFFD. */
  string(): string {
    const size = this.uint32();
    const at = this.#advance(paddedLength(size));
    return this.#buffer.toString('utf8', at, at + size);
  }

  gfid(): Gfid {
    return gfidFromBytes(this.view(GFID_BYTES));
  }

  #advance(size: number): number {
    const at = this.#offset;
    if (size > this.#buffer.length - at) {
      throw new AgentError(
        'RpcProtocol',
        `message ends early: ${size} bytes wanted at offset ${at} of ${this.#buffer.length}`,
      );
    }
    this.#offset = at + size;
    return at;
  }
}

/** Arithmetic, not bit operations: a hostile length of almost 2^32 must not wrap round to something small. */
function paddedLength(size: number): number {
  return size + ((4 - (size % 4)) % 4);
}
