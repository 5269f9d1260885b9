/** Every recorded reply of real 10.3 and 11.1 processes, read to its last byte and compared with what another decoder made of it. */
import { describe, expect, it } from 'vitest';
import { decodeDict, textOf, type Dict } from '../../../src/rpc/dict.ts';
import { readGfxDict, type GfxDict, type GfxValue } from '../../../src/rpc/gfx-dict.ts';
import { readIatt, type Iatt } from '../../../src/rpc/iatt.ts';
import { readMessage, type RejectReason } from '../../../src/rpc/message.ts';
import { XdrReader } from '../../../src/rpc/xdr.ts';
import { exchanges, isRecord, type Exchange } from '../../support/rpc-vectors.ts';

/** As in the samples: numbers, and text beyond 2^53. */
function plain(value: bigint | number): number | string {
  return typeof value === 'bigint' && value > BigInt(Number.MAX_SAFE_INTEGER) ? String(value) : Number(value);
}

function plainDict(dict: Dict): Record<string, string> {
  return Object.fromEntries([...dict].map(([key, value]) => [key, textOf(value)]));
}

function plainValue({ type, value }: GfxValue): unknown {
  return { type, value: Buffer.isBuffer(value) ? value.toString('hex') : typeof value === 'bigint' ? plain(value) : value };
}

function plainGfxDict(dict: GfxDict | undefined): unknown {
  if (dict === undefined) return null;
  return Object.fromEntries([...dict].map(([key, value]) => [key, plainValue(value)]));
}

function plainIatt(iatt: Iatt): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(iatt).map(([key, value]) => [
      key.replace(/Nsec$/, '_nsec').replace('attributesMask', 'attributes_mask'),
      typeof value === 'string' ? value : plain(value),
    ]),
  );
}

const STATFS_FIELDS = 'bsize frsize blocks bfree bavail files ffree favail fsid flag namemax'.split(' ');

/** What stands after op_ret and op_errno, in the names of the samples. */
const LAYOUTS: Record<string, (reader: XdrReader) => Record<string, unknown>> = {
  'FOP.LOOKUP': (r) => ({
    xdata: plainGfxDict(readGfxDict(r)),
    stat: plainIatt(readIatt(r)),
    postparent: plainIatt(readIatt(r)),
  }),
  'FOP.MKDIR': (r) => ({
    xdata: plainGfxDict(readGfxDict(r)),
    stat: plainIatt(readIatt(r)),
    preparent: plainIatt(readIatt(r)),
    postparent: plainIatt(readIatt(r)),
  }),
  'FOP.STAT': (r) => ({ xdata: plainGfxDict(readGfxDict(r)), stat: plainIatt(readIatt(r)) }),
  'FOP.STATFS': (r) => ({
    xdata: plainGfxDict(readGfxDict(r)),
    statfs: Object.fromEntries(STATFS_FIELDS.map((field) => [field, plain(r.uint64())])),
  }),
  'FOP.GETXATTR': readXattrs,
  'FOP.XATTROP': readXattrs,
  'FOP.SETXATTR': readKeys,
  'FOP.REMOVEXATTR': readKeys,
  'FOP.OPENDIR': (r) => ({ xdata: plainGfxDict(readGfxDict(r)), fd: plain(r.int64()) }),
  'FOP.RELEASEDIR': (r) => (readGfxDict(r), {}),
  'FOP.READDIR': (r) => ({ xdata: plainGfxDict(readGfxDict(r)), entries: readEntries(r) }),
  'DUMP.PING': (r) => ({ xdata_hex: r.opaque().toString('hex') }),
  'HNDSK.PING': (r) => ({ xdata_hex: r.opaque().toString('hex') }),
  'HNDSK.SETVOLUME': (r) => ({ dict: plainDict(decodeDict(r.opaqueView())) }),
};

function readXattrs(r: XdrReader): Record<string, unknown> {
  const xdata = plainGfxDict(readGfxDict(r));
  const dict = plainGfxDict(readGfxDict(r));
  const trailing = r.remaining;
  readIatt(r);
  readIatt(r);
  return { xdata, dict, trailing };
}

function readKeys(r: XdrReader): Record<string, unknown> {
  return { xdata_keys: [...(readGfxDict(r)?.keys() ?? [])].sort() };
}

function readEntries(r: XdrReader): unknown[] {
  const entries: unknown[] = [];
  while (r.uint32() === 1) {
    const [ino, off] = [plain(r.uint64()), plain(r.uint64())];
    entries.push({ ino, off, len: r.uint32(), type: r.uint32(), name: r.string() });
  }
  return entries;
}

function readBrickOperation(r: XdrReader): Record<string, unknown> {
  const head = { op_ret: r.int32(), op_errno: r.int32() };
  const output = r.opaque();
  return { ...head, errstr: r.string(), output: output.length === 0 ? null : plainDict(decodeDict(output)) };
}

function readPrograms(r: XdrReader): Record<string, unknown> {
  const head = { gfs_id: plain(r.uint64()), op_ret: r.int32(), op_errno: r.int32() };
  const progs: unknown[] = [];
  while (r.uint32() === 1) progs.push([r.string(), plain(r.uint64()), plain(r.uint64())]);
  return { ...head, progs };
}

function readReply(proc: string, r: XdrReader): Record<string, unknown> {
  if (r.remaining === 0) return proc === 'BRICK.NULL' ? { bytesAfterHeader: 0 } : { emptyBody: true };
  if (proc === 'DUMP.DUMP') return readPrograms(r);
  if (proc.startsWith('BRICK.')) return readBrickOperation(r);
  const layout = LAYOUTS[proc];
  if (layout === undefined) throw new Error(`no layout of ${proc}`);
  return { op_ret: r.int32(), op_errno: r.int32(), ...layout(r) };
}

function open(one: Exchange): { reader: XdrReader; header: ReturnType<typeof readMessage> } {
  expect(one.reply.readUInt32BE(0)).toBe(0x8000_0000 + one.reply.length - 4);
  const reader = new XdrReader(one.reply.subarray(4));
  return { reader, header: readMessage(reader) };
}

const REASONS: Record<string, RejectReason> = {
  '1': 'PROG_UNAVAIL',
  '2': 'PROG_MISMATCH',
  '3': 'PROC_UNAVAIL',
  '4': 'GARBAGE_ARGS',
};

describe('replies', () => {
  const accepted = exchanges.filter(({ decoded }) => decoded !== undefined);
  const refused = exchanges.filter(({ rpcError }) => rpcError !== undefined);

  it('all of them are here', () => {
    expect([accepted.length, refused.length, accepted.length + refused.length]).toStrictEqual([94, 9, exchanges.length]);
  });

  it.each(accepted)('$gluster $id', (one) => {
    const { reader, header } = open(one);
    expect(header).toStrictEqual({ kind: 'success', xid: one.request.readUInt32BE(4) });
    const found = readReply(one.proc, reader);
    expect(found).toStrictEqual(sorted(one.decoded));
    expect(reader.remaining).toBe(0);
  });

  it.each(refused)('$gluster $id is refused', (one) => {
    const { header } = open(one);
    const state = /stat=(\d)/.exec(one.rpcError ?? '')?.[1] ?? '';
    expect(header).toStrictEqual({ kind: 'rejected', xid: one.request.readUInt32BE(4), reason: REASONS[state] });
  });
});

/** The samples list the keys of xdata in no order. */
function sorted(decoded: unknown): unknown {
  if (!isRecord(decoded) || !Array.isArray(decoded['xdata_keys'])) return decoded;
  return { ...decoded, xdata_keys: decoded['xdata_keys'].map(String).sort() };
}
