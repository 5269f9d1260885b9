/** XDR by hand for peers and expectations in tests: independent of src/rpc, so that a mistake there is not repeated here. */

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4);
  return bytes;
}

export function u64(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64BE(BigInt.asUintN(64, value), i * 8);
  return bytes;
}

/** Length, bytes, padding. */
export function opaque(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/** Classic dict: text gets its NUL. */
export function dict(entries: Readonly<Record<string, string | number | Uint8Array>>): Buffer {
  const pairs = Object.entries(entries);
  const parts: Uint8Array[] = [u32(pairs.length)];
  for (const [key, value] of pairs) {
    const bytes = value instanceof Uint8Array ? value : Buffer.from(`${value}\0`);
    parts.push(u32(Buffer.byteLength(key), bytes.length), Buffer.from(`${key}\0`), bytes);
  }
  return Buffer.concat(parts);
}

/** Typed dict whose values are given as [type number, wire bytes of the value]. */
export function gfxDict(entries: Readonly<Record<string, readonly [type: number, value: Uint8Array]>>): Buffer {
  const pairs = Object.entries(entries).map(([key, [type, value]]) =>
    Buffer.concat([opaque(`${key}\0`), u32(type), value]),
  );
  const body = Buffer.concat(pairs);
  return Buffer.concat([u32(body.length, pairs.length, pairs.length), body]);
}

export const NULL_DICT: Buffer = u32(0, 0xffff_ffff, 0);

export interface IattFacts {
  gfid: Uint8Array;
  mode?: number;
  size?: bigint;
}

/** The 148-byte stat block. */
export function iatt({ gfid, mode = 0o040_755, size = 4096n }: IattFacts): Buffer {
  return Buffer.concat([
    gfid,
    u64(0x17ffn, 42n, 1n, 0n, size, 8n, 0n, 0n),
    u64(1_700_000_000n, 1_700_000_000n, 1_700_000_000n, 0n),
    u32(1, 2, 3, 0),
    u32(2, 0, 0, 4096, mode),
  ]);
}

/** One record in one fragment. */
export function record(message: Uint8Array): Buffer {
  return Buffer.concat([u32(0x8000_0000 + message.length), message]);
}

/** Cuts on demand; reading past the end throws. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  i32(): number {
    return this.u32() | 0;
  }

  u64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  bytes(length: number): Buffer {
    if (length > this.left) throw new RangeError(`${length} bytes wanted, ${this.left} left`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  opaque(): Buffer {
    const length = this.u32();
    const value = this.bytes(length);
    this.bytes((4 - (length % 4)) % 4);
    return value;
  }

  text(): string {
    return this.opaque().toString('utf8');
  }

  /** A classic dict in an opaque, as text without NULs. */
  dict(): Record<string, string> {
    const reader = new WireReader(this.opaque());
    const entries: [string, string][] = [];
    for (let left = reader.u32(); left > 0; left -= 1) {
      const [keyLength, valueLength] = [reader.u32(), reader.u32()];
      const key = reader.bytes(keyLength).toString('utf8');
      reader.bytes(1);
      entries.push([key, reader.bytes(valueLength).toString('utf8').replace(/\0$/, '')]);
    }
    return Object.fromEntries(entries);
  }
}
