/** Each procedure's request, byte for byte as real processes understood it, and its typed result out of their real answer. */
import { describe, expect, it } from 'vitest';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { dictText } from '../../../src/rpc/dict.ts';
import { gfxBytes, gfxBytesOf, gfxText, gfxTextOf, type GfxDict } from '../../../src/rpc/gfx-dict.ts';
import { healRequest } from '../../../src/rpc/heal-reply.ts';
import { writeCallHeader } from '../../../src/rpc/message.ts';
import {
  barrier,
  brickNull,
  status,
  terminate,
  xlatorInfo,
  xlatorOp,
} from '../../../src/rpc/programs/brick-operations.ts';
import { opendir, readdir, releasedir } from '../../../src/rpc/programs/directory.ts';
import { dumpPing, dumpPrograms } from '../../../src/rpc/programs/dump.ts';
import { ping, setVolume } from '../../../src/rpc/programs/handshake.ts';
import { lookup } from '../../../src/rpc/programs/lookup.ts';
import type { Procedure } from '../../../src/rpc/programs/procedure.ts';
import { stat } from '../../../src/rpc/programs/stat.ts';
import { statfs } from '../../../src/rpc/programs/statfs.ts';
import { getXattr, removeXattr, setXattr, xattrop } from '../../../src/rpc/programs/xattr.ts';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';
import { exchange, resultsOf } from '../../support/rpc-vectors.ts';

const DIR = '11111111-2222-4333-8444-555555555555';
const INDEX = 'd3dc3cdb-083f-48a6-bcee-04d82d7b26a6';
const BRICK = '/srv/demo';
const HEAL_SET = [{ name: 'h1r-replicate-0', id: 0 }];

/** The whole message with its record mark; xid, pid and time as recorded. */
function sent<I, O>(procedure: Procedure<I, O>, input: I, recorded: Buffer): Buffer {
  const writer = new XdrWriter();
  writer.uint32(0);
  writeCallHeader(writer, {
    program: procedure.program,
    version: procedure.version,
    procedure: procedure.procedure,
    xid: recorded.readUInt32BE(4),
    credential: { pid: recorded.readInt32BE(36) },
    time: { seconds: 0n, nanoseconds: 0 },
  });
  procedure.encode(writer, input);
  writer.patchUint32(0, 0x8000_0000 + writer.length - 4);
  return writer.take();
}

interface Case {
  id: string;
  send: (recorded: Buffer) => Buffer;
  receive: (results: XdrReader) => unknown;
  expected: unknown;
}

/** @param view what of the result is compared; all of it when left out */
function on<I, O>(id: string, procedure: Procedure<I, O>, input: I, expected: unknown, view?: (value: O) => unknown): Case {
  return {
    id,
    send: (recorded) => sent(procedure, input, recorded),
    receive: (results) => {
      const value = procedure.decode(results);
      return view === undefined ? value : view(value);
    },
    expected,
  };
}

const AFR_KEY = 'trusted.afr.demo-client-1';

/** A changelog: data, metadata and entry operations pending. */
function counters(data: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(data, 0);
  return bytes;
}

function textsOf(dict: GfxDict | undefined): Record<string, string | undefined> {
  return Object.fromEntries([...(dict ?? [])].map(([key, value]) => [key, gfxTextOf(value)]));
}

const quiet = { opRet: 0, errorText: '' };
const statusInput = (cmd: number): { name: string; input: [string, string | number][] } => ({
  name: '',
  input: [
    ['cmd', cmd],
    ['brick-name', BRICK],
  ],
});

