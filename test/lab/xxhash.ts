/** xxHash64 with seed 0: how Kadalu spreads PVs over directories (and how posix names `trusted.gfid2path.*`). */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const MASK = 2n ** 64n - 1n;

/** 16 lower-case hex digits. */
export function xxHash64(bytes: Uint8Array): string {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = P5;
  if (data.length >= 32) {
    const lanes = [wrap(P1 + P2), P2, 0n, wrap(-P1)];
    for (; at + 32 <= data.length; at += 32) {
      for (const [lane, value] of lanes.entries()) lanes[lane] = round(value, data.readBigUInt64LE(at + lane * 8));
    }
    hash = [1n, 7n, 12n, 18n].reduce((sum, shift, lane) => wrap(sum + rotate(lanes[lane] ?? 0n, shift)), 0n);
    for (const value of lanes) hash = wrap((hash ^ round(0n, value)) * P1 + P4);
  }
  hash = wrap(hash + BigInt(data.length));
  for (; at + 8 <= data.length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, data.readBigUInt64LE(at)), 27n) * P1 + P4);
  }
  for (; at + 4 <= data.length; at += 4) {
    hash = wrap(rotate(hash ^ wrap(BigInt(data.readUInt32LE(at)) * P1), 23n) * P2 + P3);
  }
  for (; at < data.length; at += 1) hash = wrap(rotate(hash ^ wrap(BigInt(data.readUInt8(at)) * P5), 11n) * P1);
  hash = wrap((hash ^ (hash >> 33n)) * P2);
  hash = wrap((hash ^ (hash >> 29n)) * P3);
  return (hash ^ (hash >> 32n)).toString(16).padStart(16, '0');
}

function round(accumulator: bigint, input: bigint): bigint {
  return wrap(rotate(wrap(accumulator + input * P2), 31n) * P1);
}

function rotate(value: bigint, bits: bigint): bigint {
  return wrap(value << bits) | (value >> (64n - bits));
}

function wrap(value: bigint): bigint {
  return value & MASK;
}
