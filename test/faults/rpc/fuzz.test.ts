/**
 * Hostile bytes. Whatever a peer sends is understood or refused with `RpcProtocol` (or is an answer: `GlusterError`); nothing else
 * is thrown, nothing loops, and no length that was only claimed costs memory.
 */
import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { decodeDict } from '../../../src/rpc/dict.ts';
import { readGfxDict } from '../../../src/rpc/gfx-dict.ts';
import { readHealReply } from '../../../src/rpc/heal-reply.ts';
import { readIatt } from '../../../src/rpc/iatt.ts';
import { readMessage } from '../../../src/rpc/message.ts';
import { readProfile } from '../../../src/rpc/profile-reply.ts';
import * as brickOperations from '../../../src/rpc/programs/brick-operations.ts';
import * as directory from '../../../src/rpc/programs/directory.ts';
import * as dump from '../../../src/rpc/programs/dump.ts';
import { entrylk } from '../../../src/rpc/programs/entrylk.ts';
import * as file from '../../../src/rpc/programs/file.ts';
import * as handshake from '../../../src/rpc/programs/handshake.ts';
import { lookup } from '../../../src/rpc/programs/lookup.ts';
import { stat } from '../../../src/rpc/programs/stat.ts';
import { statfs } from '../../../src/rpc/programs/statfs.ts';
import * as xattr from '../../../src/rpc/programs/xattr.ts';
import { readCalls, readClients, readInodes, readMemory } from '../../../src/rpc/status-reply.ts';
import { XdrReader } from '../../../src/rpc/xdr.ts';
import { refusal } from '../../support/refusal.ts';
import { exchanges, resultsOf } from '../../support/rpc-vectors.ts';

type Decoder = (bytes: Buffer) => unknown;

const procedures = [brickOperations, directory, dump, file, handshake, xattr, { entrylk, lookup, stat, statfs }]
  .flatMap((group) => Object.values(group))
  .filter((one) => typeof one === 'object' && 'decode' in one);

const SET = [{ name: 'v-replicate-0', id: 0 }];

/** Everything that reads what a peer sends, by name. */
const decoders = new Map<string, Decoder>([
  ['record header', (bytes) => readMessage(new XdrReader(bytes))],
  ['dict', (bytes) => decodeDict(bytes)],
  ['typed dict', (bytes) => readGfxDict(new XdrReader(bytes))],
  ['stat block', (bytes) => readIatt(new XdrReader(bytes))],
  ...procedures.map(({ name, decode }): [string, Decoder] => [name, (bytes) => decode(new XdrReader(bytes))]),
  ['heal answer', (bytes) => readHealReply(brickOperations.xlatorOp.decode(new XdrReader(bytes)), SET)],
  ['profile', (bytes) => readProfile(brickOperations.xlatorInfo.decode(new XdrReader(bytes)).output, -1n)],
  ...[readCalls, readClients, readInodes, readMemory].map((read): [string, Decoder] => [
    read.name,
    (bytes) => read(brickOperations.status.decode(new XdrReader(bytes)).output),
  ]),
]);

/** An errno in an answer is a refusal by the brick, not of its bytes. */
const FINE = ['ok', 'RpcProtocol', 'GlusterError'];

const recorded = exchanges.filter(({ decoded }) => decoded !== undefined).map(resultsOf);

/** Real results with bytes changed, words replaced by telling ones, a piece cut out or a tail cut off. */
const mutated = fc
  .record({
    results: fc.constantFrom(...recorded),
    words: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff)), {
      maxLength: 4,
    }),
    bytes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    cut: fc.option(fc.tuple(fc.nat(), fc.nat(64))),
    end: fc.option(fc.nat()),
  })
  .map(({ results, words, bytes, cut, end }) => {
    let copy = Buffer.from(results);
    if (copy.length < 8) return copy;
    for (const [at, value] of words) copy.writeUInt32BE(value, (at % (copy.length >> 2)) * 4);
    for (const [at, value] of bytes) copy[at % copy.length] = value;
    if (cut !== null) {
      const at = cut[0] % copy.length;
      copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + cut[1])]);
    }
    return end === null ? copy : copy.subarray(0, end % (copy.length + 1));
  });

const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

/** Words near each other's lengths: more often a plausible structure than noise is. */
const plausible = fc
  .array(fc.oneof(fc.nat(12), fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 100)), { maxLength: 60 })
  .map((words) => {
    const bytes = Buffer.alloc(words.length * 4);
    for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, i * 4);
    return bytes;
  });

describe('hostile bytes', () => {
  it('reach every decoder', () => {
    expect([...decoders.keys()]).toHaveLength(new Set(decoders.keys()).size);
    expect(decoders.size).toBeGreaterThan(30);
  });

  it.each([...decoders])('%s', (_, decode) => {
    fc.assert(
      fc.property(fc.oneof({ weight: 3, arbitrary: mutated }, noise, plausible), (bytes) => {
        expect(FINE).toContain(refusal(() => decode(bytes)));
      }),
      { numRuns: 400 },
    );
  });

  it('real answers that are cut off at any byte are refused or understood', () => {
    const wrong: string[] = [];
    for (const results of recorded.filter(({ length }) => length < 1200)) {
      for (let end = 0; end < results.length; end += 1) {
        for (const [name, decode] of decoders) {
          if (!FINE.includes(refusal(() => decode(results.subarray(0, end))))) wrong.push(`${name} at ${end}`);
        }
      }
    }
    expect(wrong).toStrictEqual([]);
  }, 60_000);

  it.each([0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0fff_ffff])(
    'claimed lengths and counts of %d cost no memory',
    (claim) => {
      const before = process.memoryUsage();
      for (const results of recorded.filter(({ length }) => length < 1200)) {
        for (let at = 0; at + 4 <= results.length; at += 4) {
          const copy = Buffer.from(results);
          copy.writeUInt32BE(claim, at);
          for (const decode of decoders.values()) refusal(() => decode(copy));
        }
      }
      const after = process.memoryUsage();
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(200 * 1024 * 1024);
      expect(after.heapUsed - before.heapUsed).toBeLessThan(400 * 1024 * 1024);
    },
    60_000,
  );
});