const cases: Case[] = [
  on('dump-programs-unix', dumpPrograms, undefined, [
    { name: 'GF-DUMP', program: 123_451_501n, version: 1n },
    { name: 'Gluster Brick operations', program: 4_867_634n, version: 2n },
  ]),
  on('dump-programs-tcp', dumpPrograms, undefined, [
    { name: 'GlusterFS 4.x v1', program: 1_298_437n, version: 400n },
    { name: 'GF-DUMP', program: 123_451_501n, version: 1n },
    { name: 'GlusterFS Handshake', program: 14_398_633n, version: 2n },
  ]),
  on('dump-ping-unix', dumpPing, undefined, undefined),
  on('hndsk-ping', ping, undefined, undefined),
  on('brick-null', brickNull, undefined, undefined),
  on('status-clients-none', status, statusInput(2), { opRet: -1, output: new Map(), errorText: '' }),
  on('status-unknown-cmd', status, statusInput(32), { opRet: -1, output: new Map(), errorText: 'Unknown status op' }),
  on('status-clients', status, statusInput(2), 'sidecar', ({ output }) => dictText(output, 'client0.name')),
  on('status-inode', status, statusInput(4), '16384', ({ output }) => dictText(output, 'conn1.itable.lru_limit')),
  on('info-bad-name', xlatorInfo, { name: '/nope', input: [['peek', 'on']] }, { opRet: -1, output: new Map(), errorText: 'xlator /nope is not loaded' }),
  on('barrier-enable', barrier, { name: BRICK, input: [['barrier', 'enable']] }, { ...quiet, output: new Map() }),
  on('barrier-disable', barrier, { name: BRICK, input: [['barrier', 'disable']] }, { ...quiet, output: new Map() }),
  on('terminate-unknown', terminate, { name: '/nope', input: [] }, { ...quiet, output: new Map() }),
  on('shd-heal-index', xlatorOp, { name: '', input: healRequest('index-heal', HEAL_SET) }, 'Started self-heal', ({ output }) => dictText(output, '0-2-status')),
  on('shd-heal-full', xlatorOp, { name: '', input: healRequest('full-heal', HEAL_SET) }, 'Started self-heal', ({ output }) => dictText(output, '0-0-status')),
  on('shd-heal-count', xlatorOp, { name: '', input: healRequest('count', HEAL_SET) }, '0', ({ output }) => dictText(output, '0-1-hardlinks')),
  on('shd-statistics', xlatorOp, { name: '', input: healRequest('statistics', HEAL_SET) }, 'FULL', ({ output }) => dictText(output, 'statistics_crawl_type-0-2-2')),
  on('shd-unknown-xlator', xlatorOp, { name: '', input: healRequest('count', [{ name: 'nope', id: 0 }]) }, 0, ({ output }) => output.size),
  on('lookup-root', lookup, { gfid: ROOT_GFID }, [ROOT_GFID, 1n, 0o40755, 0], (reply) => [reply?.iatt.gfid, reply?.iatt.ino, reply?.iatt.mode, reply?.xattrs.size]),
  on('lookup-enoent', lookup, { parent: ROOT_GFID, name: 'nosuch' }, undefined),
  on('lookup-name', lookup, { parent: ROOT_GFID, name: 'vol1' }, DIR, (reply) => reply?.iatt.gfid),
  on('lookup-with-xattr-req', lookup, { gfid: DIR, xattrs: ['trusted.raw', 'trusted.afr.demo-client-1'] }, ['trusted.raw', 'trusted.afr.demo-client-1'], (reply) => [...(reply?.xattrs.keys() ?? [])]),
  on('stat', stat, DIR, DIR, (iatt) => iatt?.gfid),
  on('statfs-dir-pid-14', statfs, DIR, { blockSize: 4096n, blocks: 2442n, free: 2442n, available: 2442n, inodes: 16_777_216n, inodesFree: 16_291_025n, simpleQuota: true }),
  on('namespace-set', setXattr, { gfid: DIR, values: new Map([['trusted.glusterfs.namespace', gfxText('true')]]) }, undefined),
  on('squota-limit-set', setXattr, { gfid: DIR, values: new Map([['trusted.gfs.squota.limit', gfxText('10000000')]]) }, undefined),
  on('squota-total-usage', setXattr, { gfid: DIR, values: new Map([['glusterfs.quota.total-usage', { type: 'INT' as const, value: 4096n }]]) }, undefined),
  on('setxattr-user', setXattr, { gfid: DIR, values: new Map([['user.demo', gfxText('hello')], ['trusted.raw', gfxBytes(Buffer.from([0, 1, 2]))]]) }, undefined),
  on('getxattr-one', getXattr, { gfid: DIR, name: 'user.demo' }, { 'user.demo': 'hello' }, textsOf),
  on('getxattr-missing', getXattr, { gfid: DIR, name: 'user.none' }, undefined),
  on('getxattr-list', getXattr, { gfid: DIR, name: '' }, ['trusted.gfs.squota.limit', 'trusted.raw', 'user.demo', 'trusted.glusterfs.namespace'], (found) => [...(found?.keys() ?? [])]),
  on('getxattr-index-count', getXattr, { gfid: ROOT_GFID, name: 'glusterfs.xattrop_index_count' }, { 'glusterfs.xattrop_index_count': '0' }, textsOf),
  on('getxattr-gfid2path', getXattr, { gfid: DIR, name: 'glusterfs.gfid2path' }, { 'glusterfs.gfid2path': '/vol1' }, textsOf),
  on('getxattr-pathinfo', getXattr, { gfid: ROOT_GFID, name: 'trusted.glusterfs.pathinfo' }, { 'trusted.glusterfs.pathinfo': '<POSIX(/srv/demo):brick-a:/srv/demo/>' }, textsOf),
  on('xattrop-add', xattrop, { gfid: DIR, kind: 'add', values: new Map([[AFR_KEY, gfxBytes(counters(1))]]) }, counters(1), (found) => gfxBytesOf(found.get(AFR_KEY))),
  on('xattrop-sub', xattrop, { gfid: DIR, kind: 'add', values: new Map([[AFR_KEY, gfxBytes(counters(-1))]]) }, counters(0), (found) => gfxBytesOf(found.get(AFR_KEY))),
  on('removexattr', removeXattr, { gfid: DIR, name: 'user.demo' }, undefined),
  on('removexattr-missing', removeXattr, { gfid: DIR, name: 'user.demo' }, undefined),
  on('opendir-index', opendir, INDEX, 0n),
  on('readdir-index', readdir, { gfid: INDEX, fd: 0n, offset: 0n, size: 0x20000 }, { entries: [{ name: Buffer.from('.'), ino: 2_408_855n, offset: 3_327_584_847_907_763_284n }, { name: Buffer.from('..'), ino: 2_319_057n, offset: 9_223_372_036_854_775_807n }], isLast: true }),
  on('releasedir-index', releasedir, { gfid: INDEX, fd: 0n }, undefined),
];

describe('procedures', () => {
  it.each(cases)('$id: the request', ({ id, send }) => {
    const { request } = exchange(id);
    expect(send(request).toString('hex')).toBe(request.toString('hex'));
  });

  it.each(cases)('$id: the answer', ({ id, receive, expected }) => {
    expect(receive(new XdrReader(resultsOf(exchange(id))))).toStrictEqual(expected);
  });

  it.each([
    ['setvolume-badsubvol', 'Brick not found', 'ENOENT'],
    ['setvolume-nosubvol', 'No remote-subvolume option specified', 'EINVAL'],
  ])('%s says why', (id, why, errnoName) => {
    expect(() => setVolume.decode(new XdrReader(resultsOf(exchange(id))))).toThrow(
      expect.objectContaining({ code: 'GlusterError', message: expect.stringContaining(why), details: expect.objectContaining({ errnoName }) }),
    );
  });

  it('a limit on what is no namespace is EPERM', () => {
    expect(() => setXattr.decode(new XdrReader(resultsOf(exchange('squota-limit-before-namespace'))))).toThrow(
      expect.objectContaining({ code: 'GlusterError', details: { errno: 1, errnoName: 'EPERM', procedure: 'FOP.SETXATTR' } }),
    );
  });
});
