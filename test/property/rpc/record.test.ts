import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { RecordDecoder } from '../../../src/rpc/record.ts';
import { refusal } from '../../support/refusal.ts';
import { u32 } from '../../support/wire.ts';

/** Records as rows of fragments; only the last fragment of a record may be empty. */
const fragments = fc
  .tuple(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 3 }), fc.uint8Array({ maxLength: 50 }))
  .map(([first, last]) => first.concat([last]));
const records = fc.array(fragments, { maxLength: 6 });

function stream(rows: Uint8Array[][]): Buffer {
  return Buffer.concat(
    rows.flatMap((fragments) =>
      fragments.flatMap((fragment, index) => [
        u32(fragment.length + (index === fragments.length - 1 ? 0x8000_0000 : 0)),
        fragment,
      ]),
    ),
  );
}

/** Cuts at the given places, taken modulo what is left. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes.length === 0 ? bytes.length : 1 + (sizes[i % sizes.length] ?? 0);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('record marking', () => {
  it('gives the same records however they were fragmented and cut up by the network', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(40), { maxLength: 12 }), (rows, sizes) => {
        const decoder = new RecordDecoder();
        const found: string[] = [];
        for (const chunk of cut(stream(rows), sizes)) {
          decoder.push(chunk, (record) => found.push(record.toString('hex')));
        }
        expect(found).toStrictEqual(rows.map((fragments) => Buffer.concat(fragments).toString('hex')));
        expect(decoder.inRecord).toBe(false);
      }),
    );
  });

  it('what comes later does not change a record that was given', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(40), { maxLength: 12 }), (rows, sizes) => {
        const decoder = new RecordDecoder();
        const found: Buffer[] = [];
        // Each chunk is memory of its own, as Node hands it out, and stays alive as long as its records do.
        for (const chunk of cut(stream(rows), sizes)) decoder.push(Buffer.from(chunk), (record) => found.push(record));
        const before = found.map((record) => record.toString('hex'));
        decoder.push(Buffer.from([0x80, 0, 0, 9, 1, 2, 3]), () => undefined);
        expect(found.map((record) => record.toString('hex'))).toStrictEqual(before);
      }),
    );
  });

  it('noise is records or RpcProtocol, and no record is over the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(30), { maxLength: 8 }), (noise, sizes) => {
        const decoder = new RecordDecoder(100);
        const outcome = refusal(() => {
          for (const chunk of cut(Buffer.from(noise), sizes)) {
            decoder.push(chunk, (record) => expect(record.length).toBeLessThanOrEqual(100));
          }
        });
        expect(['ok', 'RpcProtocol']).toContain(outcome);
      }),
    );
  });
});
